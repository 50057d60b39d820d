"""Methods, paths, keys, headers, raw bytes: what is wrong before a body is looked at."""
import re
import socket
import time

from lib import projects
from lib.bad import BadTests, doors, empty, send, shaped
from lib.check import contains, equal, status, true
from lib.http import Client, parse_raw

tests = BadTests("bad/request")


@tests("unknown-path")
def unknown_path(p):
    for path in ("/nothing", "/v1/nothing", "/v2/x", "/api/public/nothing", "/v1/runs/a/b/c/d"):
        for method in ("GET", "POST", "PUT", "DELETE", "PATCH"):
            reply = p.client.request(method, path, None, {"Authorization": f"Bearer {p.private}"})
            if method == "GET" and path == "/nothing":
                continue  # a web page's address (collisions.md 2)
            status(reply, 404)
            true("html" not in reply.header("content-type"), f"{method} {path} answers HTML")
            contains(reply.json, {"message": "Not Found", "error": {"code": "not_found", "message": "Not Found"}},
                     f"{method} {path}")
    for path in ("/api/nothing", "/api/trace/a/b/c", "/api/v2/agents"):
        reply = status(p.client.request("POST", path, None, {"X-Auth-Token": p.langwatch_key}), 404)
        equal(reply.json, {"message": "Not Found", "error": "Not Found"}, f"POST {path}")


@tests("wrong-method")
def wrong_method(p):
    for method, path in (("GET", "/api/collector"), ("DELETE", "/api/trace/search"), ("PUT", "/api/track_event"),
                         ("DELETE", "/api/traces/x/metadata")):
        reply = status(p.client.request(method, path, None, {"X-Auth-Token": p.langwatch_key}), 404)
        contains(reply.json, {"message": "Not Found"} if path != "/api/trace/search" else {}, f"{method} {path}")
    for method, path, allowed in (("GET", "/v1/runs/ingest", None), ("DELETE", "/v1/runs/x/score", "PATCH"),
                                  ("PUT", "/api/report", "POST"), ("PATCH", "/v1/external-users", "GET")):
        reply = p.client.request(method, path, None, {"Authorization": f"Bearer {p.private}"})
        if path == "/v1/runs/ingest":  # also a run id
            status(reply, 404, 405)
            continue
        status(reply, 405)
        true(allowed in (reply.header("allow") or ""),
             f"{method} {path}: Allow is {reply.header('allow')!r}, should have {allowed}")
        shaped("llmonitor", reply)


@tests("broken-escapes-in-the-path")
def escapes(p):
    for path in ("/v1/runs/%zz", "/v1/runs/%", "/v1/runs/a%00b", "/api/trace/%2", "/api/trace/x%00"):
        reply = status(p.client.get(path, {"X-Auth-Token": p.langwatch_key}), 400)
        true("html" not in (reply.header("content-type") or ""), f"{path} answers HTML")
        true(isinstance(reply.json.get("message"), str), f"{path}: {reply.text}")


@tests("no-key-and-wrong-key")
def keys(p):
    for door in doors(p):
        bare = (*door[:3], {}, door[4])
        if door[2] != "/api/report":
            shaped(door[0], status(send(p, bare, door[4]), 401, 402))
        for token in ("nonsense", "sk-lw-wrong", "44444444-4444-4444-8444-444444444444", "x" * 5000, "ü"):
            headers = {"Authorization": f"Bearer {token}".encode().decode("latin-1")}
            if door[2] != "/api/report":
                reply = shaped(door[0], status(send(p, bare, door[4], **headers), 401))
                true("Bearer" in (reply.header("www-authenticate") or ""),
                     f"{door[2]}: WWW-Authenticate is {reply.header('www-authenticate')!r}")
    empty(p)


@tests("malformed-http")
def malformed(p):
    for data in (b"\r\n\r\n", b"GARBAGE\r\n\r\n", b"GET\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03" +
                 b"\x00" * 50, b"GET / HTTP/9.9\r\n\r\n", b"GET /" + b"a" * 100_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
                 b"GET /readyz HTTP/1.1\r\n" + b"X-A: b\r\n" * 20_000 + b"\r\n",
                 b"GET /readyz HTTP/1.1\r\nHost: x\r\nX-Big: " + b"c" * 1_000_000 + b"\r\n\r\n",
                 b"POST /api/collector HTTP/1.1\r\nHost: x\r\nContent-Length: -5\r\n\r\n",
                 b"POST /api/collector HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999999999999999\r\n\r\n",
                 b"POST /api/report HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nZZZ\r\n"):
        got = p.client.raw(data, timeout=1)
        true(not got or re.match(rb"HTTP/1\.[01] [45]\d\d", got), f"answer to {data[:40]!r}: {got[:80]!r}")


