"""HTTP/2 with prior knowledge, as much as a gRPC client needs, with every frame in the test's hands (otlp.md 1.7; RFC 9113, 7541).

Sent headers are literal, without Huffman; received ones are decoded in full. Grpc is the polite client on top.
"""
import base64
import gzip
import socket
import struct
import urllib.parse

from lib import otlp
from lib.suite import Failure

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, ACK, END_HEADERS, PADDED = 1, 1, 4, 8
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

# ---- HPACK ----

STATIC = [tuple(line.split("|")) for line in """:authority|
:method|GET
:method|POST
:path|/
:path|/index.html
:scheme|http
:scheme|https
:status|200
:status|204
:status|206
:status|304
:status|400
:status|404
:status|500
accept-charset|
accept-encoding|gzip, deflate
accept-language|
accept-ranges|
accept|
access-control-allow-origin|
age|
allow|
authorization|
cache-control|
content-disposition|
content-encoding|
content-language|
content-length|
content-location|
content-range|
content-type|
cookie|
date|
etag|
expect|
expires|
from|
host|
if-match|
if-modified-since|
if-none-match|
if-range|
if-unmodified-since|
last-modified|
link|
location|
max-forwards|
proxy-authenticate|
proxy-authorization|
range|
referer|
refresh|
retry-after|
server|
set-cookie|
strict-transport-security|
transfer-encoding|
user-agent|
vary|
via|
www-authenticate|""".split("\n")]

# Code lengths of the symbols 0 to 256; the code is canonical, so the lengths are all of it (RFC 7541 B).
LENGTHS = [int(n) for n in """13 23 28 28 28 28 28 28 28 24 30 28 28 30 28 28 28 28 28 28 28 28 30 28 28 28 28 28 28 28 28 28
6 10 10 12 13 6 8 11 10 10 8 11 8 6 6 6 5 5 5 6 6 6 6 6 6 6 7 8 15 6 12 10 13 6 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 7 8 7 8
13 19 13 14 6 15 5 6 5 6 5 6 6 6 5 7 7 6 6 6 5 6 7 6 5 5 6 7 7 7 7 7 15 11 14 13 28
20 22 20 20 22 22 22 23 22 23 23 23 23 23 24 23 24 24 22 23 24 23 23 23 23 21 22 23 22 23 23 24
22 21 20 22 22 23 23 21 23 22 22 24 21 22 23 23 21 21 22 21 23 22 23 23 20 22 22 22 23 22 22 23
26 26 20 19 22 23 22 25 26 26 26 27 27 26 24 25 19 21 26 27 27 26 27 24 21 21 26 26 28 27 27 27
20 24 20 21 22 21 21 23 22 22 25 25 24 24 26 23 26 27 26 26 27 27 27 27 27 28 27 27 27 27 27 26 30""".split()]


def huffman_codes():
    codes, code, last = {}, 0, 0
    for length, symbol in sorted((n, s) for s, n in enumerate(LENGTHS)):
        code <<= length - last
        codes[length, code] = symbol
        code, last = code + 1, length
    assert code == 1 << 30, "the code is not complete"
    return codes


HUFFMAN = huffman_codes()


def huffman_decode(data):
    out, code, length = bytearray(), 0, 0
    for byte in data:
        for bit in range(7, -1, -1):
            code, length = code << 1 | byte >> bit & 1, length + 1
            symbol = HUFFMAN.get((length, code))
            if symbol is not None:
                out.append(symbol)
                code = length = 0
    if length > 7 or code != (1 << length) - 1:
        raise Failure("HPACK: the padding of a Huffman string is not all ones")
    return bytes(out)


def integer(prefix_bits, value, first=0):
    limit = (1 << prefix_bits) - 1
    if value < limit:
        return bytes([first | value])
    out = bytes([first | limit])
    value -= limit
    while value > 127:
        out += bytes([value & 127 | 128])
        value >>= 7
    return out + bytes([value])


def header_block(headers):
    """Literals without indexing; a static index for the name where there is one."""
    out = b""
    for name, value in headers:
        value = value.encode("utf-8")
        index = next((i for i, (n, _) in enumerate(STATIC, 1) if n == name), 0)
        out += integer(4, index)
        if not index:
            out += integer(7, len(name)) + name.encode()
        out += integer(7, len(value)) + value
    return out


