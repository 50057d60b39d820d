"""langtrace.md 12, lines 1 to 3, 8, 10 to 12: spans in, traces out."""
import json
import os

from lib.check import ANY, contains, equal, is_text, says, status, true
from lib.langtrace import S, SCHEMAS, Span, any_value, export, iso_us, protobuf, validate
from lib.langwatch import by_id, span as lw_span, text
from lib.suite import ProjectTests

tests = ProjectTests("accept/langtrace")
T = 1_790_000_000 * S
TRACE, ROOT, LLM = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", "eee19b7ec3c1b175"
PROMPT = '[{"role":"user","content":"Grüezi ☀️"}]'
ANSWER = '[{"role":"assistant","content":"Hallo"}]'
ATTRIBUTES = {
    "langtrace.sdk.name": "@langtrase/typescript-sdk", "langtrace.service.name": "OpenAI",
    "langtrace.service.type": "llm", "langtrace.version": "6.3.7", "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "gpt-4o", "gen_ai.response.model": "gpt-4o-2024-08-06", "gen_ai.request.temperature": 0.5,
    "gen_ai.request.stream": False, "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 5,
    "gen_ai.usage.total_tokens": 17, "user_id": "u-1", "session.id": "s-1", "prompt_id": "pr-1",
    "prompt_version": "2", "mine.double": 1.25, "mine.bool": True, "mine.list": ["a", "b"]
}
EVENTS = [("gen_ai.content.prompt", T + 1000, {"gen_ai.prompt": PROMPT}),
          ("gen_ai.content.completion", T + 2000, {"gen_ai.completion": ANSWER})]


def llm_span(trace=TRACE, id=LLM, **more):
    more = {"name": "openai.chat.completions.create", "kind": 3, "attributes": ATTRIBUTES, "events": EVENTS, "status": 1,
            "scope": ("@langtrase/typescript-sdk", "6.3.7"), **more}
    return Span(trace, id, T, T + 2_500_000, **more)


def shown(span, **more):
    """What POST /api/traces shows of a Span."""
    words = ["UNSET", "OK", "ERROR"]
    return {
        "name": span.name, "trace_id": span.trace, "span_id": span.id, "parent_id": span.parent or "",
        "trace_state": "", "kind": str(span.kind), "start_time": iso_us(span.start), "end_time": iso_us(span.end),
        "attributes": span.attributes, "status_code": words[span.status], "events": [{
            "name": n, "time": iso_us(t), "timestamp": iso_us(t), "attributes": a
        } for n, t, a in span.events], "links": [],
        "duration": f"{(span.end - span.start) / 1e6:.6f}".rstrip("0").rstrip("."), **more
    }


# ---- 1 ----


@tests("01-three-shapes-one-observation")
def shapes(p):
    s = llm_span()
    ways = {
        "protobuf": lambda: status(p.lt.send_protobuf(protobuf(s)), 200), "otlp": lambda: p.lt.send(export(s)),
        "typescript": lambda: p.lt.send([s.typescript()]), "python": lambda: p.lt.send([s.old_python()])
    }
    seen = None
    for way, send in ways.items():
        send()
        got = p.lt.traces()
        equal([x["span_id"] for t in got for x in t["spans"]], [s.id], f"spans after {way}")
        equal(got[0]["spans"][0], shown(s), f"the span after {way}")
        trace = p.lw.trace(TRACE)
        for key in ("updated_at", "inserted_at"):
            trace["timestamps"].pop(key)
        seen = seen or trace
        equal(trace, seen, f"LangWatch's view after {way}")
    contains(
        by_id(seen)[LLM], {
            "type": "llm", "model": "gpt-4o-2024-08-06", "vendor": "OpenAI",
            "input": {"type": "chat_messages", "value": json.loads(PROMPT)},
            "output": {"type": "chat_messages", "value": json.loads(ANSWER)},
            "metrics": {"prompt_tokens": 12, "completion_tokens": 5}
        }, "the span as LangWatch shows it")
    contains(seen["metadata"], {"user_id": "u-1", "thread_id": "s-1"}, "the trace's user and session")


