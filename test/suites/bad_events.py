"""LLMonitor and Lunary: bad events inside good envelopes are named one by one, the good ones are stored; bad reads and edits."""
import json

from lib.bad import T, BadTests, shaped
from lib.check import ANY, contains, equal, status, true
from lib.lunary import end, run_id, start

tests = BadTests("bad/events")


def judged(p, events, wanted):
    """`wanted`: for each event None (fine) or words its error must contain. Only the fine ones are stored."""
    body = {"events": [{"app": p.public, **e} if isinstance(e, dict) else e for e in events]}
    results = status(p.client.post("/api/report", body), 200).json["results"]
    equal(len(results), len(events), f"one result an event, got {results}")
    unmatched = list(results)
    for event, words in zip(events, wanted):
        id = event.get("runId") if isinstance(event, dict) else None
        fits = [
            r for r in unmatched
            if (r.get("id") == id or not isinstance(id, str)) and r["success"] is (words is None) and all(
                w.lower() in r.get("error", "").lower() for w in words or [])
        ]
        true(fits, f"no result for {json.dumps(event)[:120]} with {words or 'success'} among {unmatched}")
        unmatched.remove(fits[0])


@tests("each-bad-event-is-named")
def each_named(p):
    good = [start(f"good{i}", T + i, name="m") for i in range(5)]
    bad = [(end(None, T + 1), ["runId is required"]), (7, ["Invalid event"]), ("text", ["Invalid event"]),
           (None, ["Invalid event"]), ({**start("nul", T), "type": None}, ["type"]),
           ({
               "type": "thread", "event": "chat", "runId": "c", "timestamp": T,
               "message": {"role": "user", "content": "x"}
           }, ["No parent run ID provided"])]
    events = [
        good[0], bad[0][0], good[1], bad[1][0], bad[2][0], good[2], bad[3][0], bad[4][0], good[3], bad[5][0], good[4]
    ]
    wanted = {id(e): w for e, w in bad}
    judged(p, events, [wanted.get(id(e)) for e in events])
    equal(sorted(r["id"] for r in p.lunary.runs()), sorted(run_id(e["runId"]) for e in good),
          "only the good ones are stored")
    p.lunary.run("nul", 404)


@tests("wrong-types-in-an-event")
def wrong_types(p):
    """Real SDKs send odd types; each is stored sensibly or refused with the field's name, never half."""
    odd = {
        "name": 5, "tags": "one", "userId": 7, "metadata": "text", "extra": "text", "params": [1], "input": {"a": 1},
        "timestamp": True, "parentRunId": 9, "runtime": {}, "tokensUsage": "x", "userProps": "x", "templateId": {},
        "feedback": 5, "error": [1], "message": 5, "threadTags": 5
    }
    for field, value in odd.items():
        for event in ("start", "end"):
            id = f"{field}-{event}"
            results = p.lunary.report([{"type": "llm", "event": event, "runId": id, "timestamp": T, field: value},
                                       start(f"after-{id}", T)])
            mine = [r for r in results if r.get("id") == id]
            equal(len(mine), 1, f"result for {id}")
            if not mine[0]["success"]:
                true(field.lower() in mine[0]["error"].lower(),
                     f"the error about {field} names it: {mine[0]['error']}")
                p.lunary.run(id, 404)
            p.lunary.run(f"after-{id}")
    contains(p.lunary.run("tags-start"), {"tags": ["one"]}, "a bare string of tags")
    contains(p.lunary.run("name-start"), {"name": lambda n: n in (None, )}, "a name that is no text is dropped")


@tests("run-ids-of-every-kind")
def ids(p):
    for id in (5, 1.5, True, [], {}, "", None):
        results = p.lunary.report([{"type": "llm", "event": "end", "runId": id, "timestamp": T, "output": "x"}])
        true(results[0]["success"] is False or isinstance(id, (int, float)), f"an end with runId {id!r}: {results}")
    for id in ("x" * 801, "a\x00b", "a\nb", "x" * 100_000):
        results = p.lunary.report([start(id, T)])
        equal(len(results), 1, f"result for a run id of {len(id)} characters")
        if results[0]["success"]:
            contains(p.lunary.run(run_id(id)), {"id": run_id(id)}, f"a run id of {len(id)} characters, hashed")
        else:
            true("runid" in results[0]["error"].lower(), f"the error names runId: {results}")


