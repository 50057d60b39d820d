"""Three ways to export to the shared server: JSON and protobuf over HTTP, gRPC; and projects that know its OTLP ports."""
from lib import model_otlp, otlp
from lib.check import equal, status
from lib.h2 import Grpc
from lib.http import Client
from lib.suite import ProjectTests


def ready(environment):
    """An empty project; p.otlp_http is a client of the OTLP port."""
    server = environment.shared()
    p = environment.project()
    p.environment, p.grpc_address = environment, ("127.0.0.1", server.grpc_port)
    p.otlp_http = Client(f"http://127.0.0.1:{server.otlp_port}")
    return p


class OtlpTests(ProjectTests):
    """Tests whose function gets an empty project of a server with OTLP ports."""
    def add(self, name, function):
        super(ProjectTests, self).add(name, lambda environment: function(ready(environment)))


def grpc(p, timeout=30):
    """A connection to the gRPC port."""
    return Grpc(p.grpc_address, timeout)


def by_json(p, request, **more):
    return accepted_http(otlp.post(p, request, **more))


def by_protobuf(p, request, **more):
    return accepted_http(otlp.post(p, canonical(request), as_json=False, **more))


def by_grpc(p, request, **more):
    with grpc(p) as c:
        reply = c.export(canonical(request), p.langwatch_key, **more)
    equal(reply.status, 0, f"grpc-status of {reply}")
    equal(reply.message, b"", "message of a full success")
    return reply


WAYS = {"json": by_json, "protobuf": by_protobuf, "grpc": by_grpc}


def accepted_http(reply):
    """200, and nothing rejected."""
    status(reply, 200)
    if "protobuf" in (reply.header("content-type") or ""):
        equal(reply.body, b"", f"{reply.what}: body of a full success")
    else:
        partial = reply.json.get("partialSuccess") or {}
        equal(int(partial.get("rejectedSpans") or 0), 0, f"{reply.what}: rejected, says {partial.get('errorMessage')}")
    return reply


# ---- any JSON form as the strict one, so that it can become protobuf ----

KINDS = ["UNSPECIFIED", "INTERNAL", "SERVER", "CLIENT", "PRODUCER", "CONSUMER"]
CODES = ["UNSET", "OK", "ERROR"]
SPAN_MEMBERS = set(otlp.MESSAGES["Span"])


def number_of(value, names, prefix):
    return names.index(value.removeprefix(prefix)) if isinstance(value, str) and value.startswith(prefix) else int(value or 0)


def strict_attributes(holder):
    """Attributes as the receiver reads them, nulls included."""
    return [{"key": k, "value": otlp.any_value(v)} for k, v in model_otlp.attributes(holder.get("attributes")).items()]


def strict_span(span):
    made = {k: v for k, v in span.items() if k in SPAN_MEMBERS}
    for key, size in (("traceId", 16), ("spanId", 8), ("parentSpanId", 8)):
        id = model_otlp.ident(span.get(key), size)
        if id:
            made[key] = id
        else:
            made.pop(key, None)
    for key in ("startTimeUnixNano", "endTimeUnixNano"):
        if made.get(key) is not None:
            made[key] = str(model_otlp.nanos(made[key]) or 0)
    made["kind"] = number_of(span.get("kind"), KINDS, "SPAN_KIND_")
    made["attributes"] = strict_attributes(span)
    if span.get("events"):
        made["events"] = [{"timeUnixNano": str(model_otlp.nanos(e.get("timeUnixNano")) or 0), "name": e["name"], "attributes": strict_attributes(e)}
                          for e in span["events"]]
    if span.get("status"):
        status = span["status"]
        made["status"] = {"code": number_of(status.get("code"), CODES, "STATUS_CODE_"), **({"message": status["message"]} if status.get("message") else {})}
    made.pop("links", None)
    return made


def canonical(request):
    if isinstance(request, bytes) or "resourceSpans" not in request:
        return request
    return {
        "resourceSpans": [{
            "resource": {"attributes": strict_attributes(r.get("resource") or {})}, "scopeSpans": [{
                "scope": {**{k: s["scope"][k] for k in ("name", "version") if (s.get("scope") or {}).get(k)},
                          "attributes": strict_attributes(s.get("scope") or {})},
                "spans": [strict_span(x) for x in s["spans"]]
            } for s in r["scopeSpans"]]
        } for r in request["resourceSpans"]]
    }
