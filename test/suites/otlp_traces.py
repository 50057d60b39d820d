"""Traces of several spans: whatever the order, the split over requests and the encoding, the same trace (otlp.md 2.15, 3 end)."""
import itertools
import random
import secrets

from lib import otlp
from lib.check import contains, equal, true
from lib.otlp import T, span
from lib.otlp_server import WAYS, OtlpTests, by_json
from lib.otlp_views import check_langwatch

tests = OtlpTests("otlp/trace")
SECOND = 1_000_000_000
SMALL = 4  # spans up to which every order is tried


def fresh(spans):
    """The spans under a trace id of their own. Span ids keep their order, since ties go by it."""
    ids, prefix = {}, secrets.token_hex(3)

    def span_id(id):
        return prefix + id.rjust(10, "0")

    made = []
    for s in spans:
        trace = ids.setdefault(s["traceId"], secrets.token_hex(16))
        parent = {"parentSpanId": span_id(s["parentSpanId"])} if s.get("parentSpanId") else {}
        made.append({**s, "traceId": trace, "spanId": span_id(s["spanId"]), **parent})
    return made


def orders(spans, seed):
    if len(spans) <= SMALL:
        return list(itertools.permutations(range(len(spans))))
    dice = random.Random(seed)
    return [dice.sample(range(len(spans)), len(spans)) for _ in range(12)]


def in_all_orders(p, spans, seed=1, **more):
    """Each order in a trace of its own, each span a request of its own, the ways mixed; then all that is there is looked at."""
    dice, requests = random.Random(seed), []
    ways = [w for w in WAYS if w != "grpc"]
    for order in orders(spans, seed):
        mine = fresh(spans)
        for index in order:
            request = otlp.traces(mine[index], **more)
            WAYS[dice.choice(ways)](p, request)
            requests.append(request)
    check_langwatch(p, requests)


@tests("a-session-of-a-child-before-its-root")
def child_first(p):
    spans = [span("t", "1", "root", T, T + 5 * SECOND, a={"gen_ai.conversation.id": "of-the-root", "user.id": "u"}),
             span("t", "2", "child", T + SECOND, T + 2 * SECOND, parent="1", a={"session.id": "of-the-child"}),
             span("t", "3", "grandchild", T + SECOND, T + 3 * SECOND, parent="2", a={"gen_ai.conversation.id": "sub-agent"})]
    in_all_orders(p, spans)
    for trace in p.lw.walk():
        equal(trace["metadata"]["thread_id"], "of-the-child", "a trace key on any span beats what the root's other keys say")
        equal(trace["metadata"]["user_id"], "u", "user")


@tests("a-child-alone-fills-the-session")
def fills(p):
    spans = [span("t", "1", "root", T, T + 5 * SECOND), span("t", "2", "late", T + SECOND, parent="1", a={"gen_ai.conversation.id": "late"}),
             span("t", "3", "early", T + SECOND - 1, parent="1", a={"gen_ai.conversation.id": "early"})]
    in_all_orders(p, spans)
    equal({t["metadata"]["thread_id"] for t in p.lw.walk()}, {"early"}, "sessions, of the earliest span")


@tests("b-two-roots-the-later-unnamed")
def two_roots(p):
    spans = [span("t", "1", "first", T, T + SECOND, a={"input.value": "in 1", "output.value": "out 1"}),
             span("t", "2", "", T + SECOND, T + 9 * SECOND, a={"input.value": "in 2", "output.value": "out 2"}),
             span("t", "3", "child", T + SECOND, T + 2 * SECOND, parent="1", a={"input.value": "in 3"})]
    in_all_orders(p, spans)
    for trace in p.lw.walk():
        contains(trace, {"input": {"value": "in 1"}, "output": {"value": "out 2"}}, "input of the earliest root, output of the latest-ending")
    true(all(p.lw.ids(filters={"traces.name": ["first"]})), "named by the first root")
    equal(len(p.lw.ids(filters={"traces.name": ["first"]})), 6, "traces named by the earliest root")


