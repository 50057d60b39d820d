"""OTLP as tests need it: JSON to protobuf bytes and back by the field numbers of otlp.md 1.6, spans and requests made by hand.

Only what the contract lists is known; unknown fields are skipped on decode, unknown members refused on encode.
"""
import base64
import gzip
import json
import struct
import zlib

# message -> member -> (field number, type). Types: a message name, "[X]" repeated, or a scalar of SCALARS.
MESSAGES = {
    "TraceRequest": {"resourceSpans": (1, "[ResourceSpans]")},
    "ResourceSpans": {"resource": (1, "Resource"), "scopeSpans": (2, "[ScopeSpans]"), "schemaUrl": (3, "string")},
    "ScopeSpans": {"scope": (1, "Scope"), "spans": (2, "[Span]"), "schemaUrl": (3, "string")},
    "Span": {
        "traceId": (1, "id"), "spanId": (2, "id"), "traceState": (3, "string"), "parentSpanId": (4, "id"),
        "name": (5, "string"), "kind": (6, "varint"), "startTimeUnixNano": (7, "fixed64"),
        "endTimeUnixNano": (8, "fixed64"), "attributes": (9, "[KeyValue]"), "droppedAttributesCount": (10, "varint"),
        "events": (11, "[Event]"), "droppedEventsCount": (12, "varint"), "links": (13, "[Link]"),
        "droppedLinksCount": (14, "varint"), "status": (15, "Status"), "flags": (16, "fixed32")
    },
    "Event": {
        "timeUnixNano": (1, "fixed64"), "name": (2, "string"), "attributes": (3, "[KeyValue]"),
        "droppedAttributesCount": (4, "varint")
    },
    "Link": {
        "traceId": (1, "id"), "spanId": (2, "id"), "traceState": (3, "string"), "attributes": (4, "[KeyValue]"),
        "droppedAttributesCount": (5, "varint"), "flags": (6, "fixed32")
    },
    "Status": {"message": (2, "string"), "code": (3, "varint")},
    "KeyValue": {"key": (1, "string"), "value": (2, "AnyValue")},
    "AnyValue": {
        "stringValue": (1, "string"), "boolValue": (2, "bool"), "intValue": (3, "int64"), "doubleValue": (4, "double"),
        "arrayValue": (5, "ArrayValue"), "kvlistValue": (6, "KeyValueList"), "bytesValue": (7, "base64")
    },
    "ArrayValue": {"values": (1, "[AnyValue]")},
    "KeyValueList": {"values": (1, "[KeyValue]")},
    "Scope": {
        "name": (1, "string"), "version": (2, "string"), "attributes": (3, "[KeyValue]"),
        "droppedAttributesCount": (4, "varint")
    },
    "Resource": {
        "attributes": (1, "[KeyValue]"), "droppedAttributesCount": (2, "varint"), "entityRefs": (3, "[EntityRef]")
    },
    "EntityRef": {
        "schemaUrl": (1, "string"), "type": (2, "string"), "idKeys": (3, "[string]"), "descriptionKeys": (4, "[string]")
    },
    "LogsRequest": {"resourceLogs": (1, "[ResourceLogs]")},
    "ResourceLogs": {"resource": (1, "Resource"), "scopeLogs": (2, "[ScopeLogs]"), "schemaUrl": (3, "string")},
    "ScopeLogs": {"scope": (1, "Scope"), "logRecords": (2, "[LogRecord]"), "schemaUrl": (3, "string")},
    "LogRecord": {
        "timeUnixNano": (1, "fixed64"), "severityNumber": (2, "varint"), "severityText": (3, "string"),
        "body": (5, "AnyValue"), "attributes": (6, "[KeyValue]"), "droppedAttributesCount": (7, "varint"),
        "flags": (8, "fixed32"), "traceId": (9, "id"), "spanId": (10, "id"), "observedTimeUnixNano": (11, "fixed64"),
        "eventName": (12, "string")
    },
    "MetricsRequest": {"resourceMetrics": (1, "[ResourceMetrics]")},
    "ResourceMetrics": {"resource": (1, "Resource"), "scopeMetrics": (2, "[ScopeMetrics]"), "schemaUrl": (3, "string")},
    "ScopeMetrics": {"scope": (1, "Scope"), "metrics": (2, "[Metric]"), "schemaUrl": (3, "string")},
    "Metric": {
        "name": (1, "string"), "description": (2, "string"), "unit": (3, "string"), "gauge": (5, "Points"),
        "sum": (7, "Points"), "histogram": (9, "Points")
    },
    "Points": {"dataPoints": (1, "[Point]")},
    "Point": {"timeUnixNano": (3, "fixed64")},
    "TraceResponse": {"partialSuccess": (1, "TracePartial")},
    "TracePartial": {"rejectedSpans": (1, "int64"), "errorMessage": (2, "string")},
    "LogsResponse": {"partialSuccess": (1, "LogsPartial")},
    "LogsPartial": {"rejectedLogRecords": (1, "int64"), "errorMessage": (2, "string")},
    "MetricsResponse": {"partialSuccess": (1, "MetricsPartial")},
    "MetricsPartial": {"rejectedDataPoints": (1, "int64"), "errorMessage": (2, "string")},
    "RpcStatus": {"code": (1, "varint"), "message": (2, "string"), "details": (3, "[Any]")},
    "Any": {"typeUrl": (1, "string"), "value": (2, "base64")},
    "RetryInfo": {"retryDelay": (1, "Duration")},
    "Duration": {"seconds": (1, "int64"), "nanos": (2, "varint")},
}
SIGNALS = {
    "traces": ("TraceRequest", "TraceResponse", "rejectedSpans"),
    "logs": ("LogsRequest", "LogsResponse", "rejectedLogRecords"),
    "metrics": ("MetricsRequest", "MetricsResponse", "rejectedDataPoints")
}
WIRE = {"varint": 0, "bool": 0, "int64": 0, "fixed64": 1, "double": 1, "fixed32": 5}


