"""What is written through one dialect is read through the other, in its right place (design.md 2)."""
import threading

from lib.check import ANY, NONE, contains, equal, status, true
from lib.langwatch import by_id, span, text
from lib.lunary import end, run_id, start
from lib.suite import ProjectTests

tests = ProjectTests("accept/cross")
T = 1_790_000_000_000
MESSAGES = [{"role": "system", "text": "Be terse"}, {"role": "user", "text": "Grüße 🤖", "function_call": None}]


def one_of_each(p):
    """A tree with every run type, all from LLMonitor."""
    p.lunary.report([
        start("root", T, "agent", name="helper", input="What?", tags=["red", "größe"], userId="u-1",
              userProps={"plan": "pro"}, metadata={"k": "v"}),
        start("chain", T + 1, "chain", name="steps", parentRunId="root", input={"max_tokens": 5}),
        start("llm", T + 2, "llm", name="gpt-4", parentRunId="chain", input=MESSAGES,
              extra={"temperature": 0.5, "max_tokens": 9}),
        end("llm", T + 40, output={"role": "ai", "text": "Zwölf"}, tokensUsage={"prompt": 30, "completion": 7}),
        start("tool", T + 41, "tool", name="search", parentRunId="chain", input=["a", 1]), {
            "type": "tool", "event": "error", "runId": "tool", "timestamp": T + 50,
            "error": {"message": "kaputt 🧨", "stack": "line 1"}
        },
        start("retriever", T + 51, "retriever", name="find", parentRunId="chain", input="q"),
        end("retriever", T + 55, "retriever", output=["d1"]),
        start("embed", T + 56, "embed", name="ada", parentRunId="chain", input="q"),
        end("embed", T + 57, "embed", output=[0.5]),
        end("chain", T + 60, "chain", output={"answer": "x"}),
        end("root", T + 70, "agent", output="Twelve")
    ])


@tests("runs-are-found-by-langwatch-search")
def runs_found(p):
    one_of_each(p)
    id = run_id("root")
    for body in ({}, {"query": "twelve"}, {"filters": {"metadata.user_id": ["u-1"]}}, {
            "filters": {"metadata.labels": ["größe"]}
    }, {"filters": {"spans.model": ["gpt-4"]}}, {"filters": {"spans.type": ["tool"]}}, {
            "filters": {"traces.error": ["true"]}
    }, {"filters": {"traces.name": ["helper"]}}, {"startDate": T, "endDate": T}):
        for search in (p.lw.search, p.lw.legacy_search):
            got = search(**body)
            equal([t["trace_id"] for t in got["traces"]], [id], f"search {body}")
            equal(got["pagination"]["totalHits"], 1, f"totalHits of {body}")
    equal(p.lw.ids(filters={"metadata.user_id": ["u-2"]}), [], "another user")


@tests("runs-as-langwatch-shows-them")
def runs_shown(p):
    one_of_each(p)
    got = p.lw.trace(run_id("root"))
    contains(
        got, {
            "project_id": p.id, "input": {"value": "What?"}, "output": {"value": "Twelve"}, "metadata": {
                "user_id": "u-1", "labels": ["red", "größe"]
            }, "timestamps": {"started_at": T}, "error": {"has_error": True, "message": "kaputt 🧨"},
            "metrics": {"prompt_tokens": 30, "completion_tokens": 7, "total_time_ms": 70, "tokens_estimated": False}
        }, "the trace")
    spans = by_id(got)
    equal(sorted(spans), sorted(map(run_id, ["root", "chain", "llm", "tool", "retriever", "embed"])), "its spans")
    want = {
        "root": {
            "type": "agent", "name": "helper", "parent_id": NONE, "input": text("What?"), "output": text("Twelve")
        }, "chain": {
            "type": "chain", "parent_id": run_id("root"), "input": {"type": "json", "value": {"max_tokens": 5}},
            "output": {"type": "json", "value": {"answer": "x"}}
        }, "llm": {
            "type": "llm", "name": "gpt-4", "model": "gpt-4", "parent_id": run_id("chain"), "input": {
                "type": "chat_messages", "value": MESSAGES
            }, "output": {"type": "json", "value": {"role": "ai", "text": "Zwölf"}},
            "params": {"temperature": 0.5, "max_tokens": 9}, "metrics": {"prompt_tokens": 30, "completion_tokens": 7},
            "timestamps": {"started_at": T + 2, "finished_at": T + 40}
        }, "tool": {
            "type": "tool", "input": {"type": "json", "value": ["a", 1]},
            "error": {"has_error": True, "message": "kaputt 🧨"}
        }, "retriever": {"type": "rag", "input": text("q")},
        "embed": {"type": "component", "output": {"type": "json", "value": [0.5]}}
    }
    for name, expected in want.items():
        contains(spans[run_id(name)], expected, f"the {name} run as a span")


