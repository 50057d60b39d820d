"""A client of Langtrace's API as its SDKs and scripts use it, the three ways to send a span, and the published schemas."""
import base64
import json
import re
import struct

from lib.check import status, true
from lib.http import query
from lib.suite import Failure


class Langtrace:
    def __init__(self, client, key, project_id):
        self.client, self.key, self.project_id = client, key, project_id

    def call(self, method, path, body=None, key=None, headers=None):
        return self.client.request(method, path, body, {"X-API-Key": key or self.key, **(headers or {})})

    def ok(self, method, path, body=None, **more):
        return status(self.call(method, path, body, **more), 200).json

    # ---- spans ----

    def send(self, body, path="/api/trace", headers=None):
        return self.ok("POST", path, body, headers=headers)

    def send_protobuf(self, data, path="/api/trace"):
        return self.call("POST", path, data, headers={"Content-Type": "application/x-protobuf"})

    def page(self, page=1, size=10, expect=200, path="/api/traces", **more):
        body = {"projectId": self.project_id, "page": page, "pageSize": size, **more}
        reply = status(self.call("POST", path, body), expect)
        return reply.json["traces"] if expect == 200 else reply

    def traces(self, **more):
        """All traces, with the JSON texts of their spans parsed."""
        found, page = [], 1
        while True:
            got = self.page(page, 100, **more)
            found += got["result"]
            if page >= got["metadata"]["total_pages"]:
                return [{**t, "spans": [parsed(s) for s in t["spans"]]} for t in found]
            page += 1

    def spans(self, **more):
        """By span id."""
        return {s["span_id"]: s for t in self.traces(**more) for s in t["spans"]}

    def span(self, id):
        found = self.spans()
        true(id in found, f"the span {id} is not there, only {list(found)}")
        return found[id]

    # ---- prompts, evaluations ----

    def make_set(self, name="greetings", **more):
        return self.ok("POST", "/api/promptset", {"name": name, "projectId": self.project_id, **more})["promptset"]

    def make_prompt(self, set_id, value, **more):
        return self.ok("POST", "/api/prompt", {"promptsetId": set_id, "value": value, **more})["data"]

    def fetch(self, set_id, expect=200, **more):
        """more: version=, and variables by name."""
        version = more.pop("version", None)
        variables = {f"variables.{k}": v for k, v in more.items()}
        path = "/api/promptset?" + query(promptset_id=set_id, version=version, **variables)
        reply = status(self.call("GET", path), expect)
        return reply.json if expect == 200 else reply

    def evaluations(self, span_id, **more):
        return self.ok("GET", "/api/evaluation?" + query(spanId=span_id, **more))["evaluations"]


def parsed(span):
    """The object with `attributes`, `events` and `links` parsed; all its values must have been strings."""
    for key, value in span.items():
        true(isinstance(value, str), f"{key} of a span is {value!r}, should be a string")
    return {**span, **{k: json.loads(span[k]) for k in ("attributes", "events", "links")}}


# ---- one span, three ways ----

S = 1_000_000_000