class Hpack:
    """The decoder of one connection."""
    def __init__(self):
        self.table, self.size, self.limit = [], 0, 4096

    def integer(self, data, at, bits):
        value = data[at] & (1 << bits) - 1
        at += 1
        if value == (1 << bits) - 1:
            shift = 0
            while True:
                value += (data[at] & 127) << shift
                at, shift = at + 1, shift + 7
                if data[at - 1] < 128:
                    break
        return value, at

    def string(self, data, at):
        coded = data[at] & 128
        length, at = self.integer(data, at, 7)
        raw = data[at:at + length]
        return (huffman_decode(raw) if coded else raw).decode("latin-1"), at + length

    def entry(self, index):
        if index <= len(STATIC):
            return STATIC[index - 1]
        return self.table[index - len(STATIC) - 1]

    def shrink(self):
        while self.size > self.limit:
            name, value = self.table.pop()
            self.size -= len(name) + len(value) + 32

    def decode(self, data):
        found, at = [], 0
        while at < len(data):
            byte = data[at]
            if byte & 0x80:
                index, at = self.integer(data, at, 7)
                found.append(self.entry(index))
            elif byte & 0xE0 == 0x20:
                self.limit, at = self.integer(data, at, 5)
                self.shrink()
            else:
                index, at = self.integer(data, at, 6 if byte & 0x40 else 4)
                if index:
                    name = self.entry(index)[0]
                else:
                    name, at = self.string(data, at)
                value, at = self.string(data, at)
                found.append((name, value))
                if byte & 0x40:
                    self.table.insert(0, (name, value))
                    self.size += len(name) + len(value) + 32
                    self.shrink()
        return found


# ---- frames ----