# ---- bytes ----


def varint(n):
    n &= (1 << 64) - 1
    out = bytearray()
    while n > 0x7F:
        out.append(n & 0x7F | 0x80)
        n >>= 7
    out.append(n)
    return bytes(out)


def field(number, wire, payload):
    """One field: `payload` are the bytes behind the tag, for wire type 2 without their length."""
    return varint(number << 3 | wire) + (varint(len(payload)) if wire == 2 else b"") + payload


def scalar(kind, value):
    if kind == "string":
        return value.encode("utf-8", "surrogatepass")
    if kind == "id":
        return bytes.fromhex(value)
    if kind == "base64":
        return base64.b64decode(value)
    if kind == "bool":
        return b"\1" if value else b"\0"
    if kind in ("varint", "int64"):
        return varint(int(value))
    if kind == "double":
        return struct.pack("<d", float(value))
    return struct.pack("<Q" if kind == "fixed64" else "<I", int(value))


def encode(message, value):
    """OTLP JSON of that message -> protobuf. Ids are hex."""
    out = b""
    for member, item in value.items():
        number, kind = MESSAGES[message][member]
        repeated = kind.startswith("[")
        kind = kind.strip("[]")
        for one in item if repeated else [item]:
            wire = WIRE.get(kind, 2)
            out += field(number, wire, encode(kind, one) if kind in MESSAGES else scalar(kind, one))
    return out


