"""langwatch.md 13, lines 7 and 8, and its section 5: search."""
import datetime

from lib.check import ANY, NONE, contains, equal, is_int, says, status, true
from lib.langwatch import by_id, span, text
from lib.suite import ProjectTests

tests = ProjectTests("accept/langwatch")
T = 1_790_000_000_000


def five(p):
    """Five traces, one a second: t0 to t4, with labels, users, models, evaluations; t2 failed."""
    for i in range(5):
        error = {"error": {"message": "kaputt", "stacktrace": ["here"]}} if i == 2 else {}
        p.lw.collect({
            "trace_id": f"t{i}", "spans": [
                span("root", T + i * 1000, T + i * 1000 + 100 * (5 - i), name=f"run {i}", type="agent",
                     input=text(f"question {i}"), output=text(f"Answer {i}"), **error),
                span("llm", T + i * 1000 + 1, T + i * 1000 + 50, parent_id="root", type="llm", model=f"model-{i % 2}",
                     metrics={"prompt_tokens": i, "completion_tokens": 2 * i})
            ], "metadata": {
                "user_id": f"u{i % 2}", "thread_id": f"th{i % 2}", "customer_id": "c", "labels": ["all", f"l{i}"],
                "tier": "gold" if i else "free"
            }, "evaluations": [{
                "evaluation_id": f"e{i}", "evaluator_id": "customeval_x", "name": "x", "score": i / 4, "passed": i
                > 1, "label": f"label{i}", "is_guardrail": i == 4
            }]
        })
    p.lw.track({
        "trace_id": "t1", "event_id": "ev1", "event_type": "thumbs_up_down", "metrics": {"vote": 1},
        "event_details": {"feedback": "nice"}
    })


def found(p, filters, **more):
    return sorted(p.lw.ids(filters=filters, **more))


@tests("07-example-body-of-the-search-page")
def example(p):
    five(p)
    body = {
        "query": "<string>", "startDate": "2023-01-01T00:00:00Z", "endDate": "2030-01-01T00:00:00Z", "filters": {},
        "pageSize": 1000, "scrollId": "123"
    }
    for path in ("/api/trace/search", "/api/traces/search"):
        reply = status(p.lw.call("POST", path, body), 200)
        contains(reply.json, {"traces": [], "pagination": {"totalHits": 0, "scrollId": NONE}},
                 f"{path}: no trace contains <string>")
    legacy = p.lw.call("POST", "/api/trace/search", body)
    equal(legacy.header("deprecation"), "true", "header Deprecation")
    equal(legacy.header("link"), '</api/traces/search>; rel="successor-version"', "header Link")
    true(
        p.lw.call("POST", "/api/traces/search", body).header("deprecation") is None,
        "no Deprecation on /api/traces/search")
    contains(p.lw.legacy_search(scrollId="123")["pagination"], {"totalHits": 5}, "decimal scrollId: first page")


@tests("07-error-is-text-in-the-old-search")
def error_shapes(p):
    five(p)
    old = p.lw.legacy_search(filters={"traces.error": ["true"]})["traces"]
    contains(old, [{"trace_id": "t2", "error": "kaputt", "spans": []}], "POST /api/trace/search")
    new = p.lw.search(filters={"traces.error": ["true"]})["traces"]
    contains(new, [{
        "trace_id": "t2", "error": {"has_error": True, "message": "kaputt", "stacktrace": ["here"]},
        "platformUrl": ANY
    }], "POST /api/traces/search")
    contains(p.lw.legacy_search(traceIds=["t1"])["traces"], [{"error": None}], "a trace without error")
    go = p.lw.call("GET", "/api/trace/t2", headers={"X-Langwatch-Sdk-Language": "go"}).json
    contains(go, {"error": lambda e: e in (None, "kaputt")}, "for the Go SDK")


