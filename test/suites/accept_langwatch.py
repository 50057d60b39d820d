"""langwatch.md 13, lines 1 to 6: the collector and what it derives."""
import hashlib

from lib import model_langwatch as lwm
from lib.check import ANY, NONE, contains, equal, is_int, says, true
from lib.langwatch import by_id, span, text
from lib.suite import ProjectTests

tests = ProjectTests("accept/langwatch")
T = 1_790_000_000_000

# The body of the public documentation's curl example.
DOCUMENTED = {
    "trace_id": "trace-123",
    "spans": [{
        "type": "llm",
        "span_id": "span-456",
        "vendor": "openai",
        "model": "gpt-4",
        "input": {"type": "chat_messages", "value": [
            {"role": "user", "content": "Input to the LLM", "function_call": None, "tool_calls": []}]},
        "output": {"type": "chat_messages", "value": [
            {"role": "assistant", "content": "Output from the LLM", "function_call": None, "tool_calls": []}]},
        "params": {"temperature": 0.7, "stream": False},
        "metrics": {"prompt_tokens": 100, "completion_tokens": 150},
        "timestamps": {"started_at": T, "finished_at": T + 1000}
    }],
    "metadata": {"user_id": "user-1", "thread_id": "thread-1", "customer_id": "customer-1", "labels": ["a"]}
}


@tests("01-documented-curl-body")
def documented(p):
    reply = p.lw.collect(DOCUMENTED)
    contains(
        reply.json, {
            "message": "Trace received successfully.",
            "partialSuccess": {"rejectedSpans": 0, "rejectedEvaluations": 0, "errorMessage": ""}
        }, "the answer")
    got = p.lw.trace("trace-123")
    contains(
        got, {
            "trace_id": "trace-123", "project_id": p.id, "input": {"value": "Input to the LLM"},
            "output": {"value": "Output from the LLM"}, "metadata": DOCUMENTED["metadata"], "error": None,
            "evaluations": [], "timestamps": {"started_at": T, "inserted_at": is_int, "updated_at": is_int}
        }, "the trace")
    contains(
        got["metrics"], {
            "prompt_tokens": 100, "completion_tokens": 150, "total_time_ms": 1000, "first_token_ms": None,
            "tokens_estimated": False
        }, "metrics")
    for count in ("prompt_tokens", "completion_tokens", "total_time_ms"):
        true(is_int(got["metrics"][count]),
             f"metrics.{count} is {got['metrics'][count]!r}; the Go SDK needs an integer")
    equal(len(got["spans"]), 1, "number of spans")
    sent = DOCUMENTED["spans"][0]
    contains(got["spans"][0], {**sent, "parent_id": NONE, "name": NONE, "error": NONE, "trace_id": "trace-123"},
             "the span")


@tests("01-typed-values-keep-their-content")
def typed_values(p):
    values = [
        text("plain"), {"type": "raw", "value": "<raw>"}, {
            "type": "json", "value": {"a": [1, 2.5, None, True, {"b": "ü"}]}
        }, {"type": "json", "value": None}, {"type": "list", "value": [text("x"), {"type": "json", "value": 1}]},
        {"type": "chat_messages", "value": []}, {
            "type": "guardrail_result", "value": {"status": "processed", "passed": False}
        }, {"type": "evaluation_result", "value": {"status": "processed", "score": 0.5, "label": "good"}}, {
            "type": "chat_messages",
            "value": [{"role": "toolResult", "content": [{"type": "thinking", "thinking": "hm"}], "extra_key": 1}]
        }
    ]
    p.lw.collect({"trace_id": "t", "spans": [span(f"s{i}", T + i, input=v, output=v) for i, v in enumerate(values)]})
    got = by_id(p.lw.trace("t"))
    for i, value in enumerate(values):
        equal(got[f"s{i}"]["input"], value, f"input of s{i}")
        equal(got[f"s{i}"]["output"], value, f"output of s{i}")


@tests("02-same-body-again-changes-nothing")
def same_body(p):
    p.lw.collect(DOCUMENTED)
    before = p.lw.trace("trace-123")
    contains(p.lw.collect(DOCUMENTED).json, {"message": "No changes"}, "the second answer")
    after = p.lw.trace("trace-123")
    equal(len(after["spans"]), 1, "number of spans")
    equal(len(after["indexing_md5s"]), 1, "length of indexing_md5s")
    equal(after, before, "the trace after the resend")
    equal(p.lw.total(), 1, "number of traces")


