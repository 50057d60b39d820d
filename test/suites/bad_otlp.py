"""OTLP bodies and labels that are wrong, on the paths of three products (otlp.md 1, 3 e to i)."""
import gzip
import json
import zlib

from lib.bad import BadTests
from lib.check import contains, equal, says, status, true

tests = BadTests("bad/otlp")
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"
PROTOBUF, JSON = "application/x-protobuf", "application/json"
PATHS = ("/v1/traces", "/api/otel/v1/traces", "/api/public/otel/v1/traces")
START = 1755860400000000000

# ---- making requests ----


def span(id=SPAN, trace=TRACE, **more):
    return {"traceId": trace, "spanId": id, "name": "op", "startTimeUnixNano": str(START),
            "endTimeUnixNano": str(START + 2500000000), **more}


def export(*spans):
    return {"resourceSpans": [{"scopeSpans": [{"spans": list(spans)}]}]}


def varint(n):
    out = b""
    while n > 127:
        out, n = out + bytes([n & 127 | 128]), n >> 7
    return out + bytes([n])


def message(number, content):
    return varint(number << 3 | 2) + varint(len(content)) + content


def fixed64(number, n):
    return varint(number << 3 | 1) + n.to_bytes(8, "little")


def binary(*items):
    """Spans or records as an export in protobuf."""
    return message(1, message(2, b"".join(message(2, i) for i in items)))


def binary_span(trace=TRACE, id=SPAN, *more):
    return b"".join((message(1, bytes.fromhex(trace)), message(2, bytes.fromhex(id)), message(5, b"op"), *more))


def send(p, path, body, type=JSON, **headers):
    body = body if isinstance(body, bytes) else json.dumps(body).encode()
    types = {"Content-Type": type} if type else {}
    return p.client.request("POST", path, body, {"Authorization": f"Bearer {p.keys['tracewell']}", **types, **headers})


def refused(p, path, body, type=JSON, code=400, text="", **headers):
    """Refused in the form of the request, with `text` in the reason."""
    reply = status(send(p, path, body, type, **headers), code)
    if "protobuf" in (reply.header("content-type") or ""):
        true(reply.body[:1] == b"\x08", f"{reply.what}: the error is no google.rpc.Status: {reply.body[:40]!r}")
    else:
        contains(reply.json, {"message": lambda m: isinstance(m, str) and m != ""}, f"the error of {path}")
    true(text.encode() in reply.body, f"{reply.what}: {text!r} is not in the error {reply.text[:300]}")
    return reply


def spans_of(p, trace=TRACE):
    reply = p.lw.call("GET", f"/api/trace/{trace}")
    return [] if reply.status == 404 else sorted(s["span_id"] for s in status(reply, 200).json["spans"])


def nothing(p):
    equal(p.lw.ids(), [], "traces after refused exports")


# ---- what the body is, and what its label says ----


@tests("e-one-zero-id-among-three")
def one_zero_id(p):
    body = export(span(), span("0" * 16), span("eee19b7ec3c1b175"))
    reply = status(send(p, "/v1/traces", body), 200)
    contains(reply.json, {"partialSuccess": {"errorMessage": lambda m: "spans[1].spanId" in m}}, "the answer")
    equal(int(reply.json["partialSuccess"]["rejectedSpans"]), 1, "rejected spans")
    equal(spans_of(p), [SPAN, "eee19b7ec3c1b175"], "spans that are kept")
    reply = status(send(p, "/api/otel/v1/traces", body), 200)
    contains(reply.json, {"message": "Trace received successfully.", "partialSuccess": {"rejectedSpans": 1}}, "LangWatch's answer")
    reply = status(send(p, "/v1/traces", binary(binary_span(), binary_span(TRACE, "00" * 8)), PROTOBUF), 200)
    equal(reply.header("content-type"), PROTOBUF, "type of the answer to protobuf")
    true(reply.body[0] == 0x0a and reply.body[2:4] == b"\x08\x01", f"partial_success with 1 rejected: {reply.body!r}")


@tests("f-logs-on-the-path-of-traces")
def logs_on_traces(p):
    record = {"timeUnixNano": str(START), "traceId": TRACE, "spanId": SPAN, "body": {"stringValue": "x"}}
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [record]}]}]}
    raw = binary(fixed64(1, START) + message(5, message(1, b"x")) + message(9, bytes.fromhex(TRACE)))
    for path in PATHS:
        refused(p, path, logs, text="/v1/logs")
        for type in (PROTOBUF, JSON, None):
            refused(p, path, raw, type, text="/v1/logs")
    nothing(p)