@tests("07-dates-as-text-and-as-numbers")
def dates(p):
    five(p)
    iso = datetime.datetime.fromtimestamp((T + 1000) / 1000, datetime.timezone.utc)
    until = iso + datetime.timedelta(seconds=2)
    for start, stop in ((T + 1000, T + 3000), (iso.isoformat(), until.isoformat()),
                        (iso.strftime("%Y-%m-%dT%H:%M:%SZ"), until.strftime("%Y-%m-%dT%H:%M:%S")), (iso.astimezone(
                            datetime.timezone(datetime.timedelta(hours=2))).isoformat(), T + 3000)):
        equal(sorted(p.lw.ids(startDate=start, endDate=stop)), ["t1", "t2", "t3"], f"window {start} to {stop}")
    equal(sorted(p.lw.ids(startDate=iso.strftime("%Y-%m-%d"), endDate=T)), ["t0"], "a date alone is midnight UTC")
    equal(p.lw.ids(startDate=T + 10_000), [], "window after all")
    equal(len(p.lw.ids()), 5, "no window")
    equal(
        p.lw.legacy_search(400, startDate="gestern").json,
        {"error": 'Validation error: Invalid date format for startDate at "startDate"'}, "a bad date")


@tests("07-filters")
def filters(p):
    five(p)
    cases = [({"metadata.labels": ["l1", "l3"]}, ["t1", "t3"]),
             ({"metadata.labels": []}, ["t0", "t1", "t2", "t3", "t4"]), ({"metadata.user_id": ["u1"]}, ["t1", "t3"]),
             ({"metadata.thread_id": ["th0"]}, ["t0", "t2", "t4"]), ({"metadata.customer_id": ["nobody"]}, []),
             ({"metadata.key": ["tier"]}, ["t0", "t1", "t2", "t3", "t4"]), ({"metadata.key": ["none"]}, []),
             ({"metadata.value": {"tier": ["free"]}}, ["t0"]), ({"traces.error": ["true"]}, ["t2"]),
             ({"traces.error": ["false"]}, ["t0", "t1", "t3", "t4"]),
             ({"traces.error": ["true", "false"]}, ["t0", "t1", "t2", "t3", "t4"]),
             ({"traces.name": ["run 3"]}, ["t3"]),
             ({"traces.origin": ["application"]}, ["t0", "t1", "t2", "t3", "t4"]),
             ({"traces.origin": ["simulation"]}, []), ({"spans.type": ["llm"]}, ["t0", "t1", "t2", "t3", "t4"]),
             ({"spans.type": ["rag"]}, []), ({"spans.model": ["model-1"]}, ["t1", "t3"]),
             ({"evaluations.evaluator_id": ["customeval_x"]}, ["t0", "t1", "t2", "t3", "t4"]),
             ({"evaluations.evaluator_id.guardrails_only": ["customeval_x"]}, ["t4"]),
             ({"evaluations.passed": {"customeval_x": ["true"]}}, ["t2", "t3", "t4"]),
             ({"evaluations.passed": {"customeval_x": ["0"]}}, ["t0", "t1"]),
             ({"evaluations.score": {"customeval_x": ["0.5", "1"]}}, ["t2", "t3", "t4"]),
             ({"evaluations.score": {"customeval_y": ["0", "1"]}}, []),
             ({"evaluations.score": {"customeval_x": ["1", "0"]}}, []),
             ({"evaluations.label": {"customeval_x": ["label2"]}}, ["t2"]),
             ({"evaluations.state": {"customeval_x": ["processed"]}}, ["t0", "t1", "t2", "t3", "t4"]),
             ({"evaluations.evaluator_id.has_label": ["customeval_x"]}, ["t0", "t1", "t2", "t3", "t4"]),
             ({"events.event_type": ["thumbs_up_down"]}, ["t1"]),
             ({"events.metrics.key": {"thumbs_up_down": ["vote"]}}, ["t1"]),
             ({"events.metrics.value": {"thumbs_up_down": {"vote": ["0", "1"]}}}, ["t1"]),
             ({"events.metrics.value": {"thumbs_up_down": {"vote": ["-1", "0"]}}}, []),
             ({"events.event_details.key": {"thumbs_up_down": ["feedback"]}}, ["t1"]),
             ({"annotations.hasAnnotation": ["false"]}, ["t0", "t1", "t2", "t3", "t4"]),
             ({"metadata.user_id": ["u1"], "metadata.labels": ["l1", "l0"]}, ["t1"]), ({"topics.topics": ["x"]}, [])]
    for filter, want in cases:
        equal(found(p, filter), want, f"filters {filter}")
        equal(p.lw.total(filters=filter), len(want), f"totalHits of {filter}")
    equal(found(p, {"metadata.labels": ["l1"]}, negateFilters=True), ["t0", "t2", "t3", "t4"], "negateFilters")
    for search in (p.lw.legacy_search, p.lw.search):
        says(search(400 if search == p.lw.legacy_search else 422, filters={"q": ["x"]}), "Invalid enum value",
             "received 'q'", "filters.q")