@tests("03-changed-span-is-merged")
def changed_span(p):
    p.lw.collect(DOCUMENTED)
    p.lw.collect({
        "trace_id": "trace-123", "metadata": {"labels": ["b"]}, "spans": [{
            "span_id": "span-456", "type": "llm", "output": text("better"),
            "timestamps": {"started_at": T, "finished_at": T + 1000}
        }]
    })
    got = p.lw.trace("trace-123")
    contains(
        got, {
            "input": {"value": "Input to the LLM"}, "output": {"value": "better"},
            "metadata": {"labels": ["a", "b"], "user_id": "user-1", "customer_id": "customer-1"}
        }, "the trace")
    contains(got["spans"], [{
        "model": "gpt-4", "vendor": "openai", "output": text("better"), "params": {
            "temperature": 0.7, "stream": False
        }, "metrics": {"prompt_tokens": 100, "completion_tokens": 150}, "input": DOCUMENTED["spans"][0]["input"]
    }], "the span")
    equal(len(got["indexing_md5s"]), 2, "length of indexing_md5s")


@tests("04-evaluation-without-spans")
def evaluation_only(p):
    evaluation = {"name": "my_custom_metric", "passed": True, "score": 0.85, "details": "d"}
    p.lw.collect({"trace_id": "t", "evaluations": [evaluation]})
    got = p.lw.trace("t")["evaluations"]
    contains(got, [{
        "name": "my_custom_metric", "evaluator_id": "customeval_my_custom_metric", "status": "processed",
        "passed": True, "score": 0.85, "details": "d", "label": None, "type": "custom", "is_guardrail": False,
        "error": NONE, "evaluation_id": lambda v: v.startswith("eval_md5_")
    }], "evaluations")
    contains(got[0]["timestamps"], {"finished_at": is_int, "updated_at": is_int, "inserted_at": is_int},
             "times of the evaluation")


@tests("04-evaluation-with-error")
def evaluation_error(p):
    p.lw.collect({
        "trace_id": "t", "evaluations": [{
            "name": "my_custom_metric", "passed": True, "score": 0.85, "details": "d",
            "error": {"message": "it broke", "stacktrace": ["line 1"]}
        }]
    })
    contains(
        p.lw.trace("t")["evaluations"], [{
            "status": "error", "passed": None, "score": None,
            "error": {"has_error": True, "message": "it broke", "stacktrace": ["line 1"]}
        }], "evaluations")


@tests("04-evaluation-keeps-what-it-was-sent")
def evaluation_fields(p):
    sent = {
        "evaluation_id": "e1", "evaluator_id": "my/evaluator", "name": "Mine", "type": "ragas/x",
        "is_guardrail": True, "passed": False, "span_id": "s", "label": "bad", "inputs": {"q": [1]},
        "cost": {"currency": "USD", "amount": 0.25}, "timestamps": {"started_at": T, "finished_at": T + 5}
    }
    p.lw.collect({"trace_id": "t", "spans": [span("s", T)], "evaluations": [sent]})
    want = {k: v for k, v in sent.items() if k != "timestamps"}
    contains(
        p.lw.trace("t")["evaluations"],
        [{**want, "score": None, "timestamps": {"started_at": T, "finished_at": T + 5}}], "evaluations")


@tests("04-resent-evaluation-is-one")
def evaluation_upsert(p):
    body = {"trace_id": "t", "evaluations": [{"name": "m", "score": 1}]}
    p.lw.collect(body)
    p.lw.collect(body)
    equal(len(p.lw.trace("t")["evaluations"]), 1, "an evaluation without id, sent twice")
    for score, finished in ((0.1, T + 1), (0.2, T + 2)):
        p.lw.collect({
            "trace_id": "u", "evaluations": [{
                "evaluation_id": "e", "name": "m", "score": score, "timestamps": {"finished_at": finished}
            }]
        })
    contains(
        p.lw.trace("u")["evaluations"], [{"evaluation_id": "e", "score": 0.2}],
        "an evaluation with an id, sent twice")