@tests("01-each-shape-alone-is-the-same")
def shapes_alone(p):
    made = [llm_span(id=f"00000000000000a{i}", trace=f"{i:032x}") for i in (1, 2, 3, 4)]
    status(p.lt.send_protobuf(protobuf(made[0])), 200)
    p.lt.send(export(made[1]))
    p.lt.send([made[2].typescript()])
    p.lt.send([made[3].old_python()])
    got = p.lt.spans()
    for s in made:
        equal(got[s.id], shown(s), f"span {s.id}")
    views = [p.lw.trace(s.trace) for s in made]
    strip = lambda t, s: json.loads(
        json.dumps({k: v for k, v in t.items() if k not in ("timestamps", )}).replace(s.trace, "T").replace(s.id, "S"))
    for s, view in zip(made[1:], views[1:]):
        equal(strip(view, s), strip(views[0], made[0]), f"LangWatch's view of {s.id}")


@tests("01-repeats-change-nothing")
def repeats(p):
    s = llm_span()
    p.lt.send([s.typescript()])
    before = p.lw.trace(TRACE)
    for _ in range(2):
        p.lt.send([s.typescript()])
        equal(p.lw.trace(TRACE), before, "the trace after a repeat, receipts too")


@tests("01-empty-bodies")
def empty(p):
    for body in ([], {}, {"resourceSpans": []}, b""):
        equal(p.lt.send(body), {"status": 200, "message": "Traces added successfully"}, f"the answer to {body!r}")
    reply = status(p.lt.send_protobuf(b""), 200)
    equal((reply.body, reply.header("content-type")), (b"", "application/x-protobuf"), "an empty export in protobuf")
    equal(p.lt.traces(), [], "traces")


@tests("01-some-spans-bad")
def some_bad(p):
    good = llm_span().typescript()
    got = p.lt.send([{"name": "no ids"}, good, {**good, "spanId": ""}, 5, {**good, "spanId": "aa" * 8, "startTime": "noon"}])
    contains(got, {"status": 200, "message": "Traces added successfully", "rejected": 4}, "the answer")
    true("[0].traceId" in got["partialSuccess"]["errorMessage"], f"the answer names the place: {got}")
    equal(list(p.lt.spans()), [LLM], "spans that were kept")
    got = p.lt.send({
        "resourceSpans": [{"scopeSpans": [{"spans": [{"name": "no ids"}, llm_span(id="aa" * 8).otlp()]}]}]
    })
    contains(got, {"rejected": 1}, "the answer to OTLP")
    equal(sorted(p.lt.spans()), sorted([LLM, "aa" * 8]), "spans that were kept of both")


@tests("01-any-spelling-of-ids")
def ids(p):
    import base64
    s = llm_span(parent=ROOT)
    b64 = lambda hex: base64.b64encode(bytes.fromhex(hex)).decode()
    for trace, id, parent in ((s.trace.upper(), s.id.upper(), s.parent.upper()),
                              (b64(s.trace), b64(s.id), b64(s.parent)),
                              (str(int(s.trace, 16)), str(int(s.id, 16)), str(int(s.parent, 16))),
                              ("0x" + s.trace, "0x" + s.id, "0x" + s.parent)):
        p.lt.send([{**s.typescript(), "traceId": trace, "spanId": id, "parentSpanId": parent}])
        equal(p.lt.spans(), {s.id: shown(s)}, f"the span sent as {trace}")
    p.lt.send([{**s.typescript(), "traceId": "my-trace.1", "spanId": "my span"}])
    contains(p.lt.span("my span"), {"trace_id": "my-trace.1", "parent_id": ROOT}, "ids that are none of ours stay")


# ---- 2, 3 ----


@tests("02-attributes-as-an-object")
def attribute_map(p):
    """The documents' own curl sample gives attributes as an object of AnyValues, and ids that are no hex."""
    span = llm_span().otlp()
    span["attributes"] = {k: any_value(v) for k, v in ATTRIBUTES.items()}
    span["kind"], span["status"] = "SPAN_KIND_CLIENT", {"code": "STATUS_CODE_ERROR", "message": "boom"}
    p.lt.send({"resourceSpans": [{"resource": {"attributes": {"service.name": "svc"}}, "scopeSpans": [{"spans": [span]}]}]})
    got = p.lt.span(LLM)
    equal(got["attributes"], ATTRIBUTES, "attributes")
    contains(got, {"kind": "3", "status_code": "ERROR"}, "enumerations by name")
    plain = {**span, "spanId": "zz-top", "traceId": "sample-trace-xyz", "attributes": ATTRIBUTES}
    p.lt.send({"resource_spans": [{"instrumentation_library_spans": [{"spans": [plain]}]}]})
    equal(p.lt.span("zz-top")["attributes"], ATTRIBUTES, "plain attributes, old member names, opaque ids")


