"""What langtrace.md says the server must hold after some recorded requests: an independent reading of its sections 3, 7 and 9.

otlp_of(body) gives Langtrace's own span list as the OTLP JSON it stands for, so that model_otlp.py says what becomes of it;
expected(requests) gives what POST /api/traces must show.
"""
import datetime

from lib import model_otlp

S = 1_000_000_000


def any_value(v):
    if isinstance(v, bool):
        return {"boolValue": v}
    if isinstance(v, int):
        return {"intValue": str(v)}
    if isinstance(v, float):
        return {"doubleValue": v}
    if isinstance(v, list):
        return {"arrayValue": {"values": [any_value(x) for x in v]}}
    return {"stringValue": v}


def key_values(attributes):
    return [{"key": k, "value": any_value(v)} for k, v in (attributes or {}).items()]


def nanos(pair):
    return str(pair[0] * S + pair[1])


def otlp_span(s):
    """A span of the TypeScript SDK: JS API numbering of kinds, times as pairs."""
    return {
        "traceId": s["traceId"], "spanId": s["spanId"], "parentSpanId": s.get("parentSpanId"), "name": s["name"],
        "kind": s["kind"] + 1, "startTimeUnixNano": nanos(s["startTime"]), "endTimeUnixNano": nanos(s["endTime"]),
        "attributes": key_values(s["attributes"]), "status": s["status"], "events": [{
            "name": e["name"], "timeUnixNano": nanos(e["time"]), "attributes": key_values(e.get("attributes"))
        } for e in s["events"]]
    }


def otlp_of(body):
    """A request body, Langtrace's list or OTLP already, as OTLP JSON."""
    if isinstance(body, dict):
        return body
    return {
        "resourceSpans": [{
            "resource": {"attributes": key_values(s["resource"]["_attributes"])}, "scopeSpans": [{
                "scope": s["instrumentationLibrary"], "spans": [otlp_span(s)]
            }]
        } for s in body]
    }


# ---- what POST /api/traces shows ----


def iso_us(ns):
    at = datetime.datetime.fromtimestamp(int(ns) // S, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{int(ns) % S // 1000:06d}Z"


def duration(start, end):
    whole, rest = divmod(int(end) - int(start), 1_000_000)
    return f"{whole}.{rest:06d}".rstrip("0").rstrip(".")


def shown(span):
    """A span of OTLP JSON as an object of the answer, its JSON texts parsed."""
    status = span.get("status", {}).get("code", 0)
    return {
        "name": span["name"], "trace_id": span["traceId"], "span_id": span["spanId"],
        "parent_id": span.get("parentSpanId") or "", "trace_state": span.get("traceState") or "",
        "kind": str(span.get("kind", 0)), "start_time": iso_us(span["startTimeUnixNano"]),
        "end_time": iso_us(span["endTimeUnixNano"]), "attributes": model_otlp.attributes(span.get("attributes")),
        "status_code": ["UNSET", "OK", "ERROR"][int(status)], "events": [{
            "name": e["name"], "time": iso_us(e["timeUnixNano"]), "timestamp": iso_us(e["timeUnixNano"]),
            "attributes": model_otlp.attributes(e.get("attributes"))
        } for e in span.get("events") or []], "links": [],
        "duration": duration(span["startTimeUnixNano"], span["endTimeUnixNano"])
    }


def expected(requests):
    """The traces of a list of OTLP JSON requests, each with its spans, as one page of at most 100 shows them."""
    groups = {}
    for request in requests:
        for span, _, _ in model_otlp.all_spans(request):
            groups.setdefault(span["traceId"], {})[span["spanId"]] = span
    return [trace(list(spans.values())) for spans in sorted(groups.values(), key=last_end, reverse=True)]


def last_end(spans):
    return max(int(s["endTimeUnixNano"]) for s in spans.values())


def trace(spans):
    spans.sort(key=lambda s: (int(s["startTimeUnixNano"]), int(s["endTimeUnixNano"]), s["spanId"]))
    ids = {s["spanId"] for s in spans}
    top = [s for s in spans if s.get("parentSpanId") not in ids]
    start, end = spans[0]["startTimeUnixNano"], max(int(s["endTimeUnixNano"]) for s in spans)
    failed = any(int(s.get("status", {}).get("code", 0)) == 2 for s in spans)
    return {
        "trace_id": spans[0]["traceId"], "name": top[0]["name"], "start_time": iso_us(start), "end_time": iso_us(end),
        "duration": duration(start, end), "status_code": "ERROR" if failed else "OK", "spans": [shown(s) for s in spans]
    }