def iso_us(ns):
    """2024-08-08T21:25:30.275984Z"""
    import datetime
    at = datetime.datetime.fromtimestamp(ns // S, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ns % S // 1000:06d}Z"


class Span:
    """A span in none of the forms. kind: OTLP's number; status: 0, 1, 2; events: (name, ns, attributes)."""
    def __init__(self, trace, id, start, end, name="span", parent=None, kind=1, attributes=None, events=(), status=0,
                 message=None, resource=None, scope=("demo", "1.0")):
        self.trace, self.id, self.parent, self.name, self.kind = trace, id, parent, name, kind
        self.start, self.end, self.attributes, self.events = start, end, attributes or {}, events
        self.status, self.message, self.scope = status, message, scope
        self.resource = resource if resource is not None else {"service.name": "demo"}

    def typescript(self):
        pair = lambda ns: [ns // S, ns % S]
        return {
            "traceId": self.trace, "spanId": self.id, **({"parentSpanId": self.parent} if self.parent else {}),
            "name": self.name, "kind": self.kind - 1, "startTime": pair(self.start), "endTime": pair(self.end),
            "duration": pair(self.end - self.start), "attributes": self.attributes, "status": {
                "code": self.status, **({"message": self.message} if self.message else {})
            }, "events": [{"name": n, "time": pair(t), "attributes": a, "droppedAttributesCount": 0}
                          for n, t, a in self.events], "links": [], "resource": {"_attributes": self.resource},
            "instrumentationLibrary": dict(zip(("name", "version"), self.scope)), "droppedEventsCount": 0,
            "droppedAttributesCount": 0, "droppedLinksCount": 0, "ended": True
        }

    def old_python(self):
        words = ["UNSET", "OK", "ERROR"]
        kinds = [None, "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
        return {
            "name": self.name, "context": {
                "trace_id": "0x" + self.trace, "span_id": "0x" + self.id, "trace_state": "[]"
            }, "traceId": self.trace, "kind": f"SpanKind.{kinds[self.kind]}",
            "parent_id": "0x" + self.parent if self.parent else None, "start_time": iso_us(self.start),
            "end_time": iso_us(self.end), "status": {
                "status_code": words[self.status], **({"description": self.message} if self.message else {})
            }, "attributes": self.attributes, "events": [{"name": n, "timestamp": iso_us(t), "attributes": a}
                                                         for n, t, a in self.events], "links": [],
            "resource": {"attributes": self.resource, "schema_url": ""},
            "instrumentationLibrary": dict(zip(("name", "version"), self.scope)), "ended": True
        }

    def otlp(self):
        """The span of resourceSpans[].scopeSpans[].spans[]."""
        return {
            "traceId": self.trace, "spanId": self.id, **({"parentSpanId": self.parent} if self.parent else {}),
            "name": self.name, "kind": self.kind, "startTimeUnixNano": str(self.start),
            "endTimeUnixNano": str(self.end), "attributes": key_values(self.attributes), "status": {
                "code": self.status, **({"message": self.message} if self.message else {})
            }, "events": [{"name": n, "timeUnixNano": str(t), "attributes": key_values(a)}
                          for n, t, a in self.events]
        }


def any_value(v):
    if isinstance(v, bool):
        return {"boolValue": v}
    if isinstance(v, int):
        return {"intValue": str(v)}
    if isinstance(v, float):
        return {"doubleValue": v}
    if isinstance(v, list):
        return {"arrayValue": {"values": [any_value(x) for x in v]}}
    if isinstance(v, dict):
        return {"kvlistValue": {"values": key_values(v)}}
    return {"stringValue": v}


def key_values(attributes):
    return [{"key": k, "value": any_value(v)} for k, v in attributes.items()]


def export(*spans):
    """Spans in OTLP's JSON, one resource each."""
    return {
        "resourceSpans": [{
            "resource": {"attributes": key_values(s.resource)}, "scopeSpans": [{
                "scope": dict(zip(("name", "version"), s.scope)), "spans": [s.otlp()]
            }]
        } for s in spans]
    }


# ---- the same as protobuf ----


def _varint(n):
    out = b""
    n &= (1 << 64) - 1
    while n > 0x7F:
        out += bytes([n & 0x7F | 0x80])
        n >>= 7
    return out + bytes([n])


def _field(number, value):
    """Bytes and text are length-delimited, ints varints, (8 bytes,) a fixed64."""
    if isinstance(value, tuple):
        return _varint(number << 3 | 1) + value[0]
    if isinstance(value, int):
        return _varint(number << 3) + _varint(value)
    data = value.encode() if isinstance(value, str) else value
    return _varint(number << 3 | 2) + _varint(len(data)) + data


def _any(v):
    if isinstance(v, bool):
        return _field(2, int(v))
    if isinstance(v, int):
        return _field(3, v)
    if isinstance(v, float):
        return _field(4, (struct.pack("<d", v), ))
    if isinstance(v, list):
        return _field(5, b"".join(_field(1, _any(x)) for x in v))
    if isinstance(v, dict):
        return _field(6, b"".join(_field(1, _pair(k, x)) for k, x in v.items()))
    return _field(1, v)


def _pair(k, v):
    return _field(1, k) + _field(2, _any(v))


def _fixed(ns):
    return (struct.pack("<Q", ns), )


def protobuf(*spans):
    """An ExportTraceServiceRequest."""
    return b"".join(_field(1, _resource_spans(s)) for s in spans)


def _resource_spans(s):
    resource = b"".join(_field(1, _pair(k, v)) for k, v in s.resource.items())
    scope = _field(1, s.scope[0]) + _field(2, s.scope[1])
    return _field(1, resource) + _field(2, _field(1, scope) + _field(2, _span(s)))


def _span(s):
    out = _field(1, bytes.fromhex(s.trace)) + _field(2, bytes.fromhex(s.id))
    if s.parent:
        out += _field(4, bytes.fromhex(s.parent))
    out += _field(5, s.name) + _field(6, s.kind) + _field(7, _fixed(s.start)) + _field(8, _fixed(s.end))
    out += b"".join(_field(9, _pair(k, v)) for k, v in s.attributes.items())
    for name, ns, attributes in s.events:
        out += _field(
            11,
            _field(1, _fixed(ns)) + _field(2, name) + b"".join(_field(3, _pair(k, v)) for k, v in attributes.items()))
    status = (_field(2, s.message) if s.message else b"") + (_field(3, s.status) if s.status else b"")
    return out + _field(15, status)


def base64_of(hex_id):
    return base64.b64encode(bytes.fromhex(hex_id)).decode()


# ---- the published schemas: member -> type; a list holds the type of its items. Nothing in them may be null. ----

TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?Z")
PROMPT = {
    "id": str, "value": str, "variables": [str], "model": str, "modelSettings": dict, "version": int, "live": bool,
    "tags": [str], "spanId": str, "note": str, "createdAt": TIME, "updatedAt": TIME
}
SCHEMAS = {
    "Error": {"message": str}, "Project": {
        "id": str, "name": str, "description": str, "teamId": str, "createdAt": TIME, "updatedAt": TIME
    }, "ApiKeyResponse": {"apiKey": str}, "PromptSet": {
        "id": str, "name": str, "description": str, "projectId": str, "prompts": [PROMPT], "createdAt": TIME,
        "updatedAt": TIME
    }, "GetTracesResponse": {
        "traces": {"result": [dict], "metadata": {"page": int, "page_size": int, "total_pages": int}}
    }
}


def validate(value, schema, path="answer"):
    """Every member of the schema is there, of its type and not null."""
    if isinstance(schema, str):
        schema = SCHEMAS[schema]
    if isinstance(schema, dict):
        if not isinstance(value, dict):
            raise Failure(f"{path} is {value!r}, should be an object")
        for key, inner in schema.items():
            if key not in value:
                raise Failure(f"{path}.{key} is missing")
            validate(value[key], inner, f"{path}.{key}")
    elif isinstance(schema, list):
        if not isinstance(value, list):
            raise Failure(f"{path} is {value!r}, should be an array")
        for i, item in enumerate(value):
            validate(item, schema[0], f"{path}[{i}]")
    elif isinstance(schema, re.Pattern):
        if not isinstance(value, str) or not schema.fullmatch(value):
            raise Failure(f"{path} is {value!r}, should be a date-time")
    elif not isinstance(value, schema) or (schema is int and isinstance(value, bool)):
        raise Failure(f"{path} is {value!r}, should be {schema.__name__}")
    return value