@tests("02-values-of-every-kind-come-back")
def values(p):
    kinds = {"d": 0.1, "whole": 3.0, "b": False, "i": 9007199254740993, "neg": -5, "l": [1, 2.5, True, "x"], "s": "", "u": "🧐"}
    s = llm_span(attributes=kinds, events=[("mine", T, dict(kinds))])
    status(p.lt.send_protobuf(protobuf(s)), 200)
    got = p.lt.span(LLM)
    equal(got["attributes"], kinds, "attributes sent as protobuf")
    equal(got["events"][0]["attributes"], kinds, "attributes of the event")
    p.lt.send([llm_span(id="ab" * 8, attributes=kinds).typescript()])
    equal(p.lt.span("ab" * 8)["attributes"], kinds, "attributes sent as a list of spans")


@tests("03-two-resources-and-child-first")
def tree(p):
    root = Span(TRACE, ROOT, T - S, T + S, name="agent", resource={"service.name": "one"}, kind=2)
    child = llm_span(parent=ROOT, resource={"service.name": "two"})
    p.lt.send(export(child))
    contains(p.lt.traces(), [{"name": child.name, "spans": [shown(child)]}], "the child alone")
    late = llm_span(id="ff" * 8, parent=LLM, name="inner", resource={"service.name": "three"})
    p.lt.send(export(root, late))
    got = p.lt.traces()
    equal([s["span_id"] for s in got[0]["spans"]], [ROOT, LLM, "ff" * 8], "spans in order of start")
    contains(
        got, [{
            "trace_id": TRACE, "name": "agent", "start_time": iso_us(root.start), "end_time": iso_us(root.end),
            "duration": "2000", "status_code": "OK"
        }], "the trace")
    tree = by_id(p.lw.trace(TRACE))
    equal({k: v["parent_id"] for k, v in tree.items()}, {ROOT: None, LLM: ROOT, "ff" * 8: LLM}, "parents")


# ---- 8 ----


@tests("08-pages")
def pages(p):
    spans = [Span(f"{i + 1:032x}", f"{i + 1:016x}", T + i * S, T + i * S + S, name=f"n{i}") for i in range(250)]
    p.lt.send([s.typescript() for s in spans])
    newest = [s.trace for s in reversed(spans)]
    for page, wanted in ((1, newest[:100]), (2, newest[100:200]), (3, newest[200:])):
        got = p.lt.page(page, 100)
        equal([t["trace_id"] for t in got["result"]], wanted, f"page {page}")
        equal(got["metadata"], {"page": page, "page_size": 100, "total_pages": 3}, f"metadata of page {page}")
        for t in got["result"]:
            true(all(is_text(t[k]) for k in ("trace_id", "name", "start_time", "end_time", "duration", "status_code")),
                 f"a trace's own values are strings: {t}")
            for s in t["spans"]:
                true(all(is_text(v) for v in s.values()), f"every value of a span is a string: {s}")
                true(isinstance(json.loads(s["attributes"]), dict) and json.loads(s["events"]) == [], f"JSON texts: {s}")
    equal(p.lt.page(9, 100), {"result": [], "metadata": {"page": 9, "page_size": 100, "total_pages": 3}}, "beyond the end")
    says(p.lt.page(1, 101, expect=400), "Page size cannot be more than 100")


@tests("08-order-within-a-page")
def order(p):
    """By the newest start into pages, by the newest end within one."""
    long = Span("a" * 32, "a" * 16, T, T + 100 * S)
    short = Span("b" * 32, "b" * 16, T + S, T + 2 * S)
    p.lt.send([long.typescript(), short.typescript()])
    equal([t["trace_id"] for t in p.lt.page(1, 10)["result"]], [long.trace, short.trace], "one page")
    equal([t["trace_id"] for t in p.lt.page(1, 1)["result"]], [short.trace], "the first page of one")


