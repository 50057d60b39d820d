"""Logs and metrics (otlp.md 1.8): GenAI content of log records lands on its span, before or after it, below what the span says itself; all
else is counted and answered as a success.
"""
import itertools
import secrets

from lib import otlp
from lib.check import contains, equal, status, true
from lib.langwatch import by_id
from lib.otlp import T, log, logs, span
from lib.otlp_server import OtlpTests, by_json, grpc

tests = OtlpTests("otlp/logs")
SPRING = "org.springframework.ai.chat.observation.ChatModel{}ObservationHandler"
S = "b7ad6b7169203331"


def trace_id():
    return secrets.token_hex(16)


def kept(p, request, **more):
    """All records are taken."""
    reply = status(otlp.post(p, request, "/v1/logs", **more), 200)
    if more.get("as_json", True):
        equal(reply.json, {}, f"{reply.what}: answer when every record is kept")
    else:
        equal(reply.body, b"", f"{reply.what}: answer when every record is kept")


def dropped(p, request, count, **more):
    reply = status(otlp.post(p, request, "/v1/logs", **more), 200)
    partial = reply.json["partialSuccess"]
    equal(int(partial["rejectedLogRecords"]), count, f"records that are counted as dropped, says {partial.get('errorMessage')}")
    true("not stored" in partial["errorMessage"], f"the answer says why: {partial}")