@tests("runs-of-every-type-alone")
def every_type(p):
    for i, type in enumerate(["llm", "agent", "chain", "tool", "retriever", "embed", "chat"]):
        p.lunary.report([
            start(type, T + i, type, name=f"a {type}", input=f"in {type}", userId=f"u-{type}", tags=[type]),
            end(type, T + i + 5, type, output=f"out {type}")
        ])
        p.lunary.report([{"type": "log", "event": "info", "timestamp": T + 100 + i, "message": f"line {i}"}])
        contains(
            p.lw.search(traceIds=[run_id(type)])["traces"],
            [{"metadata": {"user_id": f"u-{type}", "labels": [type]}}], f"a {type} run")
        span_of_it = p.lw.trace(run_id(type))["spans"][0]
        contains(span_of_it, {"input": text(f"in {type}"), "output": text(f"out {type}")}, f"a {type} run as a span")
    equal(p.lw.total(), 14, "runs and log lines")


@tests("a-run-known-from-its-end-alone")
def end_alone(p):
    """It has no start: it is shown, found without a window, and sorted by the time that its trace shows."""
    p.lunary.report([end("r", T + 5, output="only the end", name="m")])
    got = p.lw.trace(run_id("r"))
    contains(got, {"output": {"value": "only the end"}, "timestamps": {"started_at": lambda v: isinstance(v, int)}},
             "the trace")
    equal(p.lw.ids(), [run_id("r")], "search without a window")
    equal(p.lw.ids(query="only the end"), [run_id("r")], "search by text")
    equal(p.lw.total(), 1, "totalHits")


@tests("feedback-and-scores-are-evaluations")
def feedback_shown(p):
    one_of_each(p)
    p.lunary.report([{
        "type": None, "event": "feedback", "runId": "llm", "timestamp": T + 100,
        "feedback": {"thumb": "up", "comment": "nice", "rating": 4, "own": {"a": 1}}
    }])
    p.lunary.score("root", "accuracy", 0.75, comment="close")
    p.lunary.score("root", "ok", True)
    p.lunary.score("root", "tone", "friendly")
    got = {e["name"]: e for e in p.lw.trace(run_id("root"))["evaluations"]}
    contains(
        got["thumb"], {
            "label": "up", "evaluator_id": "customeval_thumb", "status": "processed", "span_id": run_id("llm"),
            "evaluation_id": ANY
        }, "thumb")
    contains(got["rating"], {"score": 4, "span_id": run_id("llm")}, "rating")
    contains(got["accuracy"], {"score": 0.75, "details": "close", "evaluator_id": "customeval_accuracy"}, "a number")
    contains(got["ok"], {"passed": True}, "a boolean")
    contains(got["tone"], {"label": "friendly"}, "a text")
    equal(p.lw.ids(filters={"evaluations.score": {"customeval_accuracy": ["0.7", "0.8"]}}), [run_id("root")],
          "found by a score")
    equal(p.lw.ids(filters={"evaluations.label": {"customeval_thumb": ["up"]}}), [run_id("root")], "found by a thumb")
    p.lunary.report(
        [{"type": None, "event": "feedback", "runId": "llm", "timestamp": T + 101, "feedback": {"thumb": None}}])
    true("thumb" not in {e["name"] for e in p.lw.trace(run_id("root"))["evaluations"]}, "a cleared thumb is gone")


