"""For tests of bad input: where a body can be sent in each dialect, and what must hold after every refusal."""
import json

from lib.check import equal, status, true
from lib.langwatch import span
from lib.lunary import start
from lib.suite import Failure, ProjectTests

T = 1_790_000_000_000


class BadTests(ProjectTests):
    """After each test the server must still be alive and store and show a good event of both dialects."""
    def add(self, name, function):
        def judged(p):
            function(p)
            still_works(p)

        super().add(name, judged)


def still_works(p):
    status(p.client.get("/readyz"), 200)
    p.lw.collect({"trace_id": "good", "spans": [span("good", T, name="good")]})
    equal(p.lw.trace("good")["spans"][0]["name"], "good", "a good trace after the bad input")
    p.lunary.report([start("good-run", T, name="good")])
    equal(p.lunary.run("good-run")["name"], "good", "a good run after the bad input")


def doors(p):
    """(dialect, method, path, headers, a good body) of every way a JSON body comes in."""
    lw = {"X-Auth-Token": p.langwatch_key}
    key = {"Authorization": f"Bearer {p.private}"}
    events = {"events": [{**start("door", T), "app": p.public}]}
    return [("langwatch", "POST", "/api/collector", lw, {"trace_id": "door", "spans": []}),
            ("langwatch", "POST", "/api/trace/search", lw, {}), ("langwatch", "POST", "/api/traces/search", lw, {}),
            ("langwatch", "POST", "/api/track_event", lw, {"trace_id": "d", "event_type": "x", "metrics": {}}),
            ("langwatch", "PATCH", "/api/traces/door/metadata", lw, {"metadata": {"a": 1}}),
            ("llmonitor", "POST", "/api/report", {}, events), ("llmonitor", "POST", "/v1/runs/ingest", key, events),
            ("llmonitor", "POST", "/v1/checklists", key, {"slug": "c", "type": "evaluation", "data": ["AND"]}),
            ("llmonitor", "POST", "/v1/templates", key, {"slug": "s", "mode": "text", "content": "c"}),
            ("langwatch", "POST", "/api/prompts", lw, {"handle": "door"}),
            ("langwatch", "POST", "/api/dataset", lw, {"name": "door"}),
            ("langwatch", "POST", "/api/annotations/trace/door", lw, {"comment": "c", "isThumbsUp": True}),
            ("langwatch", "POST", "/api/evaluations/langevals/exact_match/evaluate", lw, {"data": {}}),
            ("langwatch", "POST", "/api/evaluations/batch/log_results", lw, {"experiment_slug": "door", "run_id": "r"})]


def send(p, door, body, **headers):
    _, method, path, own, _ = door
    return p.client.request(method, path, body if isinstance(body, bytes) else json.dumps(body).encode(),
                            {"Content-Type": "application/json", **own, **headers})


def shaped(dialect, reply, text_too=False):
    """An error body in the product's shape: JSON with a text under message or error, never HTML."""
    true("html" not in (reply.header("content-type") or "").lower() and "<html" not in reply.text.lower(),
         f"{reply.what}: the error is HTML: {reply.text[:80]}")
    if text_too and reply.status == 413 and not reply.text.startswith("{"):
        equal(reply.text, "Payload Too Large", f"{reply.what}: text of the 413")
        return reply
    body = reply.json
    if not isinstance(body, dict) or not any(isinstance(body.get(k), str) and body[k] for k in ("message", "error")):
        raise Failure(f"{reply.what}: the error has neither message nor error: {reply.text[:200]}")
    if dialect == "llmonitor" and "error" in body and "message" not in body and "results" not in body:
        raise Failure(f"{reply.what}: Lunary's clients read `message`: {reply.text[:200]}")
    return reply


def refused(p, door, body, *codes, **headers):
    """Sent through the door it is refused with one of the codes, in the right shape."""
    reply = send(p, door, body, **headers)
    status(reply, *codes)
    return shaped(door[0], reply, text_too=True)


def empty(p):
    """Nothing was stored."""
    equal(p.lw.ids(), [], "traces after refused bodies")
    for type in ("llm", "chain", "agent", "tool"):
        equal(p.lunary.count(type=type), 0, f"{type} runs after refused bodies")
    for path in ("/api/prompts", "/api/annotations", "/api/dataset", "/api/experiments"):
        got = p.lw.call("GET", path).json
        rows = got if isinstance(got, list) else got.get("data", got.get("experiments"))
        equal(rows, [], f"GET {path} after refused bodies")