def messages(id):
    return [log(id, S, "gen_ai.system.message", {"content": "Be brief."}, T + 1), log(id, S, "gen_ai.user.message", {"content": "Hi?"}, T + 2),
            log(id, S, "gen_ai.assistant.message", {"tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]}, T + 3),
            log(id, S, "gen_ai.tool.message", {"id": "c1", "content": "42"}, T + 4),
            log(id, S, "gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}, T + 5)]


INPUT = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Hi?"},
         {"role": "assistant", "tool_calls": [{"id": "c1", "type": "function", "function": {"name": "f", "arguments": "{}"}}]},
         {"role": "tool", "id": "c1", "content": "42"}]
OUTPUT = {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": "Hello"}}
CALL = {"gen_ai.operation.name": "chat", "gen_ai.request.model": "house-model"}


def shown(p, id, span_id=S):
    return by_id(p.lw.trace(id))[span_id]


def filled(p, id):
    got = shown(p, id)
    contains(got, {"type": "llm", "input": {"value": INPUT}, "output": {"value": OUTPUT}}, "the span that its messages fill")


@tests("messages-fill-their-span-in-every-order")
def fill(p):
    parts = ["span", "early", "late"]
    for order in itertools.permutations(parts):
        id = trace_id()
        records = messages(id)
        for part in order:
            if part == "span":
                by_json(p, otlp.traces(span(id, S, "chat", a=CALL)))
            else:
                kept(p, logs(*(records[:2] if part == "early" else records[2:])))
        filled(p, id)


@tests("each-message-a-request-in-any-order")
def one_by_one(p):
    for i, order in enumerate(itertools.permutations(range(5))):
        if i % 7:
            continue
        id = trace_id()
        records = messages(id)
        for n, index in enumerate(order):
            if n == i % 5:
                by_json(p, otlp.traces(span(id, S, "chat", a=CALL)))
            kept(p, logs(records[index]), as_json=bool(n % 2))
        filled(p, id)


@tests("sent-twice")
def twice(p):
    id = trace_id()
    for _ in range(3):
        kept(p, logs(*messages(id)))
        by_json(p, otlp.traces(span(id, S, "chat", a=CALL)))
    filled(p, id)


@tests("the-spans-own-words-win")
def own_words(p):
    for first in ("span", "logs"):
        id = trace_id()
        own = otlp.traces(span(id, S, "chat", a={**CALL, "input.value": "mine", "gen_ai.usage.input_tokens": 3, "gen_ai.usage.output_tokens": 1}))
        details = log(id, S, "gen_ai.client.inference.operation.details", a={
            "gen_ai.input.messages": '[{"role":"user","content":"theirs"}]', "gen_ai.output.messages": '[{"role":"assistant","content":"theirs too"}]',
            "gen_ai.request.model": "their-model", "gen_ai.usage.input_tokens": 99})
        steps = [lambda: by_json(p, own), lambda: kept(p, logs(details))]  # noqa: B023
        for step in steps if first == "span" else reversed(steps):
            step()
        contains(shown(p, id), {"input": {"value": "mine"}, "model": "house-model", "metrics": {"prompt_tokens": 3},
                                "output": {"value": [{"role": "assistant", "content": "theirs too"}]}}, "a log record only fills gaps")


@tests("operation-details")
def details(p):
    for first in ("span", "logs"):
        id = trace_id()
        record = log(id, S, "gen_ai.client.inference.operation.details", a={
            "gen_ai.system_instructions": "You help.", "gen_ai.input.messages": '[{"role":"user","parts":[{"type":"text","content":"hello"}]}]',
            "gen_ai.output.messages": [{"role": "assistant", "content": "hi"}], "gen_ai.response.model": "house-model-1",
            "gen_ai.usage.input_tokens": 12, "gen_ai.usage.output_tokens": 5})
        steps = [lambda: by_json(p, otlp.traces(span(id, S, "chat", a={"gen_ai.operation.name": "chat"}))), lambda: kept(p, logs(record))]  # noqa: B023
        for step in steps if first == "span" else reversed(steps):
            step()
        contains(shown(p, id), {
            "input": {"value": [{"role": "system", "content": "You help."}, {"role": "user", "parts": [{"type": "text", "content": "hello"}]}]},
            "output": {"value": [{"role": "assistant", "content": "hi"}]}, "model": "house-model-1",
            "metrics": {"prompt_tokens": 12, "completion_tokens": 5}}, "a span that its details fill")


@tests("event-name-as-an-attribute")
def attribute(p):
    id = trace_id()
    by_json(p, otlp.traces(span(id, S, "chat", a=CALL)))
    record = log(id, S, "", {"content": "Hi?"}, a={"event.name": "gen_ai.user.message"})
    record.pop("eventName")
    kept(p, logs(record))
    equal(shown(p, id)["input"], {"type": "chat_messages", "value": [{"role": "user", "content": "Hi?"}]}, "input")


@tests("evaluation-result")
def evaluation(p):
    for first in ("span", "log"):
        id = trace_id()
        record = log(id, S, "gen_ai.evaluation.result", a={"gen_ai.evaluation.name": "relevance", "gen_ai.evaluation.score.value": 0.75,
                                                           "gen_ai.evaluation.score.label": "pass", "gen_ai.evaluation.explanation": "good"})
        steps = [lambda: by_json(p, otlp.traces(span(id, S, "chat", a=CALL))), lambda: kept(p, logs(record)), lambda: kept(p, logs(record))]  # noqa: B023
        for step in steps if first == "span" else reversed(steps):
            step()
        rows = p.lw.trace(id)["evaluations"]
        equal(len(rows), 1, "evaluations of a result that was sent twice")
        contains(rows[0], {"name": "relevance", "score": 0.75, "label": "pass", "details": "good", "span_id": S, "status": "processed"}, "evaluation")


def trace_text(p, id, input, output, session=None):
    got = p.lw.trace(id)
    contains(got, {"input": {"value": input}, "output": {"value": output}}, f"texts of trace {id}")
    if session:
        equal(got["metadata"].get("thread_id"), session, "session")


@tests("spring-ai")
def spring(p):
    id = trace_id()
    by_json(p, otlp.traces(span(id, S, "chat house-model", a=CALL)))
    kept(p, logs(log(id, S, "", "Chat Model Prompt Content:\nWhat is up?\nTell me"), scope=SPRING.format("PromptContent")))
    kept(p, logs(log(id, S, "", "Chat Model Completion:\nThe sky"), scope=SPRING.format("Completion")))
    trace_text(p, id, "What is up?\nTell me", "The sky")


@tests("claude-code")
def claude(p):
    id, scope = trace_id(), "com.anthropic.claude_code.events"
    by_json(p, otlp.traces(span(id, S, "interaction")))
    kept(p, logs(log(id, S, "user_prompt", "claude_code.user_prompt", a={"prompt": "fix it", "session.id": "cc-1"}), scope=scope))
    kept(p, logs(log(id, S, "assistant_response", "x", T + 1, a={"response": "done", "session.id": "cc-1"}), scope=scope))
    trace_text(p, id, "fix it", "done", "cc-1")


@tests("codex")
def codex(p):
    id = trace_id()
    by_json(p, otlp.traces(span(id, S, "turn")))
    kept(p, logs(log(id, S, "codex.user_prompt", "x", a={"prompt": "go", "conversation.id": "cx-1"}),
                 log(id, S, "codex.sse_event", "x", T + 1, a={"event.kind": "response.completed", "model": "house-model", "input_token_count": 11,
                                                              "output_token_count": 4, "cached_token_count": 2, "conversation.id": "cx-1"}), scope="codex_otel"))
    got = p.lw.trace(id)
    equal((got.get("input") or {}).get("value"), "go", "input of the trace")
    equal(got["metadata"].get("thread_id"), "cx-1", "session")
    contains(got["metrics"], {"prompt_tokens": 9, "completion_tokens": 4, "cache_read_input_tokens": 2}, "usage")


@tests("all-others-are-counted")
def others(p):
    id = trace_id()
    plain = {"timeUnixNano": str(T), "severityText": "INFO", "body": {"stringValue": "just a line"}, "attributes": []}
    dropped(p, logs(plain, plain, plain), 3)
    dropped(p, logs(log(None, None, "gen_ai.user.message", {"content": "no trace"})), 1)
    dropped(p, logs(log(id, S, "my.event", {"x": 1}), log(id, S, "gen_ai.user.message", {"content": "kept"})), 1)
    answer = otlp.decode("LogsResponse", status(otlp.post(p, logs(plain, plain), "/v1/logs", as_json=False), 200).body)
    equal(answer["partialSuccess"]["rejectedLogRecords"], "2", "dropped, in protobuf")
    by_json(p, otlp.traces(span(id, S, "chat", a=CALL)))
    equal(shown(p, id)["input"]["value"], [{"role": "user", "content": "kept"}], "the record that is kept")


@tests("on-every-owners-path")
def every_path(p):
    for path in ("/v1/logs", "/api/otel/v1/logs", "/api/public/otel/v1/logs", "/api/otel/v1/traces/v1/logs", "/api/trace/v1/logs", "/api/v1/logs"):
        id = trace_id()
        status(otlp.post(p, logs(*messages(id)), path, signal="logs"), 200)
        by_json(p, otlp.traces(span(id, S, "chat", a=CALL)))
        filled(p, id)


METRICS = {"resourceMetrics": [{"resource": {}, "scopeMetrics": [{"metrics": [
    {"name": "gen_ai.client.token.usage", "histogram": {"dataPoints": [{"timeUnixNano": str(T)}, {"timeUnixNano": str(T)}]}},
    {"name": "gen_ai.client.operation.duration", "histogram": {"dataPoints": [{"timeUnixNano": str(T)}]}}]}]}]}


@tests("metrics-are-never-added")
def metrics(p):
    id = trace_id()
    by_json(p, otlp.traces(span(id, S, "chat", a={**CALL, "gen_ai.usage.input_tokens": 5, "gen_ai.usage.output_tokens": 2})))
    before = p.lw.trace(id)
    for path in ("/v1/metrics", "/api/otel/v1/metrics", "/api/public/otel/v1/metrics"):
        for as_json in (True, False):
            reply = status(otlp.post(p, METRICS, path, as_json=as_json), 200)
            if path == "/v1/metrics":
                partial = (reply.json if as_json else otlp.decode("MetricsResponse", reply.body))["partialSuccess"]
                equal(int(partial["rejectedDataPoints"]), 3, "data points that are not stored")
                true(partial["errorMessage"], "and why")
    equal(p.lw.trace(id), before, "the trace after its metrics")


@tests("over-grpc")
def over_grpc(p):
    id = trace_id()
    with grpc(p) as c:
        equal(c.export(logs(*messages(id)), p.langwatch_key, "logs").status, 0, "grpc-status")
        equal(c.export(otlp.traces(span(id, S, "chat", a=CALL)), p.langwatch_key).status, 0, "grpc-status")
        reply = c.export(METRICS, p.langwatch_key, "metrics")
        equal((reply.status, reply.json["partialSuccess"]["rejectedDataPoints"]), (0, "3"), "metrics")
    filled(p, id)


@tests("another-projects-log-fills-nothing")
def apart(p):
    id = trace_id()
    other = p.environment.project()
    by_json(p, otlp.traces(span(id, S, "chat", a=CALL)))
    kept(other, logs(*messages(id)))
    true(shown(p, id)["input"] is None, "a span is not filled from another project")
    by_json(other, otlp.traces(span(id, S, "chat", a=CALL)))
    filled(other, id)