def rag_trace(p):
    """A LangWatch trace with every kind of span."""
    p.lw.collect({
        "trace_id": "trace-1", "metadata": {"user_id": "u-1", "thread_id": "th-1", "labels": ["red"], "tier": "gold"},
        "expected_output": "12", "spans": [
            span("root", T, T + 70, type="agent", name="helper", input=text("What?"), output=text("Twelve")),
            span("rag", T + 1, T + 20, type="rag", parent_id="root", name="retrieve", input=text("find"),
                 contexts=[{"document_id": "d", "content": "c"}]),
            span("chat", T + 21, T + 50, type="llm", parent_id="root", name="chat", model="gpt-4", vendor="openai",
                 params={"temperature": 0.5, "max_tokens": 9}, input={
                     "type": "chat_messages", "value": [{"role": "user", "content": "Grüße 🤖"}]
                 }, output={"type": "json", "value": {"answer": [1]}},
                 metrics={"prompt_tokens": 30, "completion_tokens": 7, "cost": 0.125}, first_token_at=T + 25),
            span("tool", T + 51, T + 60, type="tool", parent_id="root", name="search",
                 error={"message": "kaputt 🧨", "stacktrace": ["line 1"]}),
            span("plain", T + 61, T + 65, type="span", parent_id="root", name="plain")
        ], "evaluations": [{
            "evaluation_id": "e", "evaluator_id": "customeval_rel", "name": "relevancy", "score": 0.9, "passed": True,
            "label": "good", "details": "fits"
        }]
    })


@tests("spans-are-found-as-runs")
def spans_found(p):
    rag_trace(p)
    for type, want in (("llm", ["chat"]), ("agent", ["root"]), ("tool", ["tool"]), ("chain", ["plain"]), ("trace", [
            "root"
    ])):
        equal([r["id"] for r in p.lunary.runs(type=type)], want, f"GET /v1/runs?type={type}")
    equal([r["id"] for r in p.lunary.runs(models="gpt-4")], ["chat"], "by model")
    equal([r["id"] for r in p.lunary.runs(type="agent", tags="red")], ["root"], "by tag")
    equal([r["id"] for r in p.lunary.runs(type="tool", status="error")], ["tool"], "by status")
    equal([r["id"] for r in p.lunary.runs(search="gRÜße")], ["chat"], "by text")
    contains(p.lunary.users()["data"], [{"externalId": "u-1"}], "its user")


@tests("spans-as-lunary-shows-them")
def spans_shown(p):
    rag_trace(p)
    want = {
        "root": {
            "type": "agent", "name": "helper", "input": "What?", "output": "Twelve", "tags": ["red"],
            "status": "success", "duration": 0.07, "user": {"externalId": "u-1"}
        }, "chat": {
            "type": "llm", "name": "gpt-4", "input": [{"role": "user", "content": "Grüße 🤖"}], "output": {
                "answer": [1]
            }, "params": {"temperature": 0.5, "maxTokens": 9}, "tokens": {"prompt": 30, "completion": 7, "total": 37},
            "cost": 0.125, "traceId": ANY, "user": {"externalId": "u-1"}
        }, "tool": {"type": "tool", "name": "search", "status": "error", "error": {"message": "kaputt 🧨"}},
        "rag": {"type": "retriever", "name": "retrieve",
                "input": "find"}, "plain": {"type": "chain", "name": "plain"}
    }
    for id, expected in want.items():
        contains(p.lunary.run(id), expected, f"the span {id} as a run")
    rows = p.lunary.related("root")
    equal([r["name"] for r in rows], ["helper", "retrieve", "gpt-4", "search", "plain"], "/related of the root")
    scores = p.lunary.run("root")["scores"]
    contains(scores, [{"label": "relevancy", "value": 0.9, "comment": "fits"}], "the evaluation as a score")


