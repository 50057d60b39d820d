"""Wrong OpenTelemetry of every kind: what answers, in which encoding, the place that is named, nothing half stored, the server alive."""
import json
import secrets
import struct
import zlib

from lib import otlp
from lib.bad import still_works
from lib.check import contains, equal, status, true
from lib.langwatch import by_id
from lib.otlp import PROTOBUF, T, field, span, varint
from lib.otlp_server import OtlpTests, grpc
from lib.server import sanitized
from suites import otlp_grpc
from suites.otlp_answers import bomb


class BadOtlp(OtlpTests):
    def add(self, name, function):
        def judged(p):
            function(p)
            still_works(p)

        super().add(name, judged)


tests = BadOtlp("bad/export")
ID, S = "0af7651916cd43dd8448eb211c80319c", "b7ad6b7169203331"
PLACE = ("byte", "offset")


def status_of(reply):
    """google.rpc.Status of an error, whatever its encoding; the encoding is the request's."""
    kind = (reply.header("content-type") or "").split(";")[0]
    return reply.json if kind == "application/json" else otlp.decode("RpcStatus", reply.body)


def refused(p, body, as_json, *places, want=400, **more):
    """400 in the request's encoding, with a text that names one of the places; nothing stored."""
    reply = status(otlp.post(p, body, as_json=as_json, **more), want)
    kind = (reply.header("content-type") or "").split(";")[0]
    equal(kind, "application/json" if as_json else PROTOBUF, f"encoding of the error for {body[:20]!r}")
    answer = status_of(reply)
    true(not places or any(x in answer["message"] for x in places), f"the error of {body[:40]!r} should name one of {places}, it says {answer['message']!r}")
    equal(answer["code"], 3, "code")
    equal(p.lw.ids(), [], "traces after a body that is refused")


