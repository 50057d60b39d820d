"""llmonitor.md 12, lines 1 to 3: envelopes, keys, times, types."""
from lib.check import ANY, NONE, contains, equal, status, true
from lib.lunary import end, run_id, start
from lib.model_llmonitor import iso_ms
from lib.suite import ProjectTests

tests = ProjectTests("accept/llmonitor")
T = 1_790_000_000_000
R = "00000000-0000-4000-8000-00000000000"  # + one digit


def ok(*ids):
    return [{"id": id, "success": True} for id in ids]


def iso(ms):
    return iso_ms(ms * 1_000_000)


@tests("01-curl-body-without-a-key")
def curl_body(p):
    body = {
        "events": [{
            "type": "llm", "app": p.public, "event": "start", "runId": "some-unique-id", "name": "gpt-4",
            "timestamp": "2026-01-01T00:00:00Z", "input": [{"role": "user", "text": "Hello world!"}],
            "tags": ["tag1"], "extra": {"temperature": 0.5, "max_tokens": 100}
        }]
    }
    equal(
        status(p.client.post("/api/report", body), 200).json, {"results": ok("some-unique-id")},
        "answer to the start")
    contains(p.lunary.run("some-unique-id"), {"status": "started", "endedAt": NONE}, "the run before its end")
    body = {
        "events": [{
            "type": "llm", "app": p.public, "event": "end", "runId": "some-unique-id",
            "timestamp": "2026-01-01T00:00:02Z", "output": {"role": "ai", "text": "Hello. How are you?"}
        }]
    }
    equal(
        status(p.client.post("/api/report", body), 200).json, {"results": ok("some-unique-id")}, "answer to the end")
    got = p.lunary.run("some-unique-id")
    contains(
        got, {
            "id": "f2eaa71b-6b43-485e-aaf7-0307daec557b", "projectId": p.id, "type": "llm", "name": "gpt-4",
            "status": "success", "input": [{"role": "user", "text": "Hello world!"}],
            "output": {"role": "ai", "text": "Hello. How are you?"}, "tags": ["tag1"],
            "params": {"temperature": 0.5, "maxTokens": 100}, "createdAt": "2026-01-01T00:00:00.000Z",
            "endedAt": "2026-01-01T00:00:02.000Z", "duration": 2, "isPublic": False, "error": NONE
        }, "the run")
    true("user" not in got, "no user")
    true("traceId" not in got, "no traceId on a root")


@tests("02-envelopes")
def envelopes(p):
    event = {**start("a", T), "app": p.public}
    post = lambda body: p.client.post("/api/report", body)  # noqa: E731
    equal(
        status(post({"events": [{**event, "app": "nope"}]}), 401).json, {"message": "This project does not exist"},
        "unknown app")
    equal(
        status(post({"events": [start("a", T)]}), 402).json, {"message": "Incorrect project id format"},
        "missing app")
    equal(
        status(post({"events": [{**event, "app": 5}]}), 402).json, {"message": "Incorrect project id format"},
        "an app that is no text")
    equal(status(post({"events": event}), 200).json, {"results": ok("a")}, "events an object")
    equal(
        status(post({"events": [[{**event, "runId": "b"}, [{**event, "runId": "c"}]]]}), 200).json,
        {"results": ok("b", "c")}, "nested lists")
    equal(status(post([{**event, "runId": "d"}]), 200).json, {"results": ok("d")}, "a bare array")
    equal(status(post({"events": []}), 200).json, {"results": []}, "an empty array")
    for body in ({}, {"event": []}):
        equal(status(post(body), 400).json, {"message": "Missing events payload."}, f"body {body}")
    status(post(b"no json"), 400)
    equal(
        status(p.lunary.call("POST", "/v1/runs/ingest", {}), 400).json, {"message": "Missing events payload."},
        "ingest without events")
    equal(p.lunary.ingest([]), [], "ingest of an empty array")
    equal(p.lunary.ingest(start("e", T)), ok("e"), "ingest of one object")
    equal(sorted(r["id"] for r in p.lunary.runs()), sorted(run_id(i) for i in "abcde"), "what is stored")