@tests("one-span-id-in-two-traces")
def same_span_id(p):
    for trace in ("a", "b"):
        p.lw.collect({
            "trace_id": trace, "spans": [
                span("span-1", T if trace == "a" else T + 5, type="llm", model=f"m-{trace}", output=text(trace))
            ]
        })
    for trace in ("a", "b"):
        contains(
            p.lw.trace(trace)["spans"], [{"span_id": "span-1", "model": f"m-{trace}", "output": text(trace)}],
            f"the span of {trace}")
    equal(sorted(r["name"] for r in p.lunary.runs()), ["m-a", "m-b"], "both are runs")


@tests("edits-cross-over")
def edits(p):
    one_of_each(p)
    id = run_id("root")
    p.lw.patch(id, {"labels": ["edited"], "user_id": "u-9", "note": "n"})
    contains(
        p.lw.trace(id)["metadata"], {"labels": ["edited"], "user_id": "u-9", "note": "n"},
        "LangWatch after its own edit")
    p.lw.track({
        "trace_id": id, "event_id": "ev", "event_type": "thumbs_up_down", "metrics": {"vote": -1},
        "event_details": {"feedback": "bad"}
    })
    contains(p.lw.trace(id)["events"], [{"event_id": "ev", "metrics": {"vote": -1}}], "a tracked event on a run")
    p.lw.collect({"trace_id": id, "evaluations": [{"evaluation_id": "e", "name": "judge", "score": 0.5}]})
    scores = {s["label"]: s for s in p.lunary.run(id)["scores"]}
    contains(scores["judge"], {"value": 0.5}, "an evaluation posted to a run's trace")
    p.lw.share(id)
    status(p.lunary.call("DELETE", f"/v1/runs/{id}"), 200)
    p.lunary.run(id, 404)


@tests("both-dialects-on-one-trace")
def both(p):
    p.lunary.report(
        [start("root", T, "agent", name="a", input="q", userId="u"),
         end("root", T + 50, "agent", output="z")])
    p.lw.collect({
        "trace_id": run_id("root"), "metadata": {"labels": ["lw"]}, "spans": [
            span("extra", T + 5, T + 10, type="llm", model="m", parent_id=run_id("root"),
                 metrics={"prompt_tokens": 1, "completion_tokens": 2})
        ]
    })
    got = p.lw.trace(run_id("root"))
    equal(sorted(by_id(got)), sorted([run_id("root"), "extra"]), "spans of both")
    contains(
        got, {
            "metadata": {"user_id": "u", "labels": ["lw"]}, "input": {"value": "q"},
            "metrics": {"prompt_tokens": 1, "completion_tokens": 2}
        }, "the trace")


@tests("deletes-are-seen-by-both")
def deletes(p):
    one_of_each(p)
    status(p.lunary.call("DELETE", "/v1/runs/tool"), 200)
    got = p.lw.trace(run_id("root"))
    true(run_id("tool") not in by_id(got), "a deleted run is no span any more")
    contains(got, {"error": None}, "and its error is gone from the trace")
    equal(p.lw.ids(filters={"traces.error": ["true"]}), [], "search does not find it as failed")


@tests("many-clients-one-trace")
def many_clients(p):
    """Eight clients post to one trace at once, each its own spans and all of them one and the same."""
    bodies = [{
        "trace_id": "t", "metadata": {"labels": [f"l{i}"]},
        "spans": [span("root", T, T + 100 + i, name="root", output=text(f"from {i}"))] +
                 [span(f"s{i}-{k}", T + k, type="llm", parent_id="root", metrics={"prompt_tokens": 1}) for k in range(5)]
    } for i in range(8)]

    def post(body):
        for _ in range(5):
            p.lw.collect(body)
    threads = [threading.Thread(target=post, args=(body,)) for body in bodies]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    got = p.lw.trace("t")
    equal(len(by_id(got)), 41, "spans")
    equal(sorted(got["metadata"]["labels"]), [f"l{i}" for i in range(8)], "labels")
    contains(got, {"metrics": {"prompt_tokens": 40, "total_time_ms": 107}, "output": {"value": "from 7"}}, "the trace")
    equal(len(got["indexing_md5s"]), 8, "requests that changed something")
    equal(p.lunary.count(type="llm"), 40, "runs")
