"""OTLP over gRPC (otlp.md 1.7): statuses, trailers, compression, many streams, and clients that misbehave."""
import random
import secrets
import struct

from lib import otlp
from lib.check import equal, true
from lib.h2 import ACK, BASE, CONTINUATION, DATA, END_HEADERS, END_STREAM, HEADERS, PING, Grpc, SETTINGS, Stream, WINDOW_UPDATE, frame, header_block, message_frame, path_of
from lib.otlp import span
from lib.otlp_server import OtlpTests, grpc
from lib.otlp_views import check_langwatch
from lib.suite import Failure

tests = OtlpTests("otlp/grpc")
S = "b7ad6b7169203331"


def one(name="op", **more):
    return otlp.traces(span(secrets.token_hex(16), S, name, **more))


def fine(reply):
    equal((reply.http.get(":status"), reply.http.get("content-type", "")[:16]), ("200", "application/grpc"), f"{reply.what}: headers {reply.http}")
    equal(reply.status, 0, f"grpc-status of {reply}")
    equal(reply.data, b"\0\0\0\0\0", f"{reply.what}: an empty message is sent, framed")
    true(not reply.only_trailers, f"{reply.what}: the status comes in trailers of its own")
    return reply


def fails(reply, *codes):
    """Trailers only: one HEADERS frame, HTTP 200, the grpc-status and a text."""
    equal(reply.http.get(":status"), "200", f"{reply.what}: an error is HTTP 200 too")
    true(reply.status in codes, f"{reply.what}: grpc-status is {reply.status} ({reply.text!r}), should be {codes}")
    true(reply.only_trailers and not reply.data, f"{reply.what}: an error is one HEADERS frame, got {reply.http} {reply.data[:20]!r}")
    true(reply.text, f"{reply.what}: grpc-message is missing: {reply.trailers}")
    return reply


@tests("all-signals")
def signals(p):
    request = one()
    with grpc(p) as c:
        fine(c.export(request, p.langwatch_key))
        for signal, empty in (("logs", {"resourceLogs": []}), ("metrics", {"resourceMetrics": []}), ("traces", {"resourceSpans": []})):
            fine(c.export(empty, p.langwatch_key, signal))
    check_langwatch(p, [request])


@tests("content-type-with-a-suffix")
def suffix(p):
    with grpc(p) as c:
        stream = c.start(key=p.langwatch_key, base=[("content-type", "application/grpc+proto"), ("te", "trailers")])
        c.write(stream, message_frame(otlp.encode("TraceRequest", one())))
        fine(c.finish(stream))


@tests("gzip")
def gzip(p):
    requests = [one(), one(a={"big": "x" * 500_000})]
    with grpc(p) as c:
        for request in requests:
            fine(c.export(request, p.langwatch_key, compress=True))
        stream = c.start(key=p.langwatch_key, headers=[("grpc-encoding", "identity")])
        c.write(stream, message_frame(otlp.encode("TraceRequest", requests[0])))
        fine(c.finish(stream))
        stream = c.start(key=p.langwatch_key, headers=[("grpc-encoding", "gzip")])  # announced, and this message is not
        c.write(stream, message_frame(otlp.encode("TraceRequest", requests[0])))
        fine(c.finish(stream))
    check_langwatch(p, requests)


@tests("unknown-compression")
def compression(p):
    with grpc(p) as c:
        for name in ("br", "snappy", "zz"):
            stream = c.start(key=p.langwatch_key, headers=[("grpc-encoding", name)])
            c.write(stream, struct.pack(">BI", 1, 4) + b"abcd")
            fails(c.finish(stream), 12)
        stream = c.start(key=p.langwatch_key)  # compressed, and no encoding said
        c.write(stream, struct.pack(">BI", 1, 4) + b"abcd")
        fails(c.finish(stream), 3, 12, 13)
    equal(p.lw.ids(), [], "traces")


@tests("partial-success-is-status-0")
def partial(p):
    id = secrets.token_hex(16)
    with grpc(p) as c:
        reply = c.export(otlp.traces(span(id, S), span(id, "0" * 16), span(id, "b7ad6b7169203332")), p.langwatch_key)
    equal(reply.status, 0, "grpc-status")
    equal(reply.json["partialSuccess"]["rejectedSpans"], "1", "rejected")
    true("spans[1]" in reply.json["partialSuccess"]["errorMessage"], f"the place: {reply.json}")
    equal(len(p.lw.trace(id)["spans"]), 2, "spans")