@tests("02-keys-of-the-two-endpoints")
def keys(p):
    body = {"events": [start("a", T)]}
    ingest = lambda headers: p.client.post("/v1/runs/ingest", body, headers)  # noqa: E731
    equal(status(ingest({}), 402).json, {"message": "Incorrect project id format"}, "no key")
    equal(
        status(ingest({"Authorization": "Bearer 44444444-4444-4444-8444-444444444444"}), 401).json,
        {"message": "Invalid API key"}, "unknown UUID")
    equal(
        status(ingest({"Authorization": "Bearer nonsense"}), 401).json, {"message": "Invalid access token"},
        "unknown key, no UUID")
    for headers in ({"Authorization": f"Bearer {p.public}"}, {"x-api-key": p.private}, {
            "Authorization": f"Bearer {p.langwatch_key}"
    }):
        status(ingest(headers), 200)
    equal(
        status(p.lunary.call("GET", "/v1/runs", key=p.public), 401).json,
        {"message": "This route requires a private API key"}, "public key, private route")


@tests("02-an-event-that-names-another-project")
def app_id(p):
    # The scratch project before this one is only written to by its own test, so name the demo project.
    body = [
        start("mine", T), {**start("other", T), "appId": "11111111-1111-4111-8111-111111111111"},
        {**start("unknown", T), "appId": "44444444-4444-4444-8444-444444444444"}
    ]
    equal(p.lunary.ingest(body), ok("mine", "other", "unknown"), "results")
    equal(sorted(r["id"] for r in p.lunary.runs()), sorted([run_id("mine"), run_id("unknown")]),
          "runs of the key's project")
    events = [{**start("x", T), "app": p.public}, {**start("y", T), "app": "44444444-4444-4444-8444-444444444444"},
              start("z", T)]
    got = status(p.client.post("/api/report", {"events": events}), 200).json["results"]
    equal(got[0::2], ok("x", "z"), "events of the first app")
    contains(got[1], {
        "id": "y", "success": False, "error": "Project with id 44444444-4444-4444-8444-444444444444 does not exist."
    }, "an unknown app in the middle")


@tests("02-one-bad-event-among-good")
def one_bad(p):
    got = p.lunary.report(
        [start("a", T), end(None, T + 1), 7, {**start("b", T + 2), "type": None},
         start("c", T + 3)])
    equal([r for r in got if r["success"]], ok("a", "c"), "good ones")
    bad = [r for r in got if not r["success"]]
    equal(len(bad), 3, "bad ones")
    true(any("runId is required" in r["error"] for r in bad), f"an end without runId: {bad}")
    true(any("Invalid event" in r["error"] for r in bad), f"an event that is a number: {bad}")
    equal(sorted(r["id"] for r in p.lunary.runs()), sorted([run_id("a"), run_id("c")]), "what is stored")
    for event in ("end", "error", "feedback", "update"):
        contains(p.lunary.report([{"type": "llm", "event": event, "timestamp": T}]),
                 [{"success": False, "error": lambda e: "runId is required" in e}], f"{event} without runId")


@tests("02-any-json-comes-back")
def any_json(p):
    values = [
        True, False, 0, -1.5, 1e300, "", "text", None, [], {}, [None, {"a": []}], {"output": 1, "b": 2}, "ünï 🤖",
        "\u0000", [[["deep"]]], 9007199254740993
    ]
    p.lunary.report([
        e for i, v in enumerate(values) for e in (start(f"r{i}", T + i, input=v), end(f"r{i}", T + i + 100, output=v))
    ])
    for i, value in enumerate(values):
        got = p.lunary.run(f"r{i}")
        contains(got, {"input": NONE if value is None else value, "output": NONE if value is None else value},
                 f"value {value!r}")
    p.lunary.report(
        [start("w", T, input={"input": [1]}),
         end("w", T + 1, output={"output": {"max_tokens": {"a_b": 1}}})])
    contains(p.lunary.run("w"), {"input": [1], "output": {"maxTokens": {"aB": 1}}},
             "unwrapped, and keys in camelCase")


@tests("02-an-event-without-a-kind")
def no_kind(p):
    p.lunary.report([{"type": "llm", "runId": "io", "timestamp": T, "input": "i", "output": "o",
                      "name": "m"}, {"type": "llm", "runId": "in", "timestamp": T, "input": "i"},
                     {"type": "llm", "runId": "er", "timestamp": T, "error": "bad"}])
    contains(p.lunary.run("io"), {"status": "success", "input": "i", "output": "o"}, "input and output")
    contains(p.lunary.run("in"), {"status": "started", "input": "i"}, "input alone")
    contains(p.lunary.run("er"), {"status": "error", "error": {"message": "bad"}}, "error")
    equal(p.lunary.report([{"type": "llm", "event": "stream", "runId": "x", "timestamp": T}]), ok("x"),
          "an unknown event")
    p.lunary.run("x", 404)


