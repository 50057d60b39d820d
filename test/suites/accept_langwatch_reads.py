"""langwatch.md 6 and 7: single trace, thread, share, metadata, tracked events."""
import time

from lib.check import ANY, contains, equal, says, status
from lib.http import quote
from lib.langwatch import by_id, span
from lib.suite import ProjectTests
from suites.accept_langwatch_search import five, found

tests = ProjectTests("accept/langwatch")
T = 1_790_000_000_000


@tests("14-single-trace")
def single(p):
    five(p)
    old = status(p.lw.call("GET", "/api/trace/t1"), 200)
    equal(old.header("deprecation"), "true", "header Deprecation")
    contains(old.json, {"ascii_tree": ".\n└── agent: run 1\n    └── llm: llm (model-1)\n"}, "ascii_tree")
    contains(old.json["events"], [{
        "event_id": "ev1", "event_type": "thumbs_up_down", "metrics": {"vote": 1},
        "event_details": {"feedback": "nice"}, "trace_id": "t1", "project_id": p.id
    }], "events")
    new = status(p.lw.call("GET", "/api/traces/t1"), 200).json
    contains(new, {"platformUrl": lambda u: u.endswith("/traces/t1"), "error": None}, "GET /api/traces/{id}")
    equal(p.lw.trace("nope", 404).json, {"message": "Trace not found."}, "the old 404")
    equal(
        status(p.lw.call("GET", "/api/traces/nope"), 404).json,
        {"error": "Trace not found.", "message": "Trace not found."}, "the new 404")
    contains(
        p.lw.call("GET", "/api/trace/t2?format=digest").json,
        {"formatted_trace": lambda t: "Spans: 2" in t and "kaputt" in t and "run 2" in t}, "digest")
    contains(p.lw.call("GET", "/api/traces/t2?llmMode=1").json, {"formatted_trace": ANY}, "llmMode")


@tests("14-prefix-of-an-id")
def prefix(p):
    for id in ("0123456789abcdef0123456789abcdef", "0123456799abcdef0123456789abcdef"):
        p.lw.collect({"trace_id": id, "spans": [span("s", int(time.time() * 1000))]})
    contains(
        status(p.lw.call("GET", "/api/traces/012345678"), 200).json, {"trace_id": "0123456789abcdef0123456789abcdef"},
        "one match")
    for path in ("/api/traces/01234567", "/api/trace/01234567"):
        contains(
            status(p.lw.call("GET", path), 409).json,
            {"candidateTraceIds": lambda v: len(v) == 2, "message": lambda m: "ambiguous" in m}, path)
    status(p.lw.call("GET", "/api/traces/0123456"), 404)


@tests("14-odd-ids")
def odd_ids(p):
    for id in ("a/b c?d#e%2Ff", "größe 🤖", "..", "UPPER-lower", "x" * 800, "1", "null", "'; drop table--"):
        p.lw.collect({"trace_id": id, "spans": [span(id, T, name="n")]})
        contains(p.lw.trace(id), {"trace_id": id, "spans": lambda s: s[0]["span_id"] == id}, f"the trace {id[:20]!r}")
        equal(p.lw.ids(traceIds=[id]), [id], f"search for {id[:20]!r}")


@tests("14-thread")
def thread(p):
    five(p)
    got = p.lw.thread("th1")
    equal([t["trace_id"] for t in got], ["t1", "t3"], "traces of the thread, oldest first")
    equal(sorted(by_id(got[0])), ["llm", "root"], "with spans")
    equal(p.lw.thread("nope"), [], "an unknown thread")


@tests("14-share-and-unshare")
def share(p):
    five(p)
    got = p.lw.share("t1")
    contains(got, {"status": "success", "path": lambda v: v.startswith("/share/") and len(v) > 15}, "share")
    equal(p.lw.unshare("t1"), {"status": "success"}, "unshare")
    contains(p.lw.share("not-there"), {"status": "success"}, "no trace is needed")
    status(p.client.post("/api/trace/t1/share"), 401)


