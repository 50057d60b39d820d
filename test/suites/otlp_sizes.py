"""Large exports: a body of 64 MiB is taken where it holds real spans, and what small spans become in memory has a bound (otlp.md 1.2,
design.md promise 5).
"""
from lib import otlp, projects
from lib.check import contains, equal, status, true
from lib.h2 import Grpc
from lib.http import Client
from lib.otlp import PROTOBUF, field
from lib.otlp_server import OtlpTests

tests = OtlpTests("otlp/size")
MIB = 1 << 20


def ids(trace, i):
    return field(1, 2, trace.to_bytes(16, "big")) + field(2, 2, i.to_bytes(8, "big"))


def text(key, value):
    return field(9, 2, field(1, 2, key.encode()) + field(2, 2, field(1, 2, value.encode())))


def export(spans, resource=b""):
    return field(1, 2, field(1, 2, resource) + field(2, 2, b"".join(field(2, 2, s) for s in spans)))


def wide(n):
    """A resource of n attributes, which every span shows again."""
    return b"".join(field(1, 2, field(1, 2, b"key.%d" % i) + field(2, 2, field(1, 2, b"x" * 40))) for i in range(n))


@tests("64-mib-of-spans")
def full_body(p):
    """Just below the limit, in one request: spans as agents make them, 16 KB each."""
    words = "the quick brown fox " * 800
    n = 4150
    body = export([ids(1 + i // 50, i + 1) + text("gen_ai.operation.name", "chat") + text("input.value", f"{i} {words}") for i in range(n)])
    true(63 * MIB < len(body) <= 64 * MIB, f"the test's body is {len(body)} bytes")
    p.client.timeout = 120
    equal(status(otlp.post(p, body, as_json=False), 200).body, b"", "answer")
    for i in (0, n - 1):
        spans = {s["span_id"]: s for s in p.lw.trace(f"{1 + i // 50:032x}")["spans"]}
        equal(spans[f"{i + 1:016x}"]["input"]["value"], f"{i} {words}", f"input of span {i}")


@tests("80000-spans-of-30-bytes")
def tiny(p):
    """More than the queue holds when decoded, so it waits for an empty one; all of it is stored."""
    p.client.timeout = 120
    body = export([ids(1 + i // 1000, i + 1) for i in range(80000)])
    true(len(body) < 3 * MIB, f"the test's body is {len(body)} bytes")
    equal(status(otlp.post(p, body, as_json=False), 200).body, b"", "answer")
    for trace in (1, 80):
        equal(len(p.lw.trace(f"{trace:032x}")["spans"]), 1000, f"spans of trace {trace}")
    equal(len(p.lw.ids()), 80, "traces")


def peak(server):
    """The most memory the server ever had."""
    with open(f"/proc/{server.pid}/status", encoding="ascii") as f:
        return next(int(line.split()[1]) * 1024 for line in f if line.startswith("VmHWM"))


def refused(reply):
    status(reply, 413)
    contains(otlp.decode("RpcStatus", reply.body), {"code": 8}, reply.what)
    true("when it is decoded" in reply.text and "smaller parts" in reply.text, f"says why and what helps: {reply.text}")


def bounded(environment):
    """Small bodies that become gigabytes: refused while they are read, not after; nothing stored, the next export is taken."""
    with environment.fresh_server(options=["--ingest-queue-bytes=8MiB"]) as server:
        p = projects.scratch(Client(server.base, timeout=120), 0)
        one = [ids(1, i + 1) for i in range(40000)]
        bodies = {"spans": export(one), "resource": export(one, wide(1500)), "attributes": export([ids(1, 1) + b"\x4a\0" * 2000000])}
        headers = {"Content-Type": PROTOBUF, "Authorization": f"Bearer {p.langwatch_key}"}
        before = peak(server)
        for name, body in bodies.items():
            for path in ("/v1/traces", "/api/trace", "/api/otel/v1/traces"):
                reply = p.client.request("POST", path, body, headers)
                if path == "/v1/traces":
                    refused(reply)
                equal(reply.status, 413, f"{name} on {path}")
        true(otlp.post(p, [{"traceId": "1"}] * 400000, "/api/trace").status == 413, "Langtrace's list is bounded too")
        with Grpc(("127.0.0.1", server.grpc_port), 60) as c:
            equal(c.export(bodies["spans"], p.langwatch_key).status, 8, "grpc-status")
        true(peak(server) - before < 700 * MIB, f"memory went from {before >> 20} to {peak(server) >> 20} MiB")
        equal(p.lw.ids(), [], "traces of exports that were too large")
        status(otlp.post(p, export(one[:100]), as_json=False), 200)
        equal(len(p.lw.trace(f"{1:032x}")["spans"]), 100, "spans of an export that is not")
        server.stop()


tests.all.append(("otlp/size-what-few-bytes-become-is-bounded", bounded))
