"""Every request of test/vectors/collisions.json is answered by the dialect it names.

The dialect shows in the header X-Tracewell-Dialect where the server sends it, else as `note` in the access log.
"""
import json
import os
import re
import time

from lib import projects
from lib.check import equal, true
from lib.http import Client
from lib.suite import Failure


def load(environment):
    with open(os.path.join(environment.test, "vectors", "collisions.json"), encoding="utf-8") as f:
        return json.load(f)


class Watch:
    """A server that logs each request, started once for the suite."""
    def __init__(self):
        self.server = self.client = None

    def start(self, environment):
        if self.server is None:
            self.server = environment.fresh_server(init=projects.INIT,
                                                   options=["--access-log=true", "--log-format=text"])
            environment.at_close.append(self.server.remove)
            self.server.start()
            self.client = Client(self.server.base)
        return self

    def dialect_of(self, request, id):
        body = request.get("body")
        data = None if body is None else json.dumps(body).encode()
        headers = {**request["headers"], "X-Request-ID": id}
        if data is None and request["method"] in ("POST", "PATCH", "PUT"):
            data = b""
        reply = self.client.request(request["method"], request["path"], data, headers)
        return reply, reply.header("x-tracewell-dialect") or self.note(id)

    def note(self, id):
        """The access log line of a request, by its id; it may come a moment after the answer."""
        until = time.monotonic() + 5
        while time.monotonic() < until:
            for line in reversed(self.server.log().splitlines()):
                if id in line:
                    match = re.search(r'"?note"?[=:]\s*"?([a-z]+)', line)
                    return match.group(1) if match else None
            time.sleep(0.01)
        raise Failure(f"the access log has no line with the request id {id}")


def judge(watch, number, request):
    reply, dialect = watch.dialect_of(request, f"collision-{number:03d}-end")
    credential = {k: v for k, v in request["headers"].items() if k.lower() != "content-type"}
    equal(dialect, request["dialect"], f"who answered {request['method']} {request['path']} with {credential}")
    true("html" not in (reply.header("content-type") or ""), f"{reply.what} answers HTML")
    true(
        reply.header("x-request-id") == f"collision-{number:03d}-end",
        f"{reply.what}: X-Request-ID is {reply.header('x-request-id')!r}")
    if request["dialect"] == "none":
        equal(reply.status, 404, f"status of {reply.what}")


def tests(environment):
    watch = Watch()
    for number, request in enumerate(load(environment), 1):
        path = re.sub(r"[^A-Za-z0-9/]+", "_", request["path"]).strip("/").replace("/", ".") or "root"
        name = f"collisions/{number:03d}-{request['method']}-{path[:60]}"
        yield name, lambda environment, number=number, request=request: judge(watch.start(environment), number,
                                                                              request)
    yield "collisions/server-stops-cleanly", lambda environment: watch.start(environment).server.stop()