@tests("bad-dates")
def dates(p):
    for i, at in enumerate(
        ("yesterday", "2026-02-30T00:00:00Z", "", {}, [], 1e300, "99999-01-01", "2026-01-01T25:00:00Z", True)):
        equal(p.lunary.report([{**start(f"d{i}", at)}]), [{"id": f"d{i}", "success": True}], f"timestamp {at!r}")
        contains(p.lunary.run(f"d{i}"), {"createdAt": lambda v: isinstance(v, str) and "2025" < v < "2100"},
                 f"timestamp {at!r}: time of receipt")


@tests("unknown-key-and-app")
def unknown(p):
    contains(
        status(p.client.post("/api/report", {"events": [{**start("r", T), "app": "unknown"}]}), 401).json,
        {"message": "This project does not exist"}, "unknown app")
    contains(
        status(
            p.client.post("/v1/runs/ingest", {"events": [start("r", T)]},
                          {"Authorization": "Bearer 44444444-4444-4444-8444-444444444444"}), 401).json,
        {"message": "Invalid API key"}, "unknown key")
    p.lunary.run("r", 404)


@tests("a-large-batch-with-bad-ones")
def large_batch(p):
    events = []
    for i in range(5000):
        events.append(
            start(f"r{i}", T + i, name="m") if i % 10 else {"type": "llm", "event": "end", "timestamp": T + i})
    results = p.lunary.report(events)
    equal(len(results), 5000, "results")
    equal(sum(not r["success"] for r in results), 500, "bad ones")
    equal(p.lunary.count(), 4500, "stored")


@tests("edits-of-nothing-and-nonsense")
def edits(p):
    for method, path, body, codes in (("PATCH", "/v1/runs/none/score", {
            "label": "a", "value": 1
    }, (404, )), ("PATCH", "/v1/runs/none/feedback", {"thumb": "up"}, (404, )), ("PATCH", "/v1/runs/none/tags", {
            "tags": ["a"]
    }, (404, )), ("PATCH", "/v1/runs/none/visibility", {
            "visibility": True
    }, (404, )), ("DELETE", "/v1/runs/none", None, (404, )), ("GET", "/v1/runs/none/related", None, (200, 404)),
                                      ("GET", "/v1/external-users/none", None,
                                       (400, 404, 422)), ("DELETE", "/v1/templates/none", None, (400, 404)),
                                      ("GET", "/v1/templates/99999999", None,
                                       (404, )), ("GET", "/v1/datasets/99999999-0000-4000-8000-000000000000", None,
                                                  (404, )), ("POST", "/v1/templates", {"slug": 5}, (400, 422)),
                                      ("POST", "/v1/templates", {}, (400, 422)), ("POST", "/v1/datasets", {
                                          "slug": []
                                      }, (400, 422)), ("POST", "/v1/datasets/prompts", {}, (400, 404, 422)),
                                      ("POST", "/v1/checklists", {"slug": 1}, (400, 422))):
        reply = status(p.lunary.call(method, path, body), *codes)
        if reply.status >= 400:
            shaped("llmonitor", reply)
    p.lunary.report([start("r", T)])
    for path, body, word in (("tags", {"tags": "x"}, "tags"), ("tags", {"tags": [1]}, "tags"), ("visibility", {
            "visibility": "yes"
    }, "visibility"), ("feedback", {"thumb": "sideways"}, "thumb"), ("feedback", {
            "comment": 5
    }, "comment"), ("score", {"label": "x",
                              "value": {}}, "value"), ("score", {"label": "x", "value": 1, "comment": 5}, "comment")):
        reply = status(p.lunary.call("PATCH", f"/v1/runs/r/{path}", body), 400, 422)
        contains(reply.json, {"message": lambda m: word in m}, f"PATCH {path} with {body}")
    contains(p.lunary.run("r"), {"scores": lambda s: s in (None, []), "isPublic": False},
             "the run after refused edits")


@tests("odd-queries")
def queries(p):
    p.lunary.report([start("r", T, name="m", tags=["a"])])
    for text in ("limit=abc", "limit=-1", "limit=0", "limit=999999999999", "page=-1", "page=99999999999999999999",
                 "sortField=nope", "sortDirection=up", "type=nope", "duration=gte.abc", "cost=..", "date=gte.never",
                 "tokens=total", "metadata=", "metadata=key", "%ZZ=1", "feedback=nojson", "search=" + "x" * 5000,
                 "tags=" + "a," * 3000, "=", "&&&", "search=%00", "search=%FF", "startDate=x&endDate=y"):
        reply = p.lunary.call("GET", f"/v1/runs?{text}")
        status(reply, 200, 400, 422)
        if reply.status == 200:
            contains(reply.json, {"data": ANY}, f"GET /v1/runs?{text[:30]}")
        else:
            shaped("llmonitor", reply)