@tests("protobuf-that-does-not-decode")
def protobuf(p):
    good = otlp.encode("TraceRequest", otlp.traces(span(ID, S, a={"k": "v"})))
    for cut in (1, 2, 5, len(good) // 2, len(good) - 1):
        refused(p, good[:cut], False, *PLACE)
    for body in (b"\xff" * 30, b"\x0a" + b"\x80" * 10, b"\x0a\xff\xff\xff\xff\x0f", b"\x0f", b"\x0b\x0a", b"\x00\x01", b"\x06",
                 b"\x0a\x05abc"):
        refused(p, body, False)
    for body in (field(1, 0, b"\1"), field(1, 5, b"abcd")):  # a known number of another wire type is an unknown field
        true(otlp.post(p, body, as_json=False).status in (200, 400), f"{body!r}")


@tests("truncated-varints")
def varints(p):
    """A varint of eleven bytes, and one that the body cuts, in every position where one stands."""
    span_fields = otlp.encode("Span", span(ID, S))
    for broken in (b"\x80" * 11, b"\x30" + b"\xff" * 10 + b"\x7f", b"\x30\x80"):
        inner = span_fields + broken
        body = field(1, 2, field(2, 2, field(2, 2, inner)))
        refused(p, body, False, *PLACE)
    for tag in (b"\x80", b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"):
        refused(p, tag, False)


@tests("wrong-wire-types")
def wire_types(p):
    """A known field of another wire type: refused with its place, or skipped as unknown; the server stays sound either way."""
    for number, wire, payload in ((1, 0, b"\1"), (7, 0, b"\1"), (5, 1, b"12345678"), (9, 5, b"1234"), (15, 0, b"\1"), (16, 2, b"1234"), (6, 2, b"x")):
        inner = otlp.encode("Span", span(secrets.token_hex(16), S)) + field(number, wire, payload)
        reply = otlp.post(p, field(1, 2, field(2, 2, field(2, 2, inner))), as_json=False)
        true(reply.status in (200, 400), f"field {number} with wire type {wire}: {reply.status}")


@tests("unknown-fields-and-groups-are-skipped")
def unknown(p):
    group = varint(77 << 3 | 3) + field(1, 0, b"\5") + varint(3 << 3 | 3) + varint(3 << 3 | 4) + varint(77 << 3 | 4)
    inner = field(90, 2, b"new") + otlp.encode("Span", span(ID, S, "kept")) + field(91, 0, b"\5") + field(92, 1, b"12345678") + field(93, 5, b"1234") + group
    body = field(99, 2, b"x") + field(1, 2, field(2, 2, field(2, 2, inner)) + field(50, 2, b"y"))
    equal(status(otlp.post(p, body, as_json=False), 200).body, b"", "answer")
    equal(p.lw.trace(ID)["spans"][0]["name"], "kept", "a span among fields of tomorrow")
    refused_group = field(1, 2, varint(77 << 3 | 3) + field(1, 0, b"\5"))
    status(otlp.post(p, refused_group, as_json=False), 400)
    deep = (varint(9 << 3 | 3) * 5000) + (varint(9 << 3 | 4) * 5000)
    true(otlp.post(p, deep, as_json=False).status in (200, 400), "groups nested 5,000 deep")


@tests("json-that-does-not-parse")
def bad_json(p):
    for body in (b"{", b'{"resourceSpans":', b'{"resourceSpans":[}', b'{"resourceSpans":[]}x', b"{'resourceSpans':[]}", b'{"resourceSpans":[NaN]}',
                 b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"' + b"a" * 100):
        refused(p, body, True, "line", "column", "byte")


@tests("json-of-the-wrong-shape")
def shapes(p):
    for body in ({"resourceSpans": "x"}, {"resourceSpans": 5}, {"resourceSpans": {"a": 1}}, {"resourceSpans": [5]}, {"resourceSpans": ["x"]},
                 {"resourceSpans": [{"scopeSpans": 5}]}, {"resourceSpans": [{"scopeSpans": [5]}]}, {"resourceSpans": [{"scopeSpans": [{"spans": 5}]}]},
                 {"resourceSpans": [{"scopeSpans": [{"spans": ["x", 5, None]}]}]}):
        reply = otlp.post(p, body)
        status(reply, 400)
        true("resourceSpans" in reply.text, f"the error of {body} names the place: {reply.text}")
    for body in ([], [5], "text", 5, None, True):
        true(otlp.post(p, json.dumps(body).encode()).status in (200, 400, 415), f"{body!r} is no export")
    equal(p.lw.ids(), [], "traces")


@tests("one-bad-span-among-good-ones")
def bad_span(p):
    """Each kind of bad span, alone in a request of good ones: 200, named, and the good ones are stored."""
    deep = {"arrayValue": {"values": []}}
    for _ in range(70):
        deep = {"arrayValue": {"values": [deep]}}
    bad = {
        "zero-trace": span("0" * 32, S), "zero-span": span(ID, "0" * 16), "short-trace": {**span(ID, S), "traceId": "abc"},
        "no-trace": {k: v for k, v in span(ID, S).items() if k != "traceId"}, "no-span": {k: v for k, v in span(ID, S).items() if k != "spanId"},
        "letters": {**span(ID, S), "traceId": "z" * 32}, "too-deep": {**span(ID, S), "attributes": [{"key": "deep", "value": deep}]}, "number": {**span(ID, S), "spanId": 5}
    }
    for name, one in bad.items():
        good = [span(secrets.token_hex(16), S), span(secrets.token_hex(16), S)]
        reply = status(otlp.post(p, otlp.traces(good[0], one, good[1])), 200)
        partial = reply.json.get("partialSuccess") or {}
        equal(int(partial.get("rejectedSpans") or 0), 1, f"{name}: rejected spans")
        true("spans[1]" in partial["errorMessage"], f"{name}: the place is in {partial['errorMessage']!r}")
        want = {"too-deep": "64", "zero-trace": "traceId", "zero-span": "spanId", "no-trace": "traceId", "no-span": "spanId"}.get(name)
        true(want is None or want in partial["errorMessage"], f"{name}: the message should name {want}: {partial['errorMessage']!r}")
        for x in good:
            equal(len(p.lw.trace(x["traceId"])["spans"]), 1, f"{name}: the good spans are stored")
    equal(p.lw.call("GET", f"/api/trace/{ID}").status, 404, "a bad span leaves no trace behind")


@tests("too-deep-in-protobuf")
def deep_protobuf(p):
    """65 levels reject the span; 100,000 levels neither crash nor hang."""
    for levels, want in ((40, 0), (70, 1), (100_000, 1)):
        heads, size = [], 0
        for _ in range(levels):
            for number in (1, 5):
                heads.append(varint(number << 3 | 2) + varint(size))
                size += len(heads[-1])
        value = b"".join(reversed(heads))
        id = secrets.token_hex(16)
        good = otlp.encode("Span", span(id, S))
        deep = otlp.encode("Span", span(id, "b7ad6b7169203332")) + field(9, 2, field(1, 2, b"deep") + field(2, 2, value))
        reply = otlp.post(p, field(1, 2, field(2, 2, field(2, 2, good) + field(2, 2, deep))), as_json=False)
        status(reply, 200)
        rejected = int((otlp.decode("TraceResponse", reply.body).get("partialSuccess") or {}).get("rejectedSpans", 0))
        equal(rejected, want, f"rejected with {levels} levels")
        equal(len(p.lw.trace(id)["spans"]), 2 - want, f"spans stored with {levels} levels")


@tests("too-deep-in-json")
def deep_json(p):
    for levels in (2000, 100_000):
        body = b'{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"%s","spanId":"%s","attributes":[{"key":"k","value":' % (ID.encode(), S.encode())
        body += b'{"arrayValue":{"values":[' * levels + b"]}}" * levels + b"}]}]}]}]}"
        reply = otlp.post(p, body)
        status(reply, 400)
        true(any(w in reply.text for w in ("deep", "level", "nest")), f"the reason is named: {reply.text}")
    equal(p.lw.ids(), [], "traces")


@tests("logs-on-the-traces-path-and-back")
def misplaced(p):
    records = otlp.logs(otlp.log(ID, S, "gen_ai.user.message", {"content": "x"}), otlp.log(ID, S, "gen_ai.choice", {"index": 0}))
    refused(p, otlp.encode("LogsRequest", records), False, "logs")
    refused(p, json.dumps(records).encode(), True, "/v1/logs")
    refused(p, json.dumps(otlp.traces(span(ID, S))).encode(), True, "/v1/traces", path="/v1/logs")
    reply = otlp.post(p, otlp.encode("TraceRequest", otlp.traces(span(ID, S))), "/v1/logs", as_json=False)
    true(reply.status in (200, 400), f"spans on the logs path: {reply.status}")
    with grpc(p) as c:
        reply = c.export(otlp.encode("LogsRequest", records), p.langwatch_key)
        equal(reply.status, 3, f"logs to the traces service: {reply}")
    equal(p.lw.ids(), [], "traces")


def one(p, **members):
    """A span with these raw members instead of its own is stored; gives what LangWatch shows of it."""
    id = secrets.token_hex(16)
    reply = status(otlp.post(p, otlp.traces({**span(id, S), **{k: v for k, v in members.items() if v is not ...}})), 200)
    equal(reply.json, {}, f"answer to {str(members)[:80]}")
    return by_id(p.lw.trace(id))[S]


@tests("attributes-as-plain-objects")
def plain_objects(p):
    got = one(p, attributes={"text": "x", "count": 5, "ratio": 0.5, "yes": True, "list": [1, "two"], "map": {"a": {"b": 1}}, "typed": {"stringValue": "y"},
                             "typed_int": {"intValue": "7"}, "nothing": None})
    contains(got["params"], {"text": "x", "count": 5, "ratio": 0.5, "yes": True, "list": [1, "two"], "map": {"a": {"b": 1}}, "typed": "y", "typed_int": 7},
             "attributes that came as an object")


@tests("ids-in-every-spelling")
def ids(p):
    import base64
    raw = bytes.fromhex(ID)
    spellings = [ID, ID.upper(), "0x" + ID, base64.b64encode(raw).decode(), base64.b64encode(raw).decode().rstrip("="), list(raw),
                 {"type": "Buffer", "data": list(raw)}, {str(i): b for i, b in enumerate(raw)}]
    short = bytes.fromhex(S)
    for i, spelling in enumerate(spellings):
        status(otlp.post(p, otlp.traces({**span(ID, S, f"spelling {i}", T, T + (i + 1) * 1_000_000_000), "traceId": spelling})), 200)
    for spelling in (S.upper(), "0x" + S, base64.b64encode(short).decode(), base64.b64encode(short).decode().rstrip("="), list(short),
                     {"type": "Buffer", "data": list(short)}, {str(i): b for i, b in enumerate(short)}):
        status(otlp.post(p, otlp.traces({**span(ID, S), "spanId": spelling, "parentSpanId": spelling if isinstance(spelling, list) else ""})), 200)
    equal(p.lw.ids(), [ID], "traces of one id in all its spellings")
    equal([s["span_id"] for s in p.lw.trace(ID)["spans"]], [S], "spans")
    equal(p.lw.trace(ID)["spans"][0]["name"], f"spelling {len(spellings) - 1}", "the span with the latest end")


@tests("parents-that-are-none")
def parents(p):
    for parent in ("", "0" * 16, None, [], "AAAAAAAAAAA="):
        equal(one(p, parentSpanId=parent)["parent_id"], None, f"parent of a span with parentSpanId {parent!r}")


@tests("int64-as-text-number-and-object")
def int64(p):
    values = {"text": "9007199254740993", "number": 9007199254740993, "low-high": {"low": 1, "high": 2097152, "unsigned": False},
              "negative": "-9223372036854775808"}
    got = one(p, attributes=[{"key": k, "value": {"intValue": v}} for k, v in values.items()])
    contains(got["params"], {"text": 9007199254740993, "number": 9007199254740993, "low-high": 9007199254740993, "negative": -9223372036854775808},
             "64-bit integers, exact")
    for start in (str(T), T, {"low": T & 0xFFFFFFFF, "high": T >> 32, "unsigned": True}):
        equal(one(p, startTimeUnixNano=start)["timestamps"]["started_at"], T // 1_000_000, f"start as {type(start).__name__}")
    for wrong in ("x", [1], True, "12.5.3", "99999999999999999999999"):
        reply = otlp.post(p, otlp.traces({**span(secrets.token_hex(16), S), "attributes": [{"key": "k", "value": {"intValue": wrong}}]}))
        true(reply.status in (200, 400), f"intValue {wrong!r}: {reply.status}")


@tests("unknown-enum-values")
def enums(p):
    for kind in (0, 5, 6, 99, -1, "SPAN_KIND_CLIENT", "SPAN_KIND_TOMORROW", "3", None):
        one(p, kind=kind)
    for code, failed in ((0, False), (1, False), (2, True), (7, False), ("STATUS_CODE_ERROR", True), ("STATUS_CODE_TOMORROW", False), (None, False)):
        got = one(p, status={"code": code, "message": "m"})
        equal(got["error"] is not None, failed, f"failed with status code {code!r}")


@tests("times-of-every-kind")
def times(p):
    got = one(p, startTimeUnixNano=str(T + 5_000_000), endTimeUnixNano=str(T))
    contains(got["timestamps"], {"started_at": T // 1_000_000 + 5, "finished_at": T // 1_000_000}, "an end before its start is kept as sent")
    equal(p.lw.trace(got["trace_id"])["metrics"]["total_time_ms"], 0, "a trace never takes negative time")
    contains(one(p, startTimeUnixNano="0")["timestamps"], {"started_at": T // 1_000_000 + 1000}, "a missing start is the end")
    contains(one(p, endTimeUnixNano=None)["timestamps"], {"finished_at": T // 1_000_000}, "a missing end is the start")
    got = one(p, startTimeUnixNano="0", endTimeUnixNano="0")
    true(abs(got["timestamps"]["started_at"] - __import__("time").time() * 1000) < 60_000, f"both missing: the time of receipt, {got['timestamps']}")
    for value in ("18446744073709551615", "9223372036854775807", "1"):
        reply = otlp.post(p, otlp.traces({**span(secrets.token_hex(16), S), "startTimeUnixNano": value, "endTimeUnixNano": value}))
        status(reply, 200, 400)
        true(reply.status == 200 or "spans[0]" in reply.text, f"{value}: {reply.text}")


@tests("values-of-every-kind")
def values(p):
    got = one(p, attributes=[
        {"key": "nan", "value": {"doubleValue": "NaN"}}, {"key": "inf", "value": {"doubleValue": "-Infinity"}}, {"key": "number-text", "value": {"doubleValue": "0.5"}},
        {"key": "bytes", "value": {"bytesValue": "AAECAw=="}}, {"key": "url-bytes", "value": {"bytesValue": "-_8="}}, {"key": "bool-text", "value": {"boolValue": "true"}},
        {"key": "empty", "value": {}}, {"key": "none"}, {"key": "", "value": {"stringValue": "no key"}}, {"key": "twice", "value": {"stringValue": "first"}},
        {"key": "twice", "value": {"stringValue": "last"}}, {"key": "nested", "value": {"kvlistValue": {"values": [{"key": "a", "value": {}}, {"key": "b"}]}}}])
    contains(got["params"], {"nan": "NaN", "inf": "-Infinity", "number-text": 0.5, "bytes": "AAECAw==", "bool-text": True, "twice": "last",
                             "nested": {"a": None, "b": None}}, "values")


@tests("snake-case-and-old-names")
def names(p):
    old = {"resource_spans": [{"resource": {"attributes": []}, "instrumentation_library_spans": [{
        "instrumentation_library": {"name": "old"}, "spans": [{"trace_id": ID, "span_id": S, "name": "snake", "start_time_unix_nano": str(T),
                                                                "end_time_unix_nano": str(T + 1), "attributes": [{"key": "k", "value": {"string_value": "v"}}]}]}]}]}
    equal(status(otlp.post(p, old), 200).json, {}, "answer")
    contains(p.lw.trace(ID)["spans"][0], {"name": "snake", "params": {"k": "v"}}, "a span in snake_case")
    older = {"resourceSpans": [{"instrumentationLibrarySpans": [{"instrumentationLibrary": {"name": "old"}, "spans": [span(ID, "b7ad6b7169203332", "older")]}]}]}
    status(otlp.post(p, older), 200)
    equal(len(p.lw.trace(ID)["spans"]), 2, "spans")


@tests("ten-megabytes-in-one-attribute")
def ten_megabytes(p):
    big = "0123456789abcdef" * 655_360
    id = secrets.token_hex(16)
    for as_json in (True, False):
        status(otlp.post(p, otlp.traces(span(id, S, a={"langfuse.observation.input": big, "other": big})), as_json=as_json), 200)
    got = by_id(p.lw.trace(id))[S]
    true(got["input"]["value"] == big and got["params"]["other"] == big, "ten megabytes come back as they were sent")


@tests("a-hundred-thousand-attributes")
def many_attributes(p):
    id = secrets.token_hex(16)
    count = 20_000 if sanitized(p.environment.binary) else 100_000
    made = {f"k.{i // 1000}.{i}": i for i in range(count)}
    reply = otlp.post(p, otlp.traces(span(id, S, a=made)), as_json=False)
    status(reply, 200)
    equal(reply.body, b"", "answer")
    got = by_id(p.lw.trace(id))[S]["params"]
    text = json.dumps(got)
    true(all(f"{i}" in text for i in (0, 5, count - 1)), "attributes come back")
    family = {f"gen_ai.prompt.{i}.content": "x" for i in range(12_000)}
    status(otlp.post(p, otlp.traces(span(secrets.token_hex(16), S, a=family))), 200)
    wild = {f"llm.input_messages.{i}.message.content": "x" for i in (0, 1, 99_999_999, 10**18)}
    status(otlp.post(p, otlp.traces(span(secrets.token_hex(16), S, a=wild))), 200)


@tests("keys-that-collide-and-odd-names")
def odd(p):
    got = one(p, attributes=otlp.attributes({"a": 1, "a.b": 2, "a.b.c": 3, "..": 4, ".": 5, "a..b": 6, "__proto__": 7, "\u0000nul": 8, "\U0001f600.x": 9,
                                             "gen_ai.prompt.0": "x", "gen_ai.prompt.0.role": "user", "gen_ai.prompt.x.role": "y"}), name="\u0000\u0007name")
    true(got["params"], "params")
    one(p, name="n" * 1_000_000)
    one(p, attributes=otlp.attributes({"k" * 1_000_000: 1}))


@tests("odd-product-values")
def products(p):
    """Attributes that the mapping reads, with values of the wrong kind: the span is stored all the same."""
    for value in (5, True, 0.5, [], {}, [1, {"a": [None]}], "", "{", "[1,", "null", "\"x\"", "x" * 10_000, {"type": "chat_messages", "value": 5}):
        for key in ("langfuse.observation.type", "langfuse.observation.usage_details", "langfuse.observation.cost_details", "langwatch.metrics", "langwatch.input",
                    "langwatch.timestamps", "langwatch.prompt.id", "metadata", "gen_ai.input.messages", "gen_ai.usage.input_tokens", "ai.prompt.tools",
                    "langfuse.observation.completion_start_time", "llm.token.counts", "genkit:output", "gcp.vertex.agent.llm_response", "events", "tag.tags",
                    "langfuse.trace.tags", "user.id", "session.id", "langfuse.environment", "logfire.level_num", "langwatch.rag.contexts",
                    "retrieval.documents.0.document.metadata", "evaluations.0.evaluation.score", "langfuse.trace.metadata", "gen_ai.tool.name"):
            id = secrets.token_hex(16)
            reply = otlp.post(p, otlp.traces(span(id, S, a={key: value, "genkit:metadata:subtype": "model"})))
            what = f"{key} = {value!r}"[:120]
            partial = status(reply, 200).json.get("partialSuccess")  # a warning at most (otlp.md 1.3)
            true(partial is None or int(partial["rejectedSpans"]) == 0 and partial["errorMessage"], f"{what}: {reply.text}")
    equal(len(p.lw.ids()), 13 * 27, "traces")


@tests("events-of-every-kind")
def events(p):
    for made in ([None], [5], ["x"], [{}], [{"name": 5}], [{"name": "exception"}], [{"name": "gen_ai.choice", "attributes": [{"key": "message", "value": {}}]}],
                 [{"name": "langwatch.evaluation.custom", "attributes": otlp.attributes({"json_encoded_event": "{"})}],
                 [{"name": "langwatch.evaluation.custom", "attributes": otlp.attributes({"json_encoded_event": '{"score": "x"}'})}],
                 [{"name": "langwatch.event"}], [{"name": "x", "timeUnixNano": "y"}], "x", 5, {"name": "x"}):
        id = secrets.token_hex(16)
        reply = otlp.post(p, otlp.traces({**span(id, S), "events": made}))
        true(reply.status in (200, 400), f"events {made}: {reply.status} {reply.text[:100]}")
        stored = p.lw.call("GET", f"/api/trace/{id}").status
        rejected = reply.status == 400 or "partialSuccess" in reply.json
        true((stored == 200) != rejected, f"events {made}: answered {reply.status} {reply.text[:80]}, and the trace is {stored}")


@tests("nothing-half-stored-after-a-cut")
def cut(p):
    """A connection that ends within the body."""
    body = json.dumps(otlp.traces(*(span(secrets.token_hex(16), S) for _ in range(50)))).encode()
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {p.langwatch_key}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n\r\n".encode()
    for at in (0, 100, len(body) - 1):
        p.client.raw(head + body[:at], timeout=0.3)
    equal(p.lw.ids(), [], "traces of bodies that never ended")


@tests("gzip-bombs")
def bombs(p):
    """Over HTTP in both encodings, and over gRPC. None may take memory beyond the limit."""
    spaces, zeros = bomb(b" ", 300 << 20), bomb(b"\0", 300 << 20)
    for as_json, body in ((True, spaces), (False, zeros)):
        reply = p.client.request("POST", "/v1/traces", body, {"Content-Type": "application/json" if as_json else PROTOBUF, "Content-Encoding": "gzip",
                                                              "Authorization": f"Bearer {p.langwatch_key}"})
        status(reply, 413)
        equal(status_of(reply)["code"], 8, "code of a 413")
    nested = zlib.compress(zeros)
    reply = p.client.request("POST", "/v1/traces", nested, {"Content-Type": PROTOBUF, "Content-Encoding": "deflate", "Authorization": f"Bearer {p.langwatch_key}"})
    status(reply, 400)
    with grpc(p) as c:
        for data in (spaces, zeros):
            stream = c.start(key=p.langwatch_key, headers=[("grpc-encoding", "gzip")])
            c.write(stream, struct.pack(">BI", 1, len(data)) + data)
            equal(c.finish(stream).status, 8, "grpc-status of a bomb")
        stream = c.start(key=p.langwatch_key, headers=[("grpc-encoding", "gzip")])
        c.write(stream, struct.pack(">BI", 1, 8) + b"no gzip!")
        true(c.finish(stream).status in (3, 13), "grpc-status of a message that is not gzip")
    equal(p.lw.ids(), [], "traces")


tests.add("grpc-frame-lies-about-its-length", otlp_grpc.length_lies)
tests.add("grpc-no-message", otlp_grpc.no_message)
tests.add("grpc-reset-streams", otlp_grpc.reset_streams)
tests.add("grpc-clients-that-go-away", otlp_grpc.gone_clients)
tests.add("grpc-not-http-2", otlp_grpc.no_http2)
tests.add("grpc-broken-frames", otlp_grpc.broken_frames)
