"""POST /api/collector with wrong types and missing fields: LangWatch's own texts, the path of the fault, and nothing stored."""
from lib.bad import T, BadTests, empty, still_works
from lib.check import contains, equal, says, status, true
from lib.langwatch import span, text

tests = BadTests("bad/collector")


def wrong(p, body, *pieces, code=400):
    """Refused as a validation error that contains each piece; the trace is not there."""
    reply = p.lw.collect(body, code)
    says(reply, *pieces)
    true("Validation error: " in reply.text or "message" in reply.json or "error" in reply.json,
         f"shape of {reply.text}")
    return reply


def one(**changes):
    """A body with one good span, changed; a value of Ellipsis removes the key."""
    changed = {**span("s", T), **changes}
    return {"trace_id": "t", "spans": [{k: v for k, v in changed.items() if v is not ...}]}


@tests("wrong-types-in-a-span")
def wrong_types(p):
    cases = [({"span_id": 5}, "Expected string, received number", "span_id"),
             ({"span_id": ...}, "Required", "span_id"), ({"type": "llmm"}, "type"), ({"type": 5}, "type"),
             ({"name": 5}, "Expected string, received number", "name"),
             ({"parent_id": {}}, "Expected string, received object", "parent_id"), ({"input": "bare"}, "input"),
             ({"input": {"type": "nope", "value": 1}}, "input"),
             ({"input": {"type": "text", "value": 5}}, "Expected string, received number", "input.value"),
             ({"input": {"type": "chat_messages", "value": "x"}}, "Expected array, received string", "input.value"),
             ({"output": {"type": "chat_messages", "value": [1]}}, "output.value"),
             ({"input": {"type": "json"}}, "input"), ({"timestamps": ...}, "timestamps"),
             ({"timestamps": 5}, "Expected object, received number", "timestamps"),
             ({"timestamps": {"finished_at": T}}, "timestamps.started_at"),
             ({"timestamps": {"started_at": "now",
                              "finished_at": T}}, "Expected number, received string", "timestamps.started_at"),
             ({"timestamps": {"started_at": T, "finished_at": None}}, "timestamps.finished_at"),
             ({"metrics": {"prompt_tokens": "5"}}, "Expected number, received string", "metrics.prompt_tokens"),
             ({"metrics": {"tokens_estimated": 1}}, "Expected boolean, received number", "metrics.tokens_estimated"),
             ({"metrics": []}, "Expected object, received array", "metrics"),
             ({"params": "x"}, "Expected object, received string", "params"),
             ({"model": 4}, "Expected string, received number", "model"),
             ({"vendor": []}, "Expected string, received array", "vendor"),
             ({"error": "boom"}, "Expected object, received string", "error"),
             ({"error": {"stacktrace": []}}, "error.message"),
             ({"error": {"message": "m", "stacktrace": "x"}}, "Expected array, received string", "error.stacktrace"),
             ({"type": "rag", "contexts": "x"}, "Expected array, received string", "contexts")]
    for changes, *pieces in cases:
        reply = wrong(p, one(**changes), "Validation error: ", *pieces)
        true(reply.json["error"].endswith('at "spans[0]"'),
             f"the error about {changes} ends in the span: {reply.json['error']}")
    empty(p)