def collector_head(p, more):
    lines = ["POST /api/collector HTTP/1.1", "Host: x", f"X-Auth-Token: {p.langwatch_key}", "Content-Type: application/json", more]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


@tests("body-that-never-ends")
def unfinished(p):
    head = collector_head(p, "Content-Length: 1000")
    p.client.raw(head + b'{"trace_id":"never","spans":[', timeout=0.5)
    equal(p.lw.ids(), [], "a body that was cut off is not stored")


@tests("chunked-body")
def chunked(p):
    body = b'{"trace_id":"chunked","spans":[]}'
    head = collector_head(p, "Transfer-Encoding: chunked\r\nConnection: close")
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 7]), body[i:i + 7])
                      for i in range(0, len(body), 7)) + b"0\r\n\r\n"
    status(parse_raw(p.client.raw(head + chunks), "chunked POST"), 200)
    equal(p.lw.ids(), ["chunked"], "a chunked body is stored")


@tests("request-id")
def request_id(p):
    equal(
        p.client.get("/livez", {"X-Request-ID": "my-id-1"}).header("x-request-id"), "my-id-1",
        "the client's request id")
    for bad in ("x" * 500, "a b\tc"):
        got = p.client.get("/livez", {"X-Request-ID": bad}).header("x-request-id")
        true(re.fullmatch(r"[0-9a-f-]{36}", got or ""),
             f"for the request id {bad[:10]!r} a new one is made, got {got!r}")


@tests("content-type-of-the-collector")
def content_type(p):
    reply = p.client.request("POST", "/api/collector", b'{"trace_id":"t","spans":[]}',
                             {"X-Auth-Token": p.langwatch_key, "Content-Type": "text/plain"})
    equal(status(reply, 400).json, {"message": "Invalid body, expecting json"}, "text/plain")
    for fine in ("application/json", "application/json; charset=utf-8"):
        status(
            p.client.request("POST", "/api/collector", b'{"trace_id":"t","spans":[]}',
                             {"X-Auth-Token": p.langwatch_key, "Content-Type": fine}), 200)
    body = b'{"events":[{"type":"llm","event":"start","runId":"r","app":"%s"}]}' % p.public.encode()
    for any_type in ("text/plain", "application/x-www-form-urlencoded"):
        status(p.client.request("POST", "/api/report", body, {"Content-Type": any_type}), 200)


@tests("operations-paths")
def operations(p):
    for path in ("/livez", "/readyz", "/health"):
        contains(status(p.client.get(path), 200).json, {}, path)
    status(p.client.get("/version"), 200)
    metrics = status(p.client.get("/metrics"), 200)
    true("tracewell_http_requests" in metrics.text and "# TYPE" in metrics.text, "metrics in Prometheus text")
    status(p.client.request("HEAD", "/readyz"), 200)


def opened(client, data):
    """A connection that has sent this much and now waits."""
    s = socket.create_connection(client.address(), timeout=10)
    s.sendall(data)
    return s


@tests("slow-clients-stall-nobody")
def slow_clients(p):
    half = collector_head(p, "Content-Length: 100000")
    waiting = [opened(p.client, half[:40] if i % 2 else half + b'{"trace_id":"slow') for i in range(200)]
    try:
        began = time.monotonic()
        for i in range(20):
            p.lw.collect({"trace_id": f"t{i}", "spans": []})
        took = time.monotonic() - began
        true(took < 5, f"20 posts beside 200 slow clients took {took:.1f} s")
        equal(len(p.lw.ids()), 20, "traces")
    finally:
        for s in waiting:
            s.close()


def full_is_503(environment):
    """All bodies in flight together have a bound; beyond it the answer is 503 with Retry-After, at once, and never a 429."""
    with environment.fresh_server(options=["--http-inflight-bytes=1MiB"]) as server:
        p = projects.scratch(Client(server.base), 0)
        half = collector_head(p, "Content-Length: 900000")
        waiting = [opened(p.client, half + b"{" + b" " * 890_000) for _ in range(2)]
        try:
            until, reply = time.monotonic() + 10, None
            while time.monotonic() < until and (reply is None or reply.status == 200):
                reply = p.lw.call("POST", "/api/collector", {"trace_id": "t", "spans": [], "metadata": {"k": "x" * 900_000}})
            equal(reply.status, 503, "status of a body beyond the bound")
            true(int(reply.header("retry-after") or 0) >= 1, f"Retry-After of the 503: {reply.headers}")
            shaped("langwatch", reply)
            status(p.client.get("/livez"), 200)
        finally:
            for s in waiting:
                s.close()
        until = time.monotonic() + 10
        while time.monotonic() < until and p.lw.call("POST", "/api/collector", {"trace_id": "t", "spans": []}).status != 200:
            time.sleep(0.05)
        equal(p.lw.ids(), ["t"], "once there is room again, the post is stored")
        server.stop()


tests.all.append(("bad/request-full-is-503", full_is_503))