@tests("keys")
def keys(p):
    with grpc(p) as c:
        for headers in ([("authorization", f"Bearer {p.langwatch_key}")], [("x-api-key", p.private)], [("x-auth-token", p.langwatch_key)],
                        [("lunary-project-key", p.public)]):
            fine(c.export(one(), headers=headers))
        for headers in ([], [("authorization", "Bearer nonsense")], [("x-api-key", "zz")], [("authorization", "Basic !!!")]):
            reply = fails(c.export(one(), headers=headers), 16)
            if reply.details:
                equal(reply.details["code"], 16, "code in the details")
        fine(c.export(one(), p.langwatch_key))
    equal(len(p.lw.ids()), 5, "traces of the good keys")


@tests("bad-messages")
def bad(p):
    with grpc(p) as c:
        for data in (b"\xff\xff\xff", b"\x0a\x80", b"\x0a\x05ab", otlp.encode("TraceRequest", one())[:-3]):
            reply = fails(c.export(data, p.langwatch_key), 3)
            true("byte" in reply.text or "offset" in reply.text, f"the place is named: {reply.text!r}")
        fails(c.export(otlp.traces(span("0" * 32, S)), p.langwatch_key), 3)
        fails(c.export(otlp.encode("LogsRequest", otlp.logs(otlp.log("1" * 32, S, "x", "y"))), p.langwatch_key), 3)
        fine(c.export(one(), p.langwatch_key))
    equal(len(p.lw.ids()), 1, "traces")


@tests("unknown-methods")
def methods(p):
    with grpc(p) as c:
        for path in ("/opentelemetry.proto.collector.trace.v1.TraceService/Import", "/x.Y/Z", "/", "/v1/nothing",
                     "/opentelemetry.proto.collector.profiles.v1development.ProfilesService/Export"):
            reply = c.export(one(), p.langwatch_key, path=path)
            reply.what = f"gRPC {path}"
            fails(reply, 12)
        fine(c.export(one(), p.langwatch_key))


@tests("another-content-type-is-415")
def content_type(p):
    with grpc(p) as c:
        for label in ("text/plain", "text/html"):
            stream = c.start(key=p.langwatch_key, base=[("content-type", label)])
            c.write(stream, message_frame(b""))
            c.until(lambda: stream.ended, "an answer")  # noqa: B023
            equal(stream.headers[":status"], "415", f"HTTP status for {label}")
        fine(c.export(one(), p.langwatch_key))


@tests("many-streams-at-once")
def streams(p):
    """Twenty calls on one connection, their DATA frames mixed in small pieces."""
    dice, requests = random.Random(p.environment.seed), [one(f"stream {i}", a={"pad": "x" * 200 * i}) for i in range(20)]
    with grpc(p) as c:
        c.until(lambda: c.peer, "SETTINGS")
        most = c.peer.get(3, 100)
        calls = []
        for request in requests[:min(20, most)]:
            data = message_frame(otlp.encode("TraceRequest", request), compress=dice.random() < 0.5)
            headers = [("grpc-encoding", "gzip")] if data[0] else []
            calls.append([c.start(key=p.langwatch_key, headers=headers), data])
        left = list(calls)
        while left:
            call = dice.choice(left)
            n = dice.randrange(1, 300)
            piece, call[1] = call[1][:n], call[1][n:]
            c.write(call[0], piece, end=not call[1])
            if not call[1]:
                left.remove(call)
        for stream, _ in calls:
            fine(c.finish(stream))
    check_langwatch(p, requests[:len(calls)])


@tests("message-split-from-its-prefix")
def split(p):
    request = one()
    with grpc(p) as c:
        data = message_frame(otlp.encode("TraceRequest", request))
        stream = c.start(key=p.langwatch_key)
        for i in range(len(data)):
            c.write(stream, data[i:i + 1], end=False)
        c.write(stream, b"", end=True)
        fine(c.finish(stream))
    check_langwatch(p, [request])


@tests("headers-in-continuations-and-padding")
def continuation(p):
    """A header block over three frames, and DATA with padding."""
    request = one()
    with grpc(p) as c:
        block = header_block([(":method", "POST"), (":scheme", "http"), (":path", path_of("traces")), (":authority", "t"), *BASE,
                              ("authorization", f"Bearer {p.langwatch_key}"), ("x-long", "y" * 3000)])
        stream = Stream(c.next)
        c.streams[stream.id] = stream
        c.next += 2
        c.send(frame(HEADERS, 0, stream.id, block[:10]) + frame(CONTINUATION, 0, stream.id, block[10:900]) + frame(CONTINUATION, END_HEADERS, stream.id, block[900:]))
        data = message_frame(otlp.encode("TraceRequest", request))
        c.send(frame(DATA, 8 | END_STREAM, stream.id, bytes([7]) + data + b"\0" * 7))
        fine(c.finish(stream))
    check_langwatch(p, [request])