@tests("the-third-span-is-named")
def third_span(p):
    body = {"trace_id": "t", "spans": [span("a", T), span("b", T), {**span("c", T), "type": "nope"}, span("d", T)]}
    wrong(p, body, 'at "spans[2]"')
    body["spans"][2] = {**span("c", T // 1000), "type": "span"}
    wrong(p, body, "Timestamps should be in milliseconds not in seconds")
    for not_a_span in (5, None, "x", []):
        body["spans"][2] = not_a_span
        wrong(p, body, "spans[2]")
    empty(p)


@tests("wrong-types-around-the-spans")
def wrong_around(p):
    good = [span("s", T)]
    cases = [({"trace_id": 5}, "Expected string, received number", "trace_id"),
             ({"spans": "x"}, "Invalid 'spans' field, expecting array"),
             ({"spans": {"a": 1}}, "Invalid 'spans' field, expecting array"),
             ({"expected_output": {"a": 1}}, "expected_output"), ({"evaluations": "x"}, "evaluations"),
             ({"evaluations": None}, "evaluations"), ({"evaluations": [5]}, "evaluations[0]"),
             ({"metadata": {"user_id": 5}}, "Expected string, received number", "user_id"),
             ({"metadata": {"labels": [1]}}, "Expected string, received number", "labels[0]"),
             ({"metadata": {"prompt_ids": "x"}}, "prompt_ids"), ({"metadata": "x"}, "metadata"),
             ({"metadata": [1]}, "metadata")]
    for changes, *pieces in cases:
        wrong(p, {"trace_id": "t", "spans": good, **changes}, *pieces)
    empty(p)


@tests("wrong-evaluations")
def wrong_evaluations(p):
    fine = {"name": "e", "score": 1}
    cases = [({"name": ...}, 'Required at "evaluations[1].name"'),
             ({"name": 5}, 'Expected string, received number at "evaluations[1].name"'),
             ({"score": "high"}, 'Expected number, received string at "evaluations[1].score"'),
             ({"passed": "yes"}, 'Expected boolean, received string at "evaluations[1].passed"'),
             ({"label": 5}, 'Expected string, received number at "evaluations[1].label"'),
             ({"status": "done"}, "Invalid enum value", 'at "evaluations[1].status"'),
             ({"details": 5}, "evaluations[1].details"),
             ({"error": {"stacktrace": []}}, "evaluations[1].error.message"),
             ({"inputs": "x"}, "evaluations[1].inputs")]
    for changes, *pieces in cases:
        bad = {k: v for k, v in {**fine, **changes}.items() if v is not ...}
        wrong(p, {"trace_id": "t", "evaluations": [fine, bad]}, *pieces)
    reply = p.lw.collect({"trace_id": "t", "evaluations": [fine, {"name": "empty"}]}, 400)
    equal(reply.json, {"error": "Either `passed`, `score` or `label` field must be defined for evaluations"},
          "an evaluation that says nothing")
    empty(p)


@tests("over-long-and-odd-ids")
def ids(p):
    for id in ("x" * 801, "ü" * 401, "a\x01b", "a\nb", "\x7f", ""):
        reply = p.lw.collect({"trace_id": id, "spans": [span("s", T)]}, 400)
        true(reply.json.get("error") or reply.json.get("message"), "a text")
        if id:
            says(reply, "trace_id")
            says(p.lw.collect({"trace_id": "t", "spans": [span(id, T)]}, 400), "span_id", "spans[0]")
    empty(p)
    p.lw.collect({"trace_id": "t" * 800, "spans": [span("s" * 800, T)]})
    equal(len(p.lw.trace("t" * 800)["spans"]), 1, "ids of 800 bytes are fine")
    p.lw.collect(
        {"trace_id": "long-user", "spans": [span("s", T)], "metadata": {"user_id": "u" * 5000, "thread_id": "a\nb"}})
    equal(p.lw.ids(traceIds=["long-user"]), ["long-user"], "a user id that cannot be one does not sink the trace")


@tests("nothing-is-half-stored")
def half_stored(p):
    p.lw.collect({"trace_id": "t", "spans": [span("s", T, output=text("before"))], "metadata": {"k": 1}})
    before = p.lw.trace("t")
    bad = {
        "trace_id": "t", "metadata": {"k": 2, "labels": ["new"]}, "expected_output": "e", "evaluations": [{
            "name": "n", "score": 1
        }], "spans": [span("s", T, T + 99, output=text("after")),
                      span("new", T), {**span("bad", T), "type": "nope"}]
    }
    p.lw.collect(bad, 400)
    equal(p.lw.trace("t"), before, "the trace after a refused body")
    p.lw.collect({**bad, "spans": bad["spans"][:2], "evaluations": [{"name": "n", "score": "x"}]}, 400)
    equal(p.lw.trace("t"), before, "the trace after a refused evaluation")
    still_works(p)


@tests("odd-but-fine")
def odd_but_fine(p):
    """What upstream refuses and we do not (section 12), and unknown keys."""
    p.lw.collect({
        "trace_id": "t", "unknown": {"a": 1}, "spans": [
            span("s", T, input={"type": "raw", "value": {"a": 1}}, output={"type": "list", "value": ["plain", 1]},
                 error={"message": "m"}, extra=1)
        ], "metadata": {"deep": {"a": {"b": {"c": [{"d": 1}]}}}, "null": None}
    })
    got = p.lw.trace("t")
    equal(got["spans"][0]["input"], {"type": "json", "value": {"a": 1}}, "raw with an object")
    equal(got["spans"][0]["output"], {"type": "json", "value": ["plain", 1]}, "a list of plain items")
    contains(got["metadata"], {"deep": {"a": {"b": {"c": [{"d": 1}]}}}}, "deep metadata")
    true("null" not in got["metadata"], "a null in metadata is dropped")
    p.lw.collect({"trace_id": "m"})
    equal(p.lw.trace("m")["spans"], [], "a body with an id alone makes the trace")
    status(p.lw.call("POST", "/api/collector", {"trace_id": None, "spans": [span("s", T, trace_id="n")]}), 200)


@tests("search-bodies")
def search_bodies(p):
    for body, *pieces in (({
            "query": 5
    }, "Expected string, received number", "query"), ({"pageSize": 0}, "pageSize"), ({"pageSize": -1}, "pageSize"), ({
            "pageSize": "x"
    }, "pageSize"), ({"pageSize": 1.5}, "pageSize"), ({"filters": "x"}, "filters"), ({
            "filters": {"spans.type": "llm"}
    }, "filters"), ({"traceIds": "x"}, "traceIds"), ({"traceIds": [1]}, "traceIds"), ({"scrollId": 5}, "scrollId"), ({
            "startDate": True
    }, "startDate"), ({"endDate": "2026-13-45"}, "endDate"), ({"negateFilters": "x"}, "negateFilters"), ({
            "format": "xml"
    }, "format")):
        says(p.lw.legacy_search(400, **body), "Validation error: ", *pieces)
        says(p.lw.search(422, **body), pieces[-1])
    contains(p.lw.legacy_search(pageSize=5000), {"traces": []}, "a page size over the cap is capped")
    contains(p.lw.search(filters={"evaluations.score": {"x": ["a", "b"]}}), {"traces": []},
             "an unusable filter value matches nothing")