@tests("07-query-text")
def query_text(p):
    five(p)
    for query, want in (("question 3", ["t3"]), ("ANSWER 1", ["t1"]), ("run 4", ["t4"]), ("qu", 5), ("nowhere", []),
                        ("estion", 5)):
        got = sorted(p.lw.ids(query=query))
        equal(len(got) if isinstance(want, int) else got, want, f"query {query!r}")
    p.lw.collect({"trace_id": "uni", "spans": [span("s", T, name="größe 漢字", input=text("ÄPFEL und 日本語のテキスト 🤖"))]})
    for query, there in (("äpfel", True), ("日本語", True), ("GRÖße", True), ("und 日", True), ("100%", False), ("_____",
                                                                                                             False)):
        equal("uni" in p.lw.ids(query=query), there, f"query {query!r} finds the trace")


@tests("07-three-pages")
def pages(p):
    five(p)
    seen, scroll = [], None
    for number in range(3):
        got = p.lw.legacy_search(pageSize=2, **({"scrollId": scroll} if scroll else {}))
        equal(got["pagination"]["totalHits"], 5, f"totalHits of page {number + 1}")
        seen += [t["trace_id"] for t in got["traces"]]
        scroll = got["pagination"].get("scrollId")
        equal(bool(scroll), number < 2, f"scrollId on page {number + 1}")
    equal(seen, ["t4", "t3", "t2", "t1", "t0"], "all pages, newest first")
    equal(p.lw.ids(pageSize=2, sortDirection="asc"), ["t0", "t1", "t2", "t3", "t4"], "ascending")
    equal(p.lw.ids(pageSize=1, filters={"metadata.user_id": ["u0"]}), ["t4", "t2", "t0"], "pages of a filter")
    first = p.lw.search(pageSize=3)
    equal([t["trace_id"] for t in p.lw.search(pageSize=1, scrollId=first["pagination"]["scrollId"])["traces"]],
          ["t1"], "a smaller last page")
    for bad in ("nonsense!", "eyJhIjoxfQ", "////"):
        equal(p.lw.legacy_search(400, scrollId=bad).json, {"error": "Invalid scrollId"}, f"scrollId {bad!r}")