@tests("14-metadata-patch")
def patch(p):
    five(p)
    equal(
        p.lw.patch("t1", {"labels": ["new"], "tier": "silver", "user_id": "u9", "n": 5, "o": {"a": 1}}).json,
        {"traceId": "t1"}, "the answer")
    want = {
        "labels": ["new"], "tier": "silver", "user_id": "u9", "thread_id": "th1", "customer_id": "c", "n": 5,
        "o": {"a": 1}
    }
    contains(p.lw.trace("t1")["metadata"], want, "metadata")
    equal(found(p, {"metadata.user_id": ["u9"]}), ["t1"], "found by the new user")
    equal(found(p, {"metadata.labels": ["l1"]}), [], "not found by the old label")
    for bad in ({}, {"k": "x" * 4097}, {"k": [1]}):
        status(p.lw.call("PATCH", "/api/traces/t1/metadata", {"metadata": bad}), 400, 422)
    status(p.lw.call("PATCH", "/api/traces/t1/metadata", {"metadata": {f"k{i}": "x" * 4000 for i in range(10)}}), 400,
           413, 422)
    contains(p.lw.trace("t1")["metadata"], want, "metadata after refused patches")


@tests("14-tracked-events")
def track(p):
    five(p)
    before = p.lw.trace("t0")
    body = {
        "trace_id": "t0", "event_type": "clicked", "metrics": {"x": 1.5},
        "event_details": {"where": "top", "none": None}, "timestamp": T + 77
    }
    equal(p.lw.track({**body, "event_id": "one"}).json, {"message": "Event tracked"}, "the answer")
    p.lw.track({**body, "event_id": "one", "metrics": {"x": 2}})
    p.lw.track(body, path="/api/events/track")
    got = p.lw.trace("t0")
    contains(
        sorted(got["events"], key=lambda e: e["event_id"] != "one"),
        [{"event_id": "one", "event_type": "clicked", "metrics": {"x": 2}, "event_details": {"where": "top"}},
         {"event_id": ANY, "event_type": "clicked", "metrics": {"x": 1.5}, "timestamps": {"started_at": T + 77}}],
        "events")
    for key in ("metrics", "input", "output", "error", "spans"):
        equal(got[key], before[key], f"{key} is not touched by events")
    p.lw.track({"trace_id": "later", "event_id": "e", "event_type": "early", "metrics": {}})
    p.lw.collect({"trace_id": "later", "spans": [span("s", T)]})
    contains(p.lw.trace("later")["events"], [{"event_id": "e"}], "an event before its trace")
    for bad, piece in (({"event_type": "x",
                         "metrics": {}}, "trace_id"), ({"trace_id": "t", "metrics": {}}, "event_type"), ({
                             "trace_id": "t", "event_type": "x"
                         }, "metrics"), ({"trace_id": "t", "event_type": "x", "metrics": {"a": "b"}}, "metrics.a"), ({
                             "trace_id": "t", "event_type": "thumbs_up_down", "metrics": {"vote": 2}
                         }, "metrics.vote"), ({
                             "trace_id": "t", "event_type": "selected_text", "metrics": {"text_length": 0}
                         }, "metrics.text_length")):
        says(p.lw.track(bad, 400), "Validation error: ", piece)


@tests("14-one-project-key-for-cli")
def me(p):
    contains(
        status(p.lw.call("GET", "/api/me/project"), 200).json, {"id": p.id, "name": ANY, "slug": ANY},
        "GET /api/me/project")


@tests("14-doubled-slashes")
def slashes(p):
    status(p.lw.call("POST", "//api/collector", {"trace_id": "t", "spans": [span("s", T)]}), 200)
    status(p.lw.call("GET", f"//api//trace/{quote('t')}/"), 200)
    status(p.lw.call("POST", "/api/collector?force_sync=true", {"trace_id": "t2", "spans": [span("s", T)]}), 200)
