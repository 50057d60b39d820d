"""Langtrace's bodies that are wrong: each answer says what, where, twice; nothing is half stored."""
import json

from lib.bad import BadTests
from lib.check import contains, equal, says, status, true
from lib.langtrace import S, Span, export, validate

tests = BadTests("bad/langtrace")
T = 1_790_000_000 * S
SPAN = Span("5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174", T, T + S).typescript()


def refused(p, path, body, code, *words, method="POST", headers=None):
    reply = status(p.lt.call(method, path, body, headers=headers), code)
    validate(reply.json, "Error")
    equal(reply.json["error"], reply.json["message"], f"{reply.what}: both texts")
    true("html" not in (reply.header("content-type") or ""), f"{reply.what} answers HTML")
    return says(reply, *words)


@tests("bodies-that-are-no-export")
def no_export(p):
    for path in ("/api/trace", "/", "/api/trace/"):
        for body, words in ((b"5", ["number"]), (b"null", ["null"]), (b'"text"', ["string"]), (b"true", ["boolean"]),
                            (b"[1,", ["line 1", "column"]), (b'[{"traceId":\n nope}]', ["line 2"]),
                            (b"[" * 600 + b"]" * 600, ["512"]), (b'{"resourceSpans":5}', ["resourceSpans"]),
                            (b'{"resourceSpans":[5]}', ["resourceSpans[0]"]), (b'{"resourceLogs":[]}', ["/v1/logs"])):
            refused(p, path, body, 400, *words)
        for type, body in (("application/x-protobuf", b"\x0a\xff\xff"), ("text/plain", b"hello"), (None, b"\xff\xfe")):
            refused(p, path, body, 400, headers={"Content-Type": type} if type else None)
    equal(p.lt.traces(), [], "nothing is stored")


@tests("places-of-bad-spans")
def places(p):
    deep = 1
    for _ in range(100):
        deep = {"a": deep}
    event = {"name": "e", "time": [1, 0], "attributes": {}}
    for wrong, place in (({"traceId": None}, "[1].traceId"), ({"traceId": "0" * 32}, "[1].traceId"), ({"spanId": []}, "[1].spanId"),
                         ({"spanId": "a\nb"}, "[1].spanId"), ({"parentSpanId": "a\u0000b"}, "[1].parentSpanId"),
                         ({"startTime": [1]}, "[1].startTime"), ({"startTime": [1, -1]}, "[1].startTime"),
                         ({"startTime": [10**12, 0]}, "[1].startTime"), ({"endTime": "noon"}, "[1].endTime"),
                         ({"events": [event, {**event, "time": {}}]}, "[1].events[1].time"),
                         ({"attributes": {"k": deep}}, "[1].attributes"),
                         ({"links": [{"attributes": {"k": deep}}]}, "[1].links[0].attributes")):
        got = p.lt.send([SPAN, {**SPAN, "spanId": "aa" * 8, **wrong}])
        contains(got, {"status": 200, "rejected": 1}, f"a list with {wrong}")
        true(place in got["partialSuccess"]["errorMessage"], f"{place} is named in {got}")
    equal(list(p.lt.spans()), [SPAN["spanId"]], "only the good span is stored")
    refused(p, "/api/trace", [{**SPAN, "spanId": None}], 400, "[0].spanId")


@tests("odd-values-that-are-no-fault")
def odd(p):
    """What is readable in part is read; what is not is not guessed."""
    strange = {
        **SPAN, "name": 5, "kind": "nonsense", "status": "OK", "events": {"a": 1}, "links": "x", "resource": 7,
        "instrumentationLibrary": [], "attributes": None, "traceState": {"a": 1}, "duration": "long", "droppedEventsCount": -3
    }
    equal(p.lt.send([strange])["message"], "Traces added successfully", "the answer")
    contains(p.lt.span(SPAN["spanId"]), {"name": "", "kind": "0", "status_code": "UNSET", "events": [], "links": [], "attributes": {}}, "the span")
    broken = json.dumps([{**SPAN, "spanId": "bb" * 8, "name": "a?b"}]).encode().replace(b"?", b"\xff")
    equal(p.lt.send(broken)["message"], "Traces added successfully", "bytes that are no UTF-8")
    equal(p.lt.span("bb" * 8)["name"], "a\ufffdb", "and what became of them")


@tests("huge-lists")
def huge(p):
    n = 5000
    got = p.lt.send([{**SPAN, "spanId": f"{i + 1:016x}"} if i % 2 else {"name": "x"} for i in range(n)])
    equal(got["rejected"], n // 2, "rejected spans")
    equal(len(p.lt.spans()), n // 2, "stored spans")
    reply = p.lt.call("POST", "/api/traces", b" " * 2_000_000)
    status(reply, 413)
    validate(reply.json, "Error")


@tests("bodies-of-the-other-routes")
def others(p):
    for method, path in (("POST", "/api/traces"), ("POST", "/api/promptset"), ("PUT", "/api/promptset"), ("POST", "/api/prompt"),
                         ("PUT", "/api/prompt"), ("POST", "/api/evaluation"), ("PUT", "/api/evaluation"), ("POST", "/api/test"),
                         ("POST", "/api/data"), ("POST", "/api/run")):
        for body in (b"{", b"", b"[]", b"5", b"null", b'{"a":"\xff"}'):
            refused(p, path, body, 400, method=method)
    for path in ("/api/nothing", "/api/prompt", "/api/user", "/api/spans"):
        refused(p, path, None, 404, "Not Found", method="GET")
    refused(p, "/api/trace", None, 404, "Not Found", method="DELETE")
    equal(p.lt.ok("GET", "/api/test")["tests"], [], "tests")
    equal(p.lt.traces(), [], "traces")
    refused(p, "/api/trace", export(), 400, headers={"Content-Encoding": "br"})