@tests("08-checks-in-order")
def checks(p):
    ask = lambda body, key=None: p.lt.call("POST", "/api/traces", body, key=key)
    everything_wrong = {"projectId": "nobody", "page": 0, "pageSize": 101}
    says(status(ask(everything_wrong, key="f" * 64), 401), "Unauthorized. Invalid API key")
    says(status(ask(everything_wrong), 404), "No projects found")
    other = {**everything_wrong, "projectId": "55555555-5555-4555-8555-555555555555"}
    says(status(ask(other), 401), "Unauthorized. Invalid API key")
    mine = {**everything_wrong, "projectId": p.id}
    says(status(ask(mine), 400), "Page size cannot be more than 100")
    for page, size in ((0, 10), (1, 0), (1.5, 10), ("1", 10), (None, 10), (1, None), (1, "10"), (-1, 10)):
        says(status(ask({"projectId": p.id, "page": page, "pageSize": size}), 400),
             "Something went wrong while fetching traces")
    for bad in (b"{", b"[]", b"", b"5"):
        says(status(ask(bad), 400), "Something went wrong while fetching traces")


@tests("08-keyword")
def keyword(p):
    a = llm_span(trace="a" * 32, id="a" * 16)
    b = Span("b" * 32, "b" * 16, T, T + S, attributes={"note": "Zebra Crossing"})
    p.lt.send([a.typescript(), b.typescript()])
    none = ("inputKey", "traceState", "resourceAttributes", "demo")  # how a row is kept; resource and scope
    for word, wanted in (*((w, []) for w in none), ("zebra", [b.trace]), ("GRÜEZI", [a.trace]), ("u-1", [a.trace]),
                         ("gpt-4o", [a.trace]), ("nobody", []), ("", [a.trace, b.trace])):
        equal(sorted(t["trace_id"] for t in p.lt.traces(keyword=word)), wanted, f"keyword {word!r}")
    p.lw.collect({"trace_id": "lw-zoo", "spans": [{"span_id": "s", "type": "span", "params": {"animal": "Okapi"},
                                                    "timestamps": {"started_at": 1700000000000, "finished_at": 1700000000500}}]})
    equal([t["trace_id"] for t in p.lt.traces(keyword="okapi")], ["lw-zoo"], "what another product's span is shown with")
    equal(p.lt.page(keyword="zebra", filters=[{"x": 1}], group=False)["metadata"]["total_pages"], 1, "pages of a keyword")


@tests("08-failing-traces")
def failing(p):
    bad = llm_span(status=2, message="429 quota", events=[("exception", T + 5, {"exception.message": "429 quota"})])
    p.lt.send([bad.typescript(), Span(TRACE, ROOT, T, T + S, status=1).typescript()])
    got = p.lt.traces()[0]
    equal(got["status_code"], "ERROR", "status of the trace")
    equal({s["span_id"]: s["status_code"] for s in got["spans"]}, {ROOT: "OK", LLM: "ERROR"}, "status of the spans")
    contains(by_id(p.lw.trace(TRACE))[LLM]["error"], {"has_error": True, "message": "429 quota"}, "LangWatch's error")


# ---- spans of other products ----


@tests("08-spans-of-other-products")
def foreign(p):
    ms = T // 1_000_000
    p.lw.collect({
        "trace_id": "lw-trace", "metadata": {"user_id": "u-9", "thread_id": "s-9"}, "spans": [
            lw_span("lw-root", ms, ms + 50, type="agent", name="agent"),
            lw_span("lw-llm", ms + 1, ms + 40, type="llm", parent_id="lw-root", name="call", model="gpt-4o",
                    vendor="openai", params={"temperature": 0.7, "stream": True},
                    input={"type": "chat_messages", "value": json.loads(PROMPT)}, output=text("Hallo"),
                    metrics={"prompt_tokens": 9, "completion_tokens": 4}, error={"message": "boom", "stacktrace": []})
        ]
    })
    got = p.lt.spans()
    contains(
        got["lw-llm"], {
            "trace_id": "lw-trace", "parent_id": "lw-root", "kind": "0", "status_code": "ERROR", "duration": "39",
            "attributes": {
                "langtrace.service.type": "llm", "gen_ai.response.model": "gpt-4o", "gen_ai.system": "openai",
                "gen_ai.request.temperature": 0.7, "gen_ai.request.stream": True, "gen_ai.usage.input_tokens": 9,
                "gen_ai.usage.output_tokens": 4
            }
        }, "the model call")
    events = {e["name"]: e["attributes"] for e in got["lw-llm"]["events"]}
    equal(
        events, {
            "gen_ai.content.prompt": {"gen_ai.prompt": events["gen_ai.content.prompt"]["gen_ai.prompt"]},
            "gen_ai.content.completion": {"gen_ai.completion": "Hallo"}, "exception": {"exception.message": "boom"}
        }, "events")
    equal(json.loads(events["gen_ai.content.prompt"]["gen_ai.prompt"]), json.loads(PROMPT), "the prompt")
    contains(got["lw-root"], {"attributes": {"langtrace.service.type": "framework", "session.id": "s-9", "user_id": "u-9"}},
             "the root")