@tests("07-pages-while-traces-arrive")
def pages_moving(p):
    for i in range(30):
        p.lw.collect({"trace_id": f"a{i:02d}", "spans": [span("s", T + i // 3)]})
    seen, scroll = [], None
    for number in range(100):
        got = p.lw.search(pageSize=4, **({"scrollId": scroll} if scroll else {}))
        seen += [t["trace_id"] for t in got["traces"]]
        p.lw.collect({"trace_id": f"new{number}", "spans": [span("s", T + 1000 + number)]})
        scroll = got["pagination"].get("scrollId")
        if not scroll:
            break
    equal(sorted(seen), sorted(f"a{i:02d}" for i in range(30)),
          "a walk shows every old trace once, also those of one millisecond")


@tests("07-sorting-and-grouping")
def sorting(p):
    five(p)
    equal(p.lw.ids(sortBy="metrics.total_time_ms"), ["t0", "t1", "t2", "t3", "t4"], "by total_time_ms, largest first")
    equal(p.lw.ids(sortBy="evaluations.customeval_x", sortDirection="asc"), ["t0", "t1", "t2", "t3", "t4"],
          "by score, smallest first")
    equal(p.lw.ids(sortBy="whatever"), ["t4", "t3", "t2", "t1", "t0"], "an unknown sort is ignored")
    equal(p.lw.ids(groupBy="user_id"), ["t4", "t2", "t0", "t3", "t1"], "grouped by user")
    equal(p.lw.ids(traceIds=["t3", "t1", "nope"]), ["t3", "t1"], "traceIds")


@tests("07-search-fields")
def search_fields(p):
    five(p)
    got = p.lw.legacy_search(traceIds=["t4"])["traces"][0]
    contains(
        got, {
            "trace_id": "t4", "project_id": p.id, "timestamps": {
                "started_at": T + 4000, "inserted_at": is_int, "updated_at": is_int
            }, "input": {"value": "question 4"}, "output": {"value": "Answer 4"}, "metadata": {
                "user_id": "u0", "thread_id": "th0", "customer_id": "c", "labels": ["all", "l4"], "tier": "gold"
            }, "metrics": {
                "first_token_ms": None, "total_time_ms": 100, "prompt_tokens": 4, "completion_tokens": 8,
                "tokens_estimated": False
            }, "error": None, "spans": [], "indexing_md5s": lambda v: len(v) == 1, "evaluations": [{
                "evaluation_id": "e4", "evaluator_id": "customeval_x", "score": 1, "passed": True, "label": "label4",
                "status": "processed"
            }]
        }, "a trace")
    with_spans = p.lw.search(traceIds=["t1"], includeSpans=True)["traces"][0]
    equal(sorted(by_id(with_spans)), ["llm", "root"], "spans with includeSpans")
    contains(with_spans["events"], [{"event_id": "ev1", "event_type": "thumbs_up_down"}], "events with includeSpans")


@tests("07-digest-and-projection")
def digest(p):
    five(p)
    got = p.lw.legacy_search(traceIds=["t3"], format="digest")["traces"][0]
    contains(got, {"trace_id": "t3", "formatted_trace": "Input: question 3\nOutput: Answer 3"}, "format digest")
    contains(
        p.lw.legacy_search(traceIds=["t3"], llmMode=True)["traces"], [{"formatted_trace": ANY}],
        "llmMode means digest")
    both = p.lw.legacy_search(traceIds=["t3"], format="json", llmMode=True)["traces"][0]
    contains(
        both, {
            "ascii_tree": lambda t: t.startswith(".\n└── agent: run 3"), "spans": [],
            "timestamps": {"started_at": lambda v: isinstance(v, str)}
        }, "json with llmMode")
    picked = p.lw.search(
        traceIds=["t3"], **{
            "from": "traces",
            "select": ["trace_id", "input", "metadata.tier", "metrics.prompt_tokens", "evaluations.score"]
        })
    contains(picked, {"schema": {"from": "traces", "columns": ANY}}, "select")
    contains(
        picked["traces"],
        [{"trace_id": "t3", "input": "question 3", "metadata": {"tier": "gold"}, "metrics": {"prompt_tokens": 3}}],
        "rows of select")
    says(p.lw.search(422, **{"from": "traces", "select": ["nonsense"]}), "select", "unknown_path")


@tests("08-unknown-key-in-the-search-body")
def unknown_key(p):
    equal(
        p.lw.legacy_search(400, foo=1).json, {"error": "Validation error: Unrecognized key(s) in object: 'foo'"},
        "the old search")
    contains(p.lw.search(foo=1), {"traces": []}, "the new search ignores it")


@tests("08-page-offset")
def page_offset(p):
    says(p.lw.legacy_search(400, pageOffset=10), "pageOffset is no longer supported", 'at "pageOffset"')
    says(p.lw.search(422, pageOffset=10), "pageOffset")
    p.lw.legacy_search(pageOffset=0)


@tests("08-validation-of-the-new-search")
def new_validation(p):
    reply = p.lw.search(422, pageSize="many")
    contains(
        reply.json, {
            "error": "validation_error", "target": "json", "fields": ["pageSize"],
            "reasons": [{"code": "schema_failure", "meta": {"field": "pageSize"}}], "fault": "customer"
        }, "the answer")
    contains(
        status(p.lw.call("POST", "/api/traces/search", b"{"), 400).json, {"error": "malformed_request"}, "unparsable")
    equal(
        status(p.lw.call("POST", "/api/trace/search", b"{"), 400).json, {"error": "Invalid body"},
        "unparsable, the old search")
