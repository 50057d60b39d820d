"""Recordings that hold OpenTelemetry exports, over HTTP as JSON and protobuf and over gRPC: sent in order as they were recorded, read back
through LangWatch and Lunary with what lib/model_otlp.py makes of each span, and sent once more.

Calls of the same recordings that are no exports go the way of suites/replay.py; `replay/FOLDER REST` in waiting.md holds them back.
"""
import base64
import gzip
import json
import os

from lib import otlp
from lib.check import equal, status, true
from lib.h2 import Grpc, message_frame
from lib.otlp_views import check_langwatch, check_lunary

EXPORT = ("/v1/traces", "/v1/logs", "/v1/metrics", "Service/Export")
HOP = ("content-length", "host", "connection", "transfer-encoding", "accept-encoding", "te")
TOKENS = ("otlp-fixture-key-0001", "phx-fixture-key-0001", "tl-fixture-key-0001", "lt-fixture-key-0001")
LANGFUSE = "Basic " + base64.b64encode(b"pk-lf-fixture-0001:sk-lf-fixture-0001").decode()


def is_export(request):
    return request["path"].split("?")[0].endswith(EXPORT)


def holds_exports(recording):
    return any(map(is_export, recording["requests"]))


def signal_of(request):
    words = {"/v1/logs": "logs", "logs.v1": "logs", "/v1/metrics": "metrics", "metrics.v1": "metrics"}
    return next((s for word, s in words.items() if word in request["path"]), "traces")


def refused(request):
    """The recording's stand-in refused the key of this one; so must the server."""
    return request["response"].get("status") == 401 or request["response"].get("grpcStatus") == 16


class Exports:
    """What a Scenario of suites/replay.py needs for its exports; mixed into it."""
    def bytes_of(self, request):
        if "bodyFile" not in request:
            return None
        with open(os.path.join(self.root, self.folder, request["bodyFile"]), "rb") as f:
            return f.read()

    def headers_of(self, request):
        p, made = self.project, {}
        for name, value in request["headers"].items():
            if name in HOP or name.startswith(":"):
                continue
            for token in TOKENS:
                value = value.replace(token, p.keys["langtrace" if token.startswith("lt-") else "tracewell"])
            if value == LANGFUSE:
                value = "Basic " + base64.b64encode(f"{p.id}:{p.langwatch_key}".encode()).decode()
            made[name] = self.substitute(value)
        return made

    def export(self, request):
        headers, body = self.headers_of(request), self.bytes_of(request)
        if request["path"].startswith("/opentelemetry."):
            return self.call(request, headers, body)
        if body is None:
            body = self.substitute(json.dumps(request["body"], ensure_ascii=False)).encode()
        if request.get("contentEncoding") == "gzip":
            body = gzip.compress(body)
        return self.project.client.request(request["method"], request["path"], body, headers)

    def call(self, request, headers, body):
        """A gRPC call; one connection a scenario, as the recorded client had."""
        if getattr(self, "connection", None) is None or self.connection.closed:
            self.connection = Grpc(("127.0.0.1", self.server.grpc_port))
        squeeze = headers.get("grpc-encoding") == "gzip"
        base = [("content-type", headers.pop("content-type")), ("te", "trailers")]
        stream = self.connection.start(path=request["path"], headers=list(headers.items()), base=base)
        self.connection.write(stream, message_frame(body, squeeze))
        return self.connection.finish(stream, signal_of(request), f"gRPC {request['path'][-40:]}")

    def judge_export(self, request, reply):
        grpc, signal = hasattr(reply, "only_trailers"), signal_of(request)
        if refused(request):
            equal(reply.status, 16 if grpc else 401, f"{reply.what}: status with a key that is not known")
            return
        if grpc:
            equal(reply.status, 0, f"grpc-status of {reply.what} ({reply.text})")
        else:
            status(reply, 200)
        if signal != "traces":
            return  # what is dropped is counted in the answer
        if grpc or "protobuf" in request["headers"].get("content-type", ""):
            equal(reply.message if grpc else reply.body, b"", f"{reply.what}: protobuf answer when every span is taken")
        else:
            partial = reply.json.get("partialSuccess") or {}
            equal(int(partial.get("rejectedSpans") or 0), 0, f"{reply.what}: rejected spans, says {partial.get('errorMessage')}")

    def requests_of(self, signal):
        """Accepted exports of one signal as OTLP JSON."""
        found = []
        for request in self.requests:
            if is_export(request) and not refused(request) and signal_of(request) == signal:
                body = self.bytes_of(request)
                found.append(request["body"] if body is None else otlp.decode(otlp.SIGNALS[signal][0], body))
        return found

    # ---- what Scenario calls ----

    def send(self, request):
        return self.export(request) if is_export(request) else super().send(request)

    def judge(self, request, reply):
        if is_export(request):
            self.judge_export(request, reply)
        else:
            true("html" not in (reply.header("content-type") or ""), f"{reply.what} answers HTML")
            super().judge(request, reply)

    def sent(self, environment):
        self.server = environment.shared()
        super().sent(environment)

    def read_langwatch(self, environment):
        self.ready()
        check_langwatch(self.project, self.requests_of("traces"), self.requests_of("logs"))
        self.desk.read_langwatch(self.project)

    def read_lunary(self, environment):
        self.ready()
        check_lunary(self.project, self.requests_of("traces"), self.requests_of("logs"))
        self.desk.read_lunary(self.project)

    def judge_again(self, request, reply):
        if is_export(request):
            self.judge_export(request, reply)
        else:
            super().judge_again(request, reply)