@tests("08-model-of-another-convention")
def other_convention(p):
    """An OpenInference span comes back as sent, and has the model where Langtrace's readers look."""
    sent = {"openinference.span.kind": "LLM", "llm.model_name": "gpt-4o-mini", "llm.token_count.prompt": 3}
    p.lt.send(export(llm_span(attributes=sent, scope=("openinference.instrumentation.openai", "1"))))
    equal(p.lt.span(LLM)["attributes"], {**sent, "gen_ai.response.model": "gpt-4o-mini"}, "attributes")


# ---- 10 ----


@tests("10-the-shared-path")
def shared_path(p):
    """The Python SDK appends /v1/traces to a bare host; the TypeScript SDK posts its list to whatever it was given."""
    a, b, c = (llm_span(trace=x * 32, id=x * 16) for x in "abc")
    reply = status(p.lt.send_protobuf(protobuf(a), "/v1/traces"), 200)
    equal(reply.body, b"", "an empty ExportTraceServiceResponse")
    equal(p.lt.send([b.typescript()], "/v1/traces")["message"], "Traces added successfully", "a list on /v1/traces")
    equal(p.lt.send([c.typescript()], "/")["message"], "Traces added successfully", "a list on /")
    got = p.lt.spans()
    for s in (a, b, c):
        equal(got[s.id], shown(s), f"span {s.id}")
    status(p.lt.send_protobuf(protobuf(a), "/api/trace/"), 200)


@tests("10-session-header")
def session_header(p):
    plain = {k: v for k, v in ATTRIBUTES.items() if k != "session.id"}
    p.lt.send([llm_span(trace="a" * 32, attributes=plain).typescript()], headers={"x-langtrace-session-id": "from-header"})
    p.lt.send([llm_span(trace="b" * 32, id="b" * 16).typescript()], headers={"x-langtrace-session-id": "from-header"})
    equal(p.lw.trace("a" * 32)["metadata"].get("thread_id"), "from-header", "the session where no span says one")
    equal(p.lw.trace("b" * 32)["metadata"].get("thread_id"), "s-1", "what a span says wins")


# ---- 11, 12 ----


@tests("11-tools-encoded-twice")
def tools(p):
    tool = {"type": "function", "function": {"name": "get_weather"}}
    twice = json.dumps([json.dumps([tool])])
    attributes = {**ATTRIBUTES, "gen_ai.request.tools": twice}
    p.lt.send(export(llm_span(attributes=attributes, scope=("langtrace_python_sdk.instrumentation.openai.instrumentation", "1"))))
    got = json.loads(p.lt.span(LLM)["attributes"]["gen_ai.request.tools"])
    equal([json.loads(t) if is_text(t) else t for t in got], [[tool]] if is_text(got[0]) else [tool], "one tool")


@tests("12-pages-match-the-published-schema")
def schemas(p):
    empty = {"traces": validate({"traces": p.lt.page()}, "GetTracesResponse")["traces"]}
    equal(empty["traces"], {"result": [], "metadata": {"page": 1, "page_size": 10, "total_pages": 1}}, "an empty page")
    p.lt.send([Span(TRACE, LLM, T, T + S, name="").typescript()])
    validate({"traces": p.lt.page()}, "GetTracesResponse")
    objects, arrays = p.lt.page()["result"], p.lt.page(path="/api/traces?format=arrays")["result"]
    equal(arrays, [t["spans"] for t in objects], "the same spans as bare arrays")


@tests("12-the-checker-can-fail")
def checker(p):
    """The schema checker itself: what is missing, null or of another type is refused."""
    from lib.suite import Failure
    page = {"traces": p.lt.page()}
    for wrong in ({}, {"traces": None}, {"traces": {**page["traces"], "result": [[]]}},
                  {"traces": {**page["traces"], "metadata": {"page": 1, "page_size": "10", "total_pages": 1}}}):
        try:
            validate(wrong, "GetTracesResponse")
        except Failure:
            continue
        raise Failure(f"the checker takes {wrong}")
    true(set(SCHEMAS) == {"Error", "Project", "ApiKeyResponse", "PromptSet", "GetTracesResponse"}, "schemas")