@tests("c-the-parent-never-comes")
def orphan(p):
    spans = [span("t", "2", "orphan", T + SECOND, parent="1", a={"input.value": "from below"}),
             span("t", "3", "second", T + 2 * SECOND, parent="2", a={"output.value": "said below"})]
    in_all_orders(p, spans)
    equal(len(p.lw.ids(filters={"traces.name": ["orphan"]})), 2, "traces named by their earliest span")
    for trace in p.lw.walk():
        contains(trace, {"input": {"value": "from below"}, "output": {"value": "said below"}}, "texts of a trace without a root")


@tests("c-and-then-it-comes")
def late_root(p):
    spans = [span("t", "2", "orphan", T + SECOND, parent="1", a={"input.value": "from below", "user.id": "u-child"}),
             span("t", "1", "root", T, T + 9 * SECOND, a={"input.value": "from the root", "output.value": "end", "langfuse.environment": "prod"}),
             span("t", "3", "second", T + 2 * SECOND, parent="1", a={"gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2})]
    in_all_orders(p, spans)
    for trace in p.lw.walk():
        contains(trace, {"input": {"value": "from the root"}, "metadata": {"environment": "prod", "user_id": "u-child"}}, "after the late root")


@tests("d-one-span-twice")
def twice(p):
    usage = {"gen_ai.request.model": "house-model", "gen_ai.usage.input_tokens": 7, "gen_ai.usage.output_tokens": 3, "gen_ai.usage.cost": 0.5}
    request = otlp.traces(*fresh([span("t", "1", "once", a=usage)]))
    for way in ("json", "protobuf", "json"):
        WAYS[way](p, request)
    check_langwatch(p, [request])
    equal(p.lunary.count(type="llm"), 1, "runs")


@tests("d-a-later-end-wins")
def growing(p):
    first = span("t", "1", "live", T, T + SECOND, a={"output.value": "half", "user.id": "u"})
    later = span("t", "1", "live", T, T + 2 * SECOND, a={"output.value": "whole", "user.id": "u"})
    for order in ((first, later), (later, first), (first, later, first)):
        sent = fresh(order)
        for one in sent:
            by_json(p, otlp.traces(one))
        trace = p.lw.trace(sent[0]["traceId"])
        equal(len(trace["spans"]), 1, "spans")
        contains(trace["spans"][0], {"output": {"value": "whole"}, "timestamps": {"finished_at": (T + 2 * SECOND) // 1_000_000}}, "the later end")


@tests("later-trace-keys-win")
def renamed(p):
    spans = [span("t", "1", "root", T, T + 9 * SECOND, a={"langfuse.trace.name": "early", "user.id": "u-1", "langfuse.trace.tags": ["a", "b"]}),
             span("t", "2", "child", T + SECOND, parent="1", a={"langfuse.trace.name": "late", "user.id": "u-2", "langfuse.trace.tags": ["b", "c"],
                                                                "langfuse.trace.metadata.k": "child"}),
             span("t", "3", "child", T + 2 * SECOND, parent="1", a={"langfuse.session.id": "s", "langfuse.trace.output": "{\"said\": \"so\"}"})]
    in_all_orders(p, spans)
    for trace in p.lw.walk():
        contains(trace, {"metadata": {"user_id": "u-2", "thread_id": "s", "labels": ["a", "b", "c"], "k": "child"}}, "trace keys by start time")
    equal(len(p.lw.ids(filters={"traces.name": ["late"]})), 6, "renamed traces")


@tests("i-langwatch-python-empties")
def empties(p):
    spans = [span("t", "1", "root", a={"metadata": "null", "langwatch.timestamps": "{}", "langwatch.span.type": "span"})]
    for way in ("json", "protobuf"):
        request = otlp.traces(*fresh(spans))
        WAYS[way](p, request)
        trace = p.lw.trace(request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"])
        true("null" not in trace["metadata"] and trace["spans"][0]["timestamps"]["first_token_at"] is None, f"nothing made of null: {trace['metadata']}")


def forest(dice, size, roots=1):
    """A tree or several, deep and wide, with what sums, errors, users, tags and several types."""
    made = []
    for i in range(size):
        start = T + dice.randrange(60 * SECOND)
        a = {"langwatch.span.type": dice.choice(["llm", "agent", "tool", "chain", "rag", "span"])}
        if dice.random() < 0.4:
            a.update({"gen_ai.request.model": "house-model", "gen_ai.usage.input_tokens": dice.randrange(1, 500),
                      "gen_ai.usage.output_tokens": dice.randrange(1, 200), "gen_ai.usage.cost": dice.randrange(1, 50) / 1000})
        if dice.random() < 0.3:
            a["input.value"], a["output.value"] = f"in {i} \U0001f600", f"out {i}"
        if dice.random() < 0.1:
            a["user.id"] = f"u-{dice.randrange(3)}"
        if dice.random() < 0.1:
            a["langfuse.trace.tags"] = dice.sample(["a", "b", "c", "d"], 2)
        more = {"status": {"code": 2, "message": f"failed {i}"}} if dice.random() < 0.05 else {}
        parent = None if i < roots else f"{dice.randrange(max(0, i - 20), i) + 1:x}"
        made.append(span("t", f"{i + 1:x}", f"step {i}", start, start + dice.randrange(1, 30 * SECOND), parent=parent, a=a, **more))
    return made


def sent_mixed(p, spans, dice, ways):
    """Split over many requests, in any order, the ways mixed, some requests twice."""
    left, requests = dice.sample(spans, len(spans)), []
    while left:
        n = dice.choice([1, 1, 2, 5, 17, 40])
        requests.append((dice.choice(ways), otlp.traces(*left[:n])))
        left = left[n:]
    requests += dice.sample(requests, len(requests) // 4)
    for way, request in requests:
        WAYS[way](p, request)
    return [r for _, r in requests]


def big(p, size, roots, ways):
    dice = random.Random(p.environment.seed + size + roots)
    spans = fresh(forest(dice, size, roots))
    check_langwatch(p, sent_mixed(p, spans, dice, ways))


tests.add("200-spans-mixed-encodings", lambda p: big(p, 200, 1, ["json", "protobuf"]))
tests.add("200-spans-with-grpc", lambda p: big(p, 200, 1, ["json", "protobuf", "grpc"]))
tests.add("60-spans-several-roots", lambda p: big(p, 60, 4, ["json", "protobuf"]))


@tests("many-traces-in-one-request")
def many(p):
    dice = random.Random(p.environment.seed)
    spans = [s for _ in range(20) for s in fresh(forest(dice, 6))]
    dice.shuffle(spans)
    request = otlp.traces(*spans)
    by_json(p, request)
    check_langwatch(p, [request])


@tests("two-resources-two-scopes")
def several(p):
    """Langtrace's server reads the first resource only; here all count."""
    spans = fresh([span("t", "1", "root", T, T + 9 * SECOND), span("t", "2", "other", parent="1"), span("t", "3", "third", parent="1")])
    first, second = otlp.traces(spans[0], resource={"service.version": "1.0"}), otlp.traces(spans[1], scope={"name": "ai"})
    first["resourceSpans"][0]["scopeSpans"] += otlp.traces(spans[2], scope={"name": "x"})["resourceSpans"][0]["scopeSpans"]
    request = {"resourceSpans": first["resourceSpans"] + second["resourceSpans"]}
    for way in ("json", "protobuf"):
        WAYS[way](p, request)
    check_langwatch(p, [request])
    equal(p.lw.trace(spans[0]["traceId"])["metadata"]["version"], "1.0", "version of the root's resource")


@tests("two-projects-the-same-ids")
def two_projects(p):
    spans = fresh([span("t", "1", "root", a={"user.id": "u-here"})])
    by_json(p, otlp.traces(*spans))
    other = p.environment.project()
    other.environment = p.environment
    elsewhere = [{**s, "name": "elsewhere", "attributes": []} for s in spans]
    by_json(other, otlp.traces(*elsewhere))
    check_langwatch(p, [otlp.traces(*spans)])
    check_langwatch(other, [otlp.traces(*elsewhere)])


@tests("a-roll-up-is-not-summed")
def rollup(p):
    usage = {"gen_ai.request.model": "house-model", "gen_ai.usage.input_tokens": 10, "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cost": 0.25}
    spans = fresh([span("t", "1", "sum", a={**usage, "langwatch.reserved.skip_token_accumulation": True}), span("t", "2", "part", parent="1", a=usage)])
    by_json(p, otlp.traces(*spans))
    check_langwatch(p, [otlp.traces(*spans)])
    contains(p.lw.trace(spans[0]["traceId"])["metrics"], {"prompt_tokens": 10, "total_cost": 0.25}, "sums without the roll-up")