def frame(kind, flags=0, stream=0, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


class Stream:
    def __init__(self, id):
        self.id, self.headers, self.trailers, self.data = id, None, None, b""
        self.ended = self.reset = None


class Connection:
    """One connection; frames are read when somebody waits for something."""
    def __init__(self, address, timeout=30, settings=b""):
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.hpack, self.streams, self.next, self.goaway = Hpack(), {}, 1, None
        self.pongs, self.peer, self.window, self.closed = [], {}, {0: 65535}, False
        self.block = None
        self.send(PREFACE + frame(SETTINGS, payload=settings))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def send(self, data):
        try:
            self.socket.sendall(data)
        except (BrokenPipeError, ConnectionResetError):
            self.closed = True

    def exactly(self, n):
        got = b""
        while len(got) < n:
            try:
                piece = self.socket.recv(n - len(got))
            except ConnectionResetError:
                piece = b""
            if not piece:
                self.closed = True
                return None
            got += piece
        return got

    def read(self):
        """One frame taken in; False at the end of the connection."""
        head = self.exactly(9)
        if head is None:
            return False
        length, kind, flags = int.from_bytes(head[:3], "big"), head[3], head[4]
        id = int.from_bytes(head[5:], "big") & 0x7FFFFFFF
        payload = self.exactly(length) if length else b""
        if payload is None:
            return False
        stream = self.streams.get(id)
        if kind == SETTINGS and not flags & ACK:
            for at in range(0, len(payload), 6):
                name, value = struct.unpack(">HI", payload[at:at + 6])
                if name == 4:  # the first window of each stream; those that are open move along
                    moved = value - self.initial()
                    self.window = {k: v + (moved if k else 0) for k, v in self.window.items()}
                self.peer[name] = value
            self.send(frame(SETTINGS, ACK))
        elif kind == PING:
            if flags & ACK:
                self.pongs.append(payload)
            else:
                self.send(frame(PING, ACK, 0, payload))
        elif kind == GOAWAY:
            self.goaway = struct.unpack(">I", payload[4:8])[0]
        elif kind == WINDOW_UPDATE:
            self.window[id] = self.window.get(id, self.initial()) + int.from_bytes(payload, "big")
        elif kind == RST_STREAM and stream:
            stream.reset = int.from_bytes(payload, "big")
            stream.ended = True
        elif kind == DATA and stream:
            stream.data += payload[1:len(payload) - payload[0]] if flags & PADDED else payload
            stream.ended = stream.ended or bool(flags & END_STREAM)
        elif kind in (HEADERS, CONTINUATION):
            self.header_frame(stream, kind, flags, payload)
        return True

    def header_frame(self, stream, kind, flags, payload):
        if kind == HEADERS:
            if flags & PADDED:
                payload = payload[1:len(payload) - payload[0]]
            self.block = [b"", bool(flags & END_STREAM)]
        self.block[0] += payload
        if not flags & END_HEADERS:
            return
        headers = dict(self.hpack.decode(self.block[0]))
        if stream is None:
            return
        if stream.headers is None:
            stream.headers = headers
            if self.block[1]:
                stream.trailers = headers
        else:
            stream.trailers = headers
        stream.ended = stream.ended or self.block[1]

    def initial(self):
        return self.peer.get(4, 65535)

    def until(self, done, what="an answer"):
        """Reads until done() holds."""
        try:
            while not done():
                if not self.read():
                    raise Failure(f"gRPC: the connection ended before {what}" +
                                  (f" (GOAWAY {self.goaway})" if self.goaway is not None else ""))
        except socket.timeout as e:
            raise Failure(f"gRPC: no {what} within {self.socket.gettimeout()} s") from e

    # ---- asking ----

    def open(self, path, headers, end=False, method="POST"):
        stream = Stream(self.next)
        self.streams[stream.id] = stream
        self.next += 2
        block = header_block([(":method", method), (":scheme", "http"), (":path", path), (":authority", "test"), *headers])
        self.send(frame(HEADERS, END_HEADERS | (END_STREAM if end else 0), stream.id, block))
        return stream

    def write(self, stream, data, end=True, piece=16384):
        """DATA frames within the flow-control windows."""
        at = 0
        while at < len(data) or (end and not data):
            self.until(lambda: self.room(stream) > 0 or stream.ended or self.closed, "room to send")
            if stream.ended or self.closed:
                return
            n = min(piece, self.room(stream), len(data) - at)
            chunk = data[at:at + n]
            at += n
            self.window[0] -= n
            self.window[stream.id] = self.window.get(stream.id, self.initial()) - n
            self.send(frame(DATA, END_STREAM if end and at == len(data) else 0, stream.id, chunk))
            if not data:
                return

    def room(self, stream):
        return min(self.window[0], self.window.get(stream.id, self.initial()))

    def ping(self, payload=b"12345678"):
        self.send(frame(PING, 0, 0, payload))
        self.until(lambda: payload in self.pongs, "PING answer")

    def reset(self, stream, code=8):
        self.send(frame(RST_STREAM, 0, stream.id, struct.pack(">I", code)))


# ---- gRPC ----


class GrpcReply:
    def __init__(self, what, stream, response):
        self.what, self.http, self.reset = what, stream.headers or {}, stream.reset
        self.trailers = stream.trailers or {}
        self.only_trailers = stream.trailers is stream.headers
        self.message, self.data = None, stream.data
        if len(stream.data) >= 5:
            length = int.from_bytes(stream.data[1:5], "big")
            if stream.data[0] or len(stream.data) != 5 + length:
                raise Failure(f"{what}: the answer's frame is {stream.data[:9].hex()} of {len(stream.data)} bytes")
            self.message = stream.data[5:]
        self.response = response

    @property
    def status(self):
        """grpc-status as a number; None when it never came."""
        value = self.trailers.get("grpc-status")
        return int(value) if value is not None else None

    @property
    def text(self):
        return urllib.parse.unquote(self.trailers.get("grpc-message", ""))

    @property
    def json(self):
        return otlp.decode(self.response, self.message or b"")

    @property
    def details(self):
        """google.rpc.Status of grpc-status-details-bin, or None."""
        value = self.trailers.get("grpc-status-details-bin")
        return None if value is None else otlp.decode("RpcStatus", base64.b64decode(value + "=" * (-len(value) % 4)))

    def __repr__(self):
        return f"grpc {self.status} {self.text!r} {self.http}"


def path_of(signal):
    word = {"traces": "trace.v1.Trace", "logs": "logs.v1.Logs", "metrics": "metrics.v1.Metrics"}[signal]
    return f"/opentelemetry.proto.collector.{word}Service/Export"


def message_frame(message, compress=False, length=None):
    """The five-byte prefix and the message; `length` lies about it."""
    if compress:
        message = gzip.compress(message)
    return struct.pack(">BI", int(bool(compress)), len(message) if length is None else length) + message


BASE = [("content-type", "application/grpc"), ("te", "trailers"), ("user-agent", "test-grpc")]


class Grpc(Connection):
    def start(self, signal="traces", key=None, headers=(), path=None, base=BASE):
        own = [("authorization", f"Bearer {key}")] if key else []
        return self.open(path or path_of(signal), [*base, *own, *headers])

    def finish(self, stream, signal="traces", what=None):
        self.until(lambda: stream.ended, "the trailers")
        return GrpcReply(what or f"gRPC {signal}", stream, otlp.SIGNALS[signal][1])

    def export(self, request, key=None, signal="traces", compress=False, headers=(), piece=16384, path=None):
        """One unary call. request: OTLP JSON or message bytes."""
        message = request if isinstance(request, bytes) else otlp.encode(otlp.SIGNALS[signal][0], request)
        more = [*headers, *([("grpc-encoding", "gzip")] if compress else [])]
        stream = self.start(signal, key, more, path)
        self.write(stream, message_frame(message, compress), piece=piece)
        return self.finish(stream, signal)