@tests("05-started-at-in-seconds")
def seconds(p):
    reply = p.lw.collect(
        {
            "trace_id": "t", "spans": [{
                "span_id": "s", "type": "span", "timestamps": {"started_at": T // 1000, "finished_at": T // 1000}
            }]
        }, 400)
    equal(reply.json["error"], "Timestamps should be in milliseconds not in seconds, please multiply it by 1000",
          "error")
    reply = p.lw.collect(
        {"trace_id": "t", "evaluations": [{"name": "e", "score": 1, "timestamps": {"started_at": T // 1000}}]}, 400)
    equal(reply.json["error"],
          "Evaluation timestamps should be in milliseconds not in seconds, please multiply it by 1000", "error")
    p.lw.trace("t", 404)


@tests("05-fraction-of-a-millisecond-is-cut")
def fraction(p):
    p.lw.collect({"trace_id": "t", "spans": [span("s", T + 0.5, T + 2.75)]})
    contains(p.lw.trace("t")["spans"][0]["timestamps"], {"started_at": T, "finished_at": T + 2}, "times")


@tests("05-two-trace-ids")
def two_ids(p):
    body = {"trace_id": "t", "spans": [span("a", T, trace_id="t"), span("b", T, trace_id="u")]}
    equal(p.lw.collect(body, 400).json, {"message": "All spans must have the same trace id"}, "the answer")
    p.lw.trace("t", 404)
    p.lw.trace("u", 404)


@tests("05-no-trace-id")
def no_id(p):
    equal(p.lw.collect({"spans": [span("a", T)]}, 400).json, {"message": "Trace ID not defined"}, "the answer")


@tests("05-trace-id-of-the-first-span")
def id_of_span(p):
    p.lw.collect({"spans": [span("a", T, trace_id="t"), span("b", T + 1, trace_id="t")]})
    equal(sorted(by_id(p.lw.trace("t"))), ["a", "b"], "spans")


@tests("05-span-without-type")
def no_type(p):
    wrong = span("s", T)
    del wrong["type"]
    says(reply := p.lw.collect({"trace_id": "t", "spans": [wrong]}, 400), "Validation error: ", "type")
    true(reply.json["error"].endswith(' at "spans[0]"'), f"error ends in {reply.json['error'][-40:]!r}")
    p.lw.trace("t", 404)


@tests("06-two-outputs-become-a-list")
def outputs(p):
    body = {
        "trace_id": "t", "spans": [
            span("two", T, outputs=[text("x"), text("y")]),
            span("one", T + 1, outputs=[text("z")]),
            span("none", T + 2, outputs=[])
        ]
    }
    p.lw.collect(body)
    got = by_id(p.lw.trace("t"))
    equal(got["two"]["output"], {"type": "list", "value": [text("x"), text("y")]}, "two outputs")
    equal(got["one"]["output"], text("z"), "one output")
    contains(got["none"], {"output": NONE}, "no output")


@tests("06-contexts-get-document-ids")
def contexts(p):
    p.lw.collect({"trace_id": "t", "spans": [span("r", T, type="rag", contexts=["a", "b"])]})
    md5 = {c: hashlib.md5(c.encode()).hexdigest() for c in "ab"}
    want = [{"document_id": md5["a"], "content": "a"}, {"document_id": md5["b"], "content": "b"}]
    got = p.lw.trace("t")
    contains(got["spans"][0], {"contexts": want}, "contexts of the span")
    contains(got, {"contexts": want}, "contexts of the trace")
    given = [{"document_id": 7, "chunk_id": 8, "content": {"k": "v"}}]
    p.lw.collect({"trace_id": "u", "spans": [span("r", T, type="rag", contexts=given)]})
    contains(
        p.lw.trace("u")["spans"][0]["contexts"], [{"document_id": "7", "chunk_id": "8", "content": ANY}],
        "contexts with numbers")


@tests("06-fix-ups-before-validation")
def fix_ups(p):
    body = {
        "trace_id": "t", "user_id": "u", "thread_id": "th", "labels": "one", "spans": [{
            "id": "s", "type": "llm", "nonsense": 1, "error": {"message": "m"},
            "metrics": {"prompt_tokens": 1,
                        "first_token_ms": 7}, "timestamps": {"started_at": T, "finished_at": T + 1, "more": 2}
        }]
    }
    p.lw.collect(body)
    got = p.lw.trace("t")
    contains(got["metadata"], {"user_id": "u", "thread_id": "th", "labels": ["one"]}, "metadata from the top level")
    contains(got["spans"][0], {
        "span_id": "s", "error": {"has_error": True, "message": "m", "stacktrace": []},
        "params": {"first_token_ms": 7}
    }, "span")
    true("nonsense" not in got["spans"][0], "a key outside the list is removed")
    p.lw.collect({"trace_id": "o", "spans": [span("s", T)], "metadata": {"labels": {"k": "v", "n": 1}}})
    equal(p.lw.trace("o")["metadata"]["labels"], ["k: v", "n: 1"], "labels from an object")


@tests("06-unfinished-span")
def unfinished(p):
    p.lw.collect({"trace_id": "t", "spans": [{"span_id": "s", "type": "span", "timestamps": {"started_at": T}}]})
    contains(p.lw.trace("t")["spans"][0]["timestamps"], {"started_at": T, "finished_at": None}, "times")
    p.lw.collect({"trace_id": "t", "spans": [span("s", T, T + 9)]})
    contains(
        p.lw.trace("t")["spans"][0]["timestamps"], {"started_at": T, "finished_at": T + 9}, "times, once finished")


@tests("06-all-span-types")
def types(p):
    words = ["span", "llm", "chain", "tool", "agent", "rag", "guardrail", "evaluation", "workflow", "component", "module",
             "server", "client", "producer", "consumer", "task", "unknown"]
    p.lw.collect({
        "trace_id": "t",
        "spans": [span(w, T + i, type=w, model="m", vendor="v", name=w) for i, w in enumerate(words)]
    })
    got = by_id(p.lw.trace("t"))
    for w in words:
        contains(got[w], {"type": w, "model": "m", "vendor": "v", "name": w}, f"span of type {w}")


@tests("06-several-hundred-spans")
def many_spans(p):
    p.lw.collect({"trace_id": "t", "spans": [span(f"s{i}", T + i) for i in range(1000)]})
    equal(len(p.lw.trace("t")["spans"]), 1000, "spans")
    says(p.lw.collect({"trace_id": "u", "spans": [span(f"s{i}", T + i) for i in range(1001)]}, 429),
         "Too many spans, maximum of 1000 per trace")
    evaluations = [{"name": f"e{i}", "score": i} for i in range(1001)]
    says(p.lw.collect({"trace_id": "u", "evaluations": evaluations}, 429),
         "Too many evaluations, maximum of 1000 per trace")
    p.lw.trace("u", 404)


@tests("06-derived-values")
def derived(p):
    """An independent reading of section 4 over a trace with several levels."""
    spans = [
        span("root", T, T + 90, name="root", type="agent"),
        span("rag", T + 5, T + 20, parent_id="root", type="rag", name="retrieve", input=text("find"), contexts=["c"]),
        span(
            "llm", T + 21, T + 60, parent_id="root", type="llm", name="chat", model="m1", first_token_at=T + 30,
            input={
                "type": "chat_messages", "value": [{"role": "system", "content": "s"},
                                                   {"role": "user", "content": [{"type": "text", "text": "u"}]}]
            }, output={"type": "json", "value": {"answer": {"text": "deep"}}},
            metrics={"prompt_tokens": 3, "completion_tokens": 4, "cost": 0.25}),
        span("tool", T + 61, T + 70, parent_id="llm", type="tool", name="t", input=text("never"),
             output=text("never"), error={"message": "first", "stacktrace": ["a"]}),
        span("late", T + 70, T + 80, parent_id="root", type="llm", model="m2",
             metrics={"prompt_tokens": 1, "cost": 0.5}, error={"message": "second", "stacktrace": []})
    ]
    body = {"trace_id": "t", "spans": spans, "expected_output": "wanted"}
    p.lw.collect(body)
    got = p.lw.trace("t")
    contains(got, lwm.expected(lwm.fold([body])), "the trace")
    contains(
        got, {
            "input": {"value": "find"}, "output": {"value": "deep"}, "metrics": {
                "total_cost": 0.75, "first_token_ms": 9, "total_time_ms": 90
            }, "error": {"has_error": True, "message": "first", "stacktrace": ["a"]},
            "metadata": {"model": "m2", "models": ["m2", "m1"]}
        }, "the trace")
    tree = ".\n└── agent: root\n    ├── rag: retrieve\n    ├── llm: chat (m1)\n    │   └── tool: t\n"
    true(got["ascii_tree"].startswith(tree), f"ascii_tree is {got['ascii_tree']!r}")