@tests("02-snake-case-envelopes")
def snake_case(p):
    p.lunary.report([{
        "type": "agent", "event": "start", "run_id": "root", "timestamp": T, "user_id": "u",
        "user_props": {"first_name": "Z"}
    }, {"type": "llm", "event": "start", "run_id": "kid", "parent_run_id": "root", "timestamp": T + 1}, {
        "type": "llm", "event": "end", "run_id": "kid", "timestamp": T + 2, "output": "o",
        "tokens_usage": {"prompt": 3, "completion": 4}
    }])
    contains(p.lunary.run("root"), {"user": {"externalId": "u", "props": {"firstName": "Z"}}}, "the root")
    contains(p.lunary.run("kid"), {"traceId": run_id("root"), "tokens": {"prompt": 3, "completion": 4, "total": 7}},
             "the child")


@tests("02-timestamps")
def timestamps(p):
    times = {
        "ms": 1700000000123, "z": "2023-11-14T22:13:20.123Z", "offset": "2023-11-14T23:13:20.123+01:00",
        "bare": "2023-11-14 22:13:20.123456", "micro": "2023-11-14T22:13:20.123456+00:00"
    }
    p.lunary.report([start(k, v) for k, v in times.items()])
    for k in times:
        contains(p.lunary.run(k), {"createdAt": "2023-11-14T22:13:20.123Z"}, f"timestamp {times[k]}")
    equal(p.lunary.report([start("bad", "yesterday"), {"type": "llm", "event": "start", "runId": "none"}]),
          [ANY, ANY], "unreadable and missing times")
    for k in ("bad", "none"):
        contains(p.lunary.run(k), {"createdAt": lambda v: v > "2025"}, f"{k}: time of receipt")


@tests("03-all-types-and-the-tree")
def tree(p):
    p.lunary.report([
        start("agent", T, "agent", name="a", input="q", tags=["root"]),
        start("chain", T + 1, "chain", name="c", parentRunId="agent"),
        start("llm", T + 2, "llm", name="gpt-4", parentRunId="chain"),
        start("tool", T + 3, "tool", name="t", parentRunId="chain"),
        start("convo", T + 4, "convo", input="hi"),
        start("chat", T + 5, "chat", parentRunId="convo", input="hi"),
        end("tool", T + 6, "tool", output=1),
        end("llm", T + 7, output="x"),
        end("chain", T + 8, "chain", output="y"),
        end("agent", T + 9, "agent", output="z"),
        end("chat", T + 10, "chat", output="yo"),
        end("convo", T + 11, "convo")
    ])
    rows = p.lunary.related("agent")
    equal([(r["name"], r["type"], r.get("parentRunId")) for r in rows], [("a", "agent", None),
                                                                         ("c", "chain", run_id("agent")),
                                                                         ("gpt-4", "llm", run_id("chain")),
                                                                         ("t", "tool", run_id("chain"))],
          "/related of the root")
    contains(
        rows[0], {
            "projectId": p.id, "status": "success", "input": "q", "output": "z", "createdAt": iso(T),
            "endedAt": iso(T + 9), "tags": ["root"]
        }, "a row of /related")
    equal([r["name"] for r in p.lunary.related("chain")], ["c", "gpt-4", "t"],
          "/related of the chain: the run and all below it")
    for type in ("llm", "agent", "tool", "chain", "chat"):
        equal([r["id"] for r in p.lunary.runs(type=type)], [run_id(type)], f"runs of type {type}")
        contains(p.lunary.run(type), {"type": type}, f"run of type {type}")
    equal([r["id"] for r in p.lunary.runs(type="thread")], [run_id("convo")], "a convo is a thread")
    equal([r["id"] for r in p.lunary.runs(type="trace")], [run_id("agent")],
          "traces: agents and chains without a parent")
    contains(p.lunary.run("llm"), {"traceId": run_id("agent")}, "traceId of a run below")


@tests("03-retriever-and-embed")
def more_types(p):
    p.lunary.report([
        start("r", T, "retriever", name="find", input="q"),
        end("r", T + 1, "retriever", output=["d"]),
        start("e", T, "embed", name="ada")
    ])
    contains(p.lunary.run("r"), {"type": "retriever", "output": ["d"]}, "retriever")
    contains(p.lunary.run("e"), {"type": "embed"}, "embed")