@tests("g-bombs")
def bombs(p):
    body = zlib.compressobj(9, zlib.DEFLATED, 31)
    bomb = body.compress(b'{"resourceSpans":[') + body.compress(b" " * (65 << 20)) + body.compress(b"]}") + body.flush()
    for path in PATHS:
        refused(p, path, bomb, code=413, **{"Content-Encoding": "gzip"})
    refused(p, "/v1/traces", bomb, PROTOBUF, code=413, **{"Content-Encoding": "gzip"})
    nothing(p)


@tests("h-the-last-signal-decides")
def last_signal(p):
    logs = {"resourceLogs": [{"scopeLogs": [{"logRecords": [{"body": {"stringValue": "x"}}]}]}]}
    for path in ("/api/otel/v1/traces/v1/logs", "/api/collector/v1/traces/v1/logs", "//v1/traces/v1/logs/"):
        reply = status(send(p, path, logs), 200)
        equal(int(reply.json["partialSuccess"]["rejectedLogRecords"]), 1, f"log records rejected on {path}")
    refused(p, "/api/otel/v1/traces/v1/logs", export(span()), text="/v1/traces")
    nothing(p)


@tests("i-langwatchs-empty-metadata")
def empty_metadata(p):
    attributes = [{"key": "metadata", "value": {"stringValue": "null"}},
                  {"key": "langwatch.timestamps", "value": {"stringValue": "{}"}}]
    reply = status(send(p, "/api/otel/v1/traces", export(span(attributes=attributes))), 200)
    equal(reply.json, {"message": "Trace received successfully.", "partialSuccess": {"rejectedSpans": 0, "errorMessage": ""}},
          "the answer")
    equal(spans_of(p), [SPAN], "spans")


@tests("wrong-labels")
def wrong_labels(p):
    raw = binary(binary_span())
    for path in PATHS:
        for type in (PROTOBUF, "application/protobuf", "Application/JSON; charset=utf-8", "text/plain", None):
            reply = status(send(p, path, export(span()), type), 200)
            true("json" in reply.header("content-type"), f"{path}: JSON is answered with {reply.header('content-type')}")
            reply = status(send(p, path, raw, type), 200)
            equal((reply.header("content-type"), reply.body), (PROTOBUF, b""), f"{path}: protobuf under {type}")
    equal(spans_of(p), [SPAN], "one span, however often it came")


@tests("neither-protobuf-nor-json")
def neither(p):
    for path in PATHS:
        code = 415 if path == "/v1/traces" else 400
        for type in ("text/plain", "application/x-www-form-urlencoded", None):
            refused(p, path, b"hello", type, code, "application/x-protobuf")
        refused(p, path, b"\xff\xff\xff", PROTOBUF, 400, "at byte 0")
        refused(p, path, binary(binary_span())[:-3], PROTOBUF, 400, "at byte 1")
        refused(p, path, b'{"resourceSpans":[\n  {]}', JSON, 400, "line 2, column 4")
        refused(p, path, b"[" * 600, JSON, 400, "512 levels")
    nothing(p)


@tests("unknown-encodings")
def encodings(p):
    for path in PATHS:
        code = 415 if path == "/v1/traces" else 400
        for type in (PROTOBUF, JSON):
            refused(p, path, b"x" * 10, type, code, "gzip", **{"Content-Encoding": "br"})
            refused(p, path, b"x" * 10, type, 400, "gzip", **{"Content-Encoding": "gzip"})
    for encoding, pack in (("gzip", gzip.compress), ("deflate", zlib.compress), ("identity", bytes)):
        body = pack(json.dumps(export(span())).encode())
        status(send(p, "/v1/traces", body, **{"Content-Encoding": encoding}), 200)
    equal(spans_of(p), [SPAN], "the span that came in three encodings")


# ---- what is in it ----