def read_varint(data, at):
    value = shift = 0
    while True:
        if at >= len(data) or shift > 63:
            raise ValueError(f"varint broken at {at}")
        value |= (data[at] & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 0x80:
            return value, at


def read_fields(data):
    """(number, wire type, integer or bytes) one after the other."""
    at = 0
    while at < len(data):
        tag, at = read_varint(data, at)
        wire = tag & 7
        if wire == 0:
            value, at = read_varint(data, at)
        else:
            length, at = {1: (8, at), 5: (4, at)}.get(wire) or read_varint(data, at)
            if wire not in (1, 2, 5) or at + length > len(data):
                raise ValueError(f"field broken at {at}")
            value, at = data[at:at + length], at + length
        yield tag >> 3, wire, value


def unscalar(kind, value):
    if kind == "string":
        return value.decode("utf-8", "replace")
    if kind == "id":
        return value.hex()
    if kind == "base64":
        return base64.b64encode(value).decode()
    if kind == "bool":
        return bool(value)
    if kind == "int64":
        return str(value - (1 << 64) if value >> 63 else value)
    if kind == "varint":
        return value
    if kind == "double":
        return struct.unpack("<d", value)[0]
    number = int.from_bytes(value, "little")
    return str(number) if kind == "fixed64" else number


def decode(message, data):
    """Protobuf -> OTLP JSON (ids hex, 64-bit integers as decimal strings)."""
    known = {number: (member, kind) for member, (number, kind) in MESSAGES[message].items()}
    out = {}
    for number, _, value in read_fields(data):
        if number not in known:
            continue
        member, kind = known[number]
        bare = kind.strip("[]")
        one = decode(bare, value) if bare in MESSAGES else unscalar(bare, value)
        if kind.startswith("["):
            out.setdefault(member, []).append(one)
        else:
            out[member] = one
    return out


# ---- requests by hand ----


def any_value(value):
    """A JSON value as AnyValue."""
    if value is None:
        return {}
    if isinstance(value, bool):
        return {"boolValue": value}
    if isinstance(value, int):
        return {"intValue": str(value)}
    if isinstance(value, float):
        return {"doubleValue": value}
    if isinstance(value, str):
        return {"stringValue": value}
    if isinstance(value, list):
        return {"arrayValue": {"values": [any_value(v) for v in value]}}
    return {"kvlistValue": {"values": attributes(value)}}


def attributes(values):
    return [{"key": k, "value": any_value(v)} for k, v in values.items()]


T = 1_790_000_000_000_000_000  # the start of spans made by hand


def span(trace, id, name="op", start=T, end=None, parent=None, events=None, status=None, **more):
    """An OTLP JSON span; attributes behind `a=`, as plain values."""
    made = {
        "traceId": trace, "spanId": id, "name": name, "kind": 1, "startTimeUnixNano": str(start),
        "endTimeUnixNano": str(start + 1_000_000_000 if end is None else end),
        "attributes": attributes(more.pop("a", {}))
    }
    if parent:
        made["parentSpanId"] = parent
    if events:
        made["events"] = [{"timeUnixNano": str(t), "name": n, "attributes": attributes(a)} for t, n, a in events]
    if status:
        made["status"] = status
    return {**made, **more}


def traces(*spans, resource=None, scope=None):
    return {
        "resourceSpans": [{
            "resource": {"attributes": attributes(resource or {})},
            "scopeSpans": [{"scope": {"name": "test", "version": "1"} if scope is None else scope, "spans": list(spans)}]
        }]
    }


def log(trace, id, event, body=None, at=T, a=None, **more):
    made = {"timeUnixNano": str(at), "eventName": event, "attributes": attributes(a or {}), **more}
    if body is not None:
        made["body"] = any_value(body)
    if trace:
        made["traceId"] = trace
    if id:
        made["spanId"] = id
    return made


def logs(*records, scope="test", resource=None):
    return {
        "resourceLogs": [{
            "resource": {"attributes": attributes(resource or {})},
            "scopeLogs": [{"scope": {"name": scope}, "logRecords": list(records)}]
        }]
    }


# ---- sending ----

PROTOBUF, JSON = "application/x-protobuf", "application/json"


def squeezed(data, encoding):
    if encoding == "gzip":
        return gzip.compress(data)
    if encoding == "deflate":
        return zlib.compress(data)
    return data


def post(p, request, path="/v1/traces", as_json=True, key=None, headers=None, encoding=None, signal=None):
    """An export over HTTP, with the project's key as Bearer unless headers carry another. request: OTLP JSON, or bytes."""
    signal = signal or next((s for s in SIGNALS if f"v1/{s}" in path), "traces")
    if isinstance(request, bytes):
        body = request
    elif as_json:
        body = json.dumps(request, ensure_ascii=False).encode("utf-8", "surrogatepass")
    else:
        body = encode(SIGNALS[signal][0], request)
    more = {"Content-Type": JSON if as_json else PROTOBUF, **({"Content-Encoding": encoding} if encoding else {})}
    if headers is None or key:
        more["Authorization"] = f"Bearer {key or p.langwatch_key}"
    return p.client.request("POST", path, squeezed(body, encoding), {**more, **(headers or {})})