@tests("ping-and-settings")
def ping(p):
    with grpc(p) as c:
        c.ping()
        c.send(frame(SETTINGS, 0, 0, struct.pack(">HI", 4, 100_000)))
        c.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1000)))
        c.ping(b"abcdefgh")
        fine(c.export(one(), p.langwatch_key))
        c.send(frame(PING, ACK, 0, b"unasked!"))
        fine(c.export(one(), p.langwatch_key))


@tests("a-large-message")
def large(p):
    """Beyond every window: the server must give room, and the client needs to be read."""
    request = one(a={"big": "0123456789" * 800_000})
    with grpc(p) as c:
        fine(c.export(request, p.langwatch_key))
    trace = p.lw.trace(request["resourceSpans"][0]["scopeSpans"][0]["spans"][0]["traceId"])
    equal(len(trace["spans"][0]["params"]["big"]), 8_000_000, "length of a large attribute")


@tests("keep-alive-of-a-connection")
def many_calls(p):
    with grpc(p) as c:
        for _ in range(100):
            fine(c.export(one(), p.langwatch_key))
    equal(p.lw.total(), 100, "traces")


# ---- clients that misbehave: bad_exports.py uses these too ----


def length_lies(p):
    """Longer than what comes: refused, nothing stored. Shorter: two messages in a unary call, refused too."""
    message = otlp.encode("TraceRequest", one())
    with grpc(p) as c:
        for length in (len(message) + 1, len(message) - 1, len(message) + 5000, 0, 0xFFFFFFFF, 65 << 20):
            stream = c.start(key=p.langwatch_key)
            c.write(stream, message_frame(message, length=length))
            reply = c.finish(stream)
            true(reply.status in (3, 8, 12, 13) or reply.reset is not None, f"a frame that says {length} of {len(message)}: {reply}")
            true(length < (60 << 20) or reply.status in (8, None), f"a frame that says {length} bytes is too large: {reply}")
        fine(c.export(otlp.traces(), p.langwatch_key))
    equal(p.lw.ids(), [], "traces of messages with a wrong length")


def no_message(p):
    with grpc(p) as c:
        for data in (b"", b"\0", b"\0\0\0\0", b"\2\0\0\0\1x"):
            stream = c.start(key=p.langwatch_key)
            c.write(stream, data)
            fails(c.finish(stream), 3, 12, 13)
    equal(p.lw.ids(), [], "traces")


def reset_streams(p):
    """Calls that are given up at every stage; the connection goes on."""
    message = message_frame(otlp.encode("TraceRequest", one("given up")))
    with grpc(p) as c:
        for i in range(200):
            stream = c.start(key=p.langwatch_key)
            c.write(stream, message[:i % len(message)], end=False)
            c.reset(stream)
        c.ping()
        request = one("kept")
        fine(c.export(request, p.langwatch_key))
    check_langwatch(p, [request])


def gone_clients(p):
    """Connections that end in the middle of a frame."""
    message = message_frame(otlp.encode("TraceRequest", one("cut")))
    for cut in (1, 5, 20, len(message) - 1):
        with grpc(p) as c:
            stream = c.start(key=p.langwatch_key)
            c.send(frame(DATA, 0, stream.id, message)[:9 + cut])
    with grpc(p) as c:
        fine(c.export(one("after"), p.langwatch_key))
    equal(p.lw.total(), 1, "traces")


def no_http2(p):
    """Anything but the preface: closed or answered, never a crash."""
    import socket
    for data in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"\0" * 500, b"PRI"):
        with socket.create_connection(p.grpc_address, timeout=2) as s:
            try:
                s.sendall(data)
                s.shutdown(socket.SHUT_WR)
                while s.recv(65536):
                    pass
            except (socket.timeout, ConnectionResetError, BrokenPipeError):
                pass
    with grpc(p) as c:
        fine(c.export(one(), p.langwatch_key))


def broken_frames(p):
    """Each ends its own connection at most."""
    frames = [frame(DATA, END_STREAM, 1, b"x"), frame(HEADERS, END_HEADERS, 0, b"\x82"), frame(HEADERS, END_HEADERS, 1, b"\xff\xff\xff\xff\xff\xff"),
              frame(SETTINGS, 0, 0, b"12345"), frame(PING, 0, 0, b"short"), frame(WINDOW_UPDATE, 0, 0, b"\0\0\0\0"), frame(HEADERS, END_HEADERS, 2, b"\x82"),
              b"\xff\xff\xff\x00\x00\x00\x00\x00\x01", frame(CONTINUATION, END_HEADERS, 1, b"\x82"), frame(200, 0, 0, b"unknown kind")]
    for data in frames:
        with Grpc(p.grpc_address, timeout=2) as c:
            c.send(data)
            try:
                c.ping()
            except Failure:
                pass  # closed, with or without GOAWAY
    with grpc(p) as c:
        fine(c.export(one(), p.langwatch_key))
