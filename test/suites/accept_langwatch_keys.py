"""langwatch.md 13, lines 9 to 11: keys and carriers; and the order of requests."""
import base64
import copy
import json

from lib import model_langwatch as lwm
from lib.check import ANY, contains, equal, is_text, says, status, true
from lib.langwatch import span, text
from lib.suite import ProjectTests
from lib.waiting import waits
from suites.accept_langwatch import DOCUMENTED

tests = ProjectTests("accept/langwatch")
T = 1_790_000_000_000


@tests("09-three-carriers")
def carriers(p):
    p.lw.collect(DOCUMENTED)
    basic = base64.b64encode(f"{p.id}:{p.langwatch_key}".encode()).decode()
    for headers in ({"Authorization": f"Basic {basic}"}, {"Authorization": f"Bearer {p.langwatch_key}"}, {
            "X-Auth-Token": p.langwatch_key
    }, {"Authorization": f"bearer  {p.langwatch_key} "}, {"Authorization": f"BASIC {basic}"}, {
            "X-Auth-Token": p.private
    }):
        contains(
            status(p.client.get("/api/trace/trace-123", headers), 200).json, {"project_id": p.id}, f"with {headers}")


@tests("09-wrong-key")
def wrong_key(p):
    for path, body in (("/api/collector", DOCUMENTED), ("/api/trace/search", {}), ("/api/traces/search", {}),
                       ("/api/track_event", {})):
        for headers in ({"X-Auth-Token": "sk-lw-wrong"}, {
                "Authorization": "Bearer sk-lw-wrong", "X-Auth-Token": p.langwatch_key
        }, {}):
            reply = status(p.client.post(path, body, headers), 401)
            contains(reply.json, {"message": ANY}, f"401 of {path}")
            true("Bearer" in (reply.header("www-authenticate") or ""),
                 f"401 of {path} lacks WWW-Authenticate: Bearer")
    equal(
        p.client.post("/api/collector", DOCUMENTED).json, {"error": "Unauthorized", "message": "Invalid credentials"},
        "401 of the collector")
    equal(
        p.client.get("/api/trace/t", {"X-Auth-Token": "sk-lw-wrong"}).json, {"message": "Invalid auth token."},
        "401 of /api/trace")
    says(p.client.get("/api/trace/t"), "Authentication token is required.")
    equal(
        p.client.post("/api/traces/search", {}, {"X-Auth-Token": "x"}).json,
        {"error": "Unauthorized", "message": "Invalid credentials"}, "401 of /api/traces")
    equal(p.lw.total(), 0, "traces after refused posts")


@tests("09-malformed-basic-falls-through")
def malformed_basic(p):
    p.lw.collect(DOCUMENTED)
    for basic in ("Basic !!!", "Basic", "Basic " + base64.b64encode(b"no colon").decode(),
                  "Basic " + base64.b64encode(b":").decode()):
        status(p.client.get("/api/trace/trace-123", {"Authorization": basic, "X-Auth-Token": p.langwatch_key}), 200)


@tests("09-auth-validate")
def validate(p):
    contains(status(p.lw.call("POST", "/api/auth/validate", {}), 200).json, {"projectSlug": ANY}, "the answer")
    equal(
        status(p.client.post("/api/auth/validate", {}), 401).json, {"message": "X-Auth-Token header is required."},
        "without a key")
    equal(
        status(p.client.post("/api/auth/validate", {}, {"X-Auth-Token": "x"}), 401).json,
        {"message": "Invalid auth token."}, "with a wrong key")
    status(p.client.post("/api/auth/validate", {}, {"Authorization": f"Bearer {p.langwatch_key}"}), 401)


def as_attributes(values):
    return [{"key": k, "value": {"stringValue": v}} for k, v in values.items()]


@tests("10-otlp-span-reads-back")
def otlp(p):
    evaluation = {"name": "judge", "score": 0.5, "span_id": "23456789abcdef0"}  # 15 digits: not padded
    attributes = {
        "langwatch.span.type": "llm", "langwatch.input": json.dumps(text("in")), "langwatch.output": json.dumps(
            text("out")), "metadata": json.dumps({"user_id": "u", "tier": "gold"}), "langwatch.timestamps": "{}"
    }
    failed = {
        "name": "exception", "timeUnixNano": str(T * 10**6), "attributes": as_attributes(
            {"exception.message": "boom"})
    }
    judged = {
        "name": "langwatch.evaluation.custom", "timeUnixNano": str(T * 10**6), "attributes": as_attributes(
            {"json_encoded_event": json.dumps(evaluation)})
    }
    sent = {
        "traceId": "0" * 31 + "1", "spanId": "023456789abcdef0", "name": "chat", "startTimeUnixNano": str(
            T * 10**6), "endTimeUnixNano": str((T + 5) * 10**6), "attributes": as_attributes(attributes),
        "events": [judged, failed, failed]
    }
    p.lw.call("POST", "/api/otel/v1/traces", {"resourceSpans": [{"scopeSpans": [{"spans": [sent]}]}]})
    got = p.lw.trace("0" * 31 + "1")
    contains(
        got, {
            "input": {"value": "in"}, "output": {"value": "out"}, "metadata": {"user_id": "u", "tier": "gold"},
            "error": {"message": "boom"}
        }, "the trace")
    contains(got["spans"],
             [{"type": "llm", "input": text("in"), "output": text("out"), "span_id": "023456789abcdef0"}], "the span")
    contains(got["evaluations"], [{"name": "judge", "score": 0.5, "span_id": "023456789abcdef0"}], "the evaluation")


@tests("11-prompt-with-handle-and-messages")
def prompt(p):
    waits("accept/langwatch-11")
    messages = [{"role": "user", "content": "Hi {{name}}"}]
    got = status(p.lw.call("POST", "/api/prompts", {"handle": "greet", "messages": messages}), 200, 201).json
    contains(got, {"handle": "greet", "messages": messages, "tags": [], "parameters": {}, "model": is_text},
             "the new prompt")
    optional = ("temperature", "maxTokens", "responseFormat", "demonstrations", "promptingTechnique", "commitMessage")
    true(all(got.get(k, "absent") is not None for k in optional), f"a key that is unset is left out: {got}")
    contains(
        status(p.lw.call("GET", "/api/prompts/greet"), 200).json, {"handle": "greet", "version": 1},
        "fetched by handle")


@tests("12-order-of-requests-does-not-matter")
def any_order(p):
    bodies = [{
        "trace_id": "t", "metadata": {"labels": ["a"], "k": 1},
        "spans": [span("root", T, T + 50, name="r", input=text("in"))]
    }, {
        "trace_id": "t", "metadata": {"labels": ["b"], "k": 2},
        "spans": [span("root", T, T + 60, output=text("out")),
                  span("kid", T + 1, T + 55, parent_id="root")]
    }, {
        "trace_id": "t", "metadata": {"user_id": "u"},
        "spans": [span("kid", T + 1, T + 58, parent_id="root", output=text("kid"))]
    }]
    want = lwm.expected(lwm.fold(bodies))
    want["metadata"] = {**want["metadata"], "labels": lambda v: sorted(v) == ["a", "b"]}
    for number, order in enumerate(([0, 1, 2], [2, 1, 0], [1, 0, 2], [2, 0, 1, 2, 0])):
        for i in order:
            body = copy.deepcopy(bodies[i])
            body["trace_id"] = f"t{number}"
            p.lw.collect(body)
        got = p.lw.trace(f"t{number}")
        contains(got, {**want, "trace_id": f"t{number}"}, f"the trace after the order {order}")
