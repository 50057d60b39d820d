"""A small HTTP/1.1 client: keep-alive, exact bytes, and raw sockets where a test must misbehave."""
import gzip
import http.client
import json
import socket
import threading
import urllib.parse

from lib.suite import Failure


class Reply:
    def __init__(self, what, status, headers, body):
        self.what, self.status, self.headers, self.body = what, status, headers, body

    @property
    def text(self):
        return self.body.decode("utf-8", "replace")

    @property
    def json(self):
        try:
            return json.loads(self.body)
        except ValueError as e:
            raise Failure(
                f"{self.what} answered {self.status} with a body that is not JSON: {self.text[:200]!r}") from e

    def header(self, name):
        return self.headers.get(name.lower())

    def __repr__(self):
        return f"{self.status} {self.text[:300]}"


class Client:
    """One connection a thread, reopened when the server closed it. `base` may change when the server restarts."""
    def __init__(self, base, timeout=30):
        self.base, self.timeout = base, timeout
        self.local = threading.local()

    def address(self):
        parts = urllib.parse.urlsplit(self.base)
        return parts.hostname, parts.port

    def _connection(self, fresh):
        here = self.local
        if fresh or getattr(here, "base", None) != self.base:
            old = getattr(here, "connection", None)
            if old:
                old.close()
            host, port = self.address()
            here.connection = http.client.HTTPConnection(host, port, timeout=self.timeout)
            here.base = self.base
            return here.connection, True
        return here.connection, here.connection.sock is None

    def close(self):
        if getattr(self.local, "connection", None):
            self.local.connection.close()
            self.local.base = None

    def request(self, method, path, body=None, headers=None, encoding=None):
        """body: bytes are sent as they are; anything else as JSON. encoding: gzip compresses it."""
        headers = dict(headers or {})
        if body is not None and not isinstance(body, bytes):
            body = json.dumps(body, ensure_ascii=False).encode()
            headers.setdefault("Content-Type", "application/json")
        if encoding == "gzip":
            body = gzip.compress(body)
            headers["Content-Encoding"] = "gzip"
        what = f"{method} {path if len(path) < 100 else path[:100] + '...'}"
        for attempt in (0, 1):
            connection, fresh = self._connection(attempt > 0)
            try:
                connection.request(method, path, body, headers)
                answer = connection.getresponse()
                data = answer.read()
                if answer.will_close:
                    connection.close()
                return Reply(what, answer.status, {k.lower(): v for k, v in answer.getheaders()}, data)
            except (http.client.RemoteDisconnected, ConnectionResetError, BrokenPipeError) as e:
                connection.close()
                # An idle connection that the server closed is no fault; a fresh one that breaks is.
                if fresh or attempt:
                    raise Failure(f"{what}: the server closed the connection without an answer ({e})") from e
            except Exception:
                connection.close()
                raise

    def get(self, path, headers=None):
        return self.request("GET", path, None, headers)

    def post(self, path, body=None, headers=None, **more):
        return self.request("POST", path, body, headers, **more)

    def raw(self, data, timeout=10, pieces=None):
        """Sends bytes as they are and gives back every byte until the server closes or falls silent."""
        with socket.create_connection(self.address(), timeout=timeout) as s:
            try:
                for piece in pieces or [data]:
                    s.sendall(piece)
            except (BrokenPipeError, ConnectionResetError):
                pass  # refused early; the answer may still be there
            got = b""
            try:
                while True:
                    piece = s.recv(65536)
                    if not piece:
                        break
                    got += piece
                    if complete(got):
                        break
            except (socket.timeout, ConnectionResetError):
                pass
            return got


def complete(got):
    """One whole reply with a Content-Length has arrived."""
    head, gap, body = got.partition(b"\r\n\r\n")
    if not gap:
        return False
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.strip().lower() == b"content-length":
            return len(body) >= int(value)
    return False


def parse_raw(got, what="raw request"):
    """The Reply in bytes that raw() gave."""
    head, _, body = got.partition(b"\r\n\r\n")
    lines = head.decode("latin-1").split("\r\n")
    parts = lines[0].split(" ", 2)
    if len(parts) < 2 or not parts[1].isdigit():
        raise Failure(f"{what}: the answer is no HTTP reply: {got[:120]!r}")
    headers = {}
    for line in lines[1:]:
        name, _, value = line.partition(":")
        headers[name.strip().lower()] = value.strip()
    return Reply(what, int(parts[1]), headers, body)


def quote(segment):
    return urllib.parse.quote(segment, safe="")


def query(**values):
    """A query string from the values that are not None."""
    return urllib.parse.urlencode({k: v for k, v in values.items() if v is not None})