@tests("no-span-can-be-kept")
def none_kept(p):
    for bad, text in (({}, "traceId"), (span("xyz"), "spanId"), (span(trace="0" * 32), "traceId"), (span(name=5), "name"),
                      (span(attributes="x"), "attributes"), (span(events={}), "events"), (span(startTimeUnixNano="soon"),
                                                                                          "startTimeUnixNano"),
                      (span(parentSpanId="nobody"), "parentSpanId"), (7, "object")):
        for path in PATHS:
            refused(p, path, export(bad, bad), text="resourceSpans[0].scopeSpans[0].spans[0]")
            refused(p, path, export(bad), text=text)
    refused(p, "/v1/traces", binary(message(1, b"short") + message(2, b"ABCDEFGH")), PROTOBUF, text="traceId must be 16 bytes, got 5")
    nothing(p)


@tests("odd-but-kept")
def odd(p):
    """Unknown enums, an end before the start, numbers as text and text as numbers, plain attributes, base64 ids, invalid UTF-8."""
    odd = span("eee19b7ec3c1b175", kind=99, status={"code": "NEW"}, startTimeUnixNano=START, endTimeUnixNano=str(START - 1),
               attributes={"a": 1, "b": {"stringValue": "x"}, "c": {"d": [1]}}, flags="257", events=None)
    ids = span(trace="W47/95gDgQPSabYzgT/GDA==", id="7uGbfsPBsXY=")
    status(send(p, "/v1/traces", export(odd, ids)), 200)
    raw = json.dumps(export(span("eee19b7ec3c1b177"))).encode().replace(b'"op"', b'"o\xffp"')
    status(send(p, "/v1/traces", raw), 200)
    equal(spans_of(p), [f"eee19b7ec3c1b17{i}" for i in (5, 6, 7)], "spans")
    names = {s["span_id"]: s["name"] for s in p.lw.trace(TRACE)["spans"]}
    equal(names["eee19b7ec3c1b177"], "o\ufffdp", "a name that was no UTF-8")


@tests("deep-values")
def deep(p):
    def nested(levels):
        value = {"intValue": "1"}
        for _ in range(levels - 1):
            value = {"arrayValue": {"values": [value]}}
        return [{"key": "deep", "value": value}]

    reply = status(send(p, "/v1/traces", export(span(attributes=nested(64)), span("eee19b7ec3c1b175", attributes=nested(65)))), 200)
    says(reply, "1 of 2 spans", "spans[1].attributes[0].value nests deeper than 64 levels")
    equal(spans_of(p), [SPAN], "the span that nests just deep enough")
    value = b"\x18\x01"
    for _ in range(2000):
        value = message(5, message(1, value))
    refused(p, "/v1/traces", binary(binary_span(TRACE, SPAN, message(9, message(1, b"k") + message(2, value)))), PROTOBUF,
            text="nests deeper than 64 levels")


@tests("large")
def large(p):
    """10 MB in one attribute, and 100,000 attributes."""
    big = message(9, message(1, b"big") + message(2, message(1, b"x" * (10 << 20))))
    many = b"".join(message(9, message(1, b"k%d" % i) + message(2, b"\x18" + varint(i))) for i in range(100000))
    status(send(p, "/v1/traces", binary(binary_span(TRACE, SPAN, big), binary_span(TRACE, "eee19b7ec3c1b175", many)), PROTOBUF), 200)
    equal(spans_of(p), [SPAN, "eee19b7ec3c1b175"], "spans")


@tests("keys")
def keys(p):
    for path in PATHS:
        for body, type in ((export(span()), JSON), (binary(binary_span()), PROTOBUF)):
            for key in (None, "Bearer wrong"):
                body = body if isinstance(body, bytes) else json.dumps(body).encode()
                reply = status(p.client.request("POST", path, body, {"Content-Type": type, **({"Authorization": key} if key else {})}), 401)
                if path == "/v1/traces" and type == PROTOBUF:
                    true(reply.body.startswith(b"\x08\x10\x12"), f"no Status with 16: {reply.body!r}")
                elif path == "/v1/traces":
                    contains(reply.json, {"code": 16, "message": "Invalid API key" if key else "Missing API key"}, "the 401")
                else:
                    contains(reply.json, {"message": lambda m: bool(m)}, "a vendor's 401, whatever the form")
    nothing(p)


@tests("public-halves")
def public_halves(p):
    """Lunary's opens OTLP."""
    for path in PATHS:
        status(p.client.request("POST", path, export(span()), {"Authorization": f"Bearer {p.public}"}), 200)
    equal(spans_of(p), [SPAN], "the span sent with Lunary's public key")
