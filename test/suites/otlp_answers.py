"""What an exporter gets back over HTTP: exact bodies by encoding and by the path's owner, every alias of the paths, every carrier of a key,
every content encoding, sizes, both ports (otlp.md 1.1 to 1.4, 1.6; collisions.md 3).
"""
import base64
import gzip
import json
import zlib

from lib import otlp, projects
from lib.check import contains, equal, status, true
from lib.h2 import Grpc
from lib.http import Client, parse_raw
from lib.otlp import JSON, PROTOBUF, span
from lib.otlp_server import OtlpTests

tests = OtlpTests("otlp/answer")
ID = "0af7651916cd43dd8448eb211c80319c"
ONE = otlp.traces(span(ID, "b7ad6b7169203331", "one"))
BAD = {"good": span(ID, "b7ad6b7169203332"), "zero": span(ID, "0" * 16)}
PARTIAL = otlp.traces(BAD["good"], BAD["zero"], span(ID, "b7ad6b7169203333"))
EMPTY = {"traces": {"resourceSpans": []}, "logs": {"resourceLogs": []}, "metrics": {"resourceMetrics": []}}

# ---- the paths: (path, signal, owner) ----

LANGWATCH_BASES = ["/api/otel", "/api/collector", "/api/collector/api", "/api/collector/otel", "/api/collector/api/otel"]
PATHS = [(f"/v1/{s}", s, "otlp") for s in otlp.SIGNALS] + [(f"/api/v1/{s}", s, "otlp") for s in otlp.SIGNALS]
PATHS += [("/api/api/v1/traces", "traces", "otlp"), ("/v1/traces/v1/logs", "logs", "otlp"), ("/v1/logs/v1/traces", "traces", "otlp"),
          ("/api/trace/v1/logs", "logs", "otlp"), ("/api/public/v1/traces", "traces", "otlp")]
PATHS += [(f"{base}/v1/{s}", s, "langwatch") for base in LANGWATCH_BASES for s in otlp.SIGNALS]
PATHS += [("/api/otel/v1/traces/v1/logs", "logs", "langwatch"), ("/api/otel/v1/logs/v1/traces", "traces", "langwatch"),
          ("/api/collector/api/otel/v1/traces/v1/traces", "traces", "langwatch")]
PATHS += [(f"/api/public/otel/v1/{s}", s, "langfuse") for s in otlp.SIGNALS]
PATHS += [("/api/public/otel", "traces", "langfuse"), ("/api/public/otel/v1/traces/v1/traces", "traces", "langfuse"),
          ("/api/public/otel/v1/traces/v1/metrics", "metrics", "langfuse")]
PATHS += [("/api/trace", "traces", "langtrace"), ("/api/trace/v1/traces", "traces", "langtrace")]
SPELLINGS = [lambda p: p, lambda p: p + "/", lambda p: "/" + p, lambda p: p.replace("/", "//"), lambda p: p.replace("/v1", "//v1") + "/"]

# JSON bodies of a full success, by owner (1.1); logs and metrics of all: nothing to say.
SUCCESS = {
    "otlp": {}, "langfuse": {}, "langwatch": {"message": "Trace received successfully.", "partialSuccess": {"rejectedSpans": 0, "errorMessage": ""}},
    "langtrace": {"status": 200, "message": "Traces added successfully"}
}


def not_html(reply):
    true("html" not in (reply.header("content-type") or "").lower() and "<html" not in reply.text.lower(), f"{reply.what} answers HTML")
    true(reply.status not in (301, 302, 303, 307, 308), f"{reply.what} redirects to {reply.header('location')}")
    return reply


def same(got, want, what):
    """JSON answers: what the contract names; numbers of 64 bits may be text."""
    got = json.loads(json.dumps(got))
    if isinstance(got.get("partialSuccess"), dict) and "rejectedSpans" in got["partialSuccess"]:
        got["partialSuccess"]["rejectedSpans"] = int(got["partialSuccess"]["rejectedSpans"])
    equal(got, want, what)


def path_case(p, path, signal, owner):
    request = ONE if signal == "traces" else EMPTY[signal]
    for spell in SPELLINGS:
        reply = not_html(otlp.post(p, request, spell(path), signal=signal))
        status(reply, 200)
        equal((reply.header("content-type") or "").split(";")[0], JSON, f"{reply.what}: content type of the answer")
        if signal == "traces":
            same(reply.json, SUCCESS[owner], reply.what)
        else:
            contains(reply.json, {}, reply.what)
        reply = not_html(otlp.post(p, request, spell(path), as_json=False, signal=signal))
        equal((status(reply, 200).header("content-type") or "").split(";")[0], PROTOBUF, f"{reply.what}: content type of the answer")
        equal(reply.body, b"", f"{reply.what}: a full success is no byte")
    if signal == "traces":
        equal(p.lw.ids(), [ID], "traces after all spellings")
        equal(len(p.lw.trace(ID)["spans"]), 1, "spans after all spellings")
    # An error on the same path is the owner's, and no HTML either.
    reply = not_html(otlp.post(p, b"\xff\xff\xff", path, as_json=False, signal=signal))
    status(reply, 400)


for path, signal, owner in PATHS:
    tests.add("path-" + path.strip("/").replace("/", "."), lambda p, case=(path, signal, owner): path_case(p, *case))


@tests("a-get-is-never-a-page")
def get(p):
    for path in {path for path, _, _ in PATHS}:
        for method in ("GET", "PUT", "DELETE"):
            if path in ("/api/public/v1/traces", "/v1/traces") or method == "GET" and path in ("/api/otel", ):
                continue
            reply = not_html(p.client.request(method, path, None, {"Authorization": f"Bearer {p.langwatch_key}"}))
            true(reply.status in (200, 400, 401, 404, 405), f"{reply.what} answers {reply.status}")


@tests("profiles-are-not-taken")
def profiles(p):
    reply = not_html(otlp.post(p, {"resourceProfiles": []}, "/v1development/profiles"))
    status(reply, 404)


# ---- partial success and errors, byte for byte ----


def rejected(reply, count, *words):
    partial = reply.json["partialSuccess"]
    equal(int(partial["rejectedSpans"]), count, f"{reply.what}: rejected spans")
    for word in words:
        true(word in partial["errorMessage"], f"{reply.what}: the message {partial['errorMessage']!r} should name {word!r}")


@tests("e-one-bad-span-among-three")
def partial(p):
    for path, _, owner in PATHS:
        if path not in ("/v1/traces", "/api/otel/v1/traces", "/api/public/otel/v1/traces"):
            continue
        reply = status(otlp.post(p, PARTIAL, path), 200)
        rejected(reply, 1, "spans[1]", "spanId")
        reply = status(otlp.post(p, PARTIAL, path, as_json=False), 200)
        answer = otlp.decode("TraceResponse", reply.body)
        equal(answer["partialSuccess"]["rejectedSpans"], "1", f"{path}: rejected in protobuf")
        true("spans[1]" in answer["partialSuccess"]["errorMessage"], f"{path}: the place is named: {answer}")
        message = answer["partialSuccess"]["errorMessage"]
        want = otlp.field(1, 2, otlp.field(1, 0, b"\1") + otlp.field(2, 2, message.encode()))
        equal(reply.body.hex(), want.hex(), "bytes of the partial success (1.6)")
    equal(sorted(s["span_id"] for s in p.lw.trace(ID)["spans"]), ["b7ad6b7169203332", "b7ad6b7169203333"], "the good spans are stored")
    reply = status(otlp.post(p, PARTIAL, "/api/trace"), 200)
    equal(reply.json["rejected"], 1, "Langtrace's own count")


@tests("errors-in-the-requests-encoding")
def errors(p):
    bad_proto, bad_json = b"\x0a\x80", b'{"resourceSpans": [}'
    reply = not_html(status(otlp.post(p, bad_proto, as_json=False), 400))
    equal(reply.header("content-type"), PROTOBUF, "content type of a protobuf error")
    answer = otlp.decode("RpcStatus", reply.body)
    equal(answer["code"], 3, "code")
    true("byte" in answer["message"] or "offset" in answer["message"], f"the place is named: {answer['message']}")
    equal(reply.body.hex(), (otlp.field(1, 0, b"\3") + otlp.field(2, 2, answer["message"].encode())).hex(), "bytes of the Status")
    reply = not_html(status(otlp.post(p, bad_json), 400))
    contains(reply.json, {"code": 3, "message": lambda m: "line 1" in m}, "JSON error on the plain path")
    for path, keys in (("/api/otel/v1/traces", ["error"]), ("/api/public/otel/v1/traces", ["error"]), ("/api/trace", ["message", "error"])):
        reply = not_html(status(otlp.post(p, bad_json, path), 400))
        for key in keys:
            true(isinstance(reply.json.get(key), str) and reply.json[key], f"{reply.what}: {key} is missing: {reply.text}")
        reply = not_html(status(otlp.post(p, bad_proto, path, as_json=False), 400))
    equal(p.lw.ids(), [], "traces")


@tests("f-logs-on-the-traces-path")
def misplaced(p):
    body = otlp.logs(otlp.log(ID, "b7ad6b7169203331", "gen_ai.user.message", {"content": "x"}))
    for reply in (otlp.post(p, otlp.encode("LogsRequest", body), as_json=False), otlp.post(p, otlp.encode("LogsRequest", body), "/api/otel/v1/traces", as_json=False)):
        status(reply, 400)
        true(b"logs" in reply.body, f"{reply.what}: the likely cause is named: {reply.text}")
    reply = status(otlp.post(p, body), 400)
    true("/v1/logs" in reply.json["message"], f"the right path is named: {reply.text}")
    equal(p.lw.ids(), [], "traces")


@tests("every-span-bad")
def all_bad(p):
    for as_json in (True, False):
        reply = status(otlp.post(p, otlp.traces(BAD["zero"], BAD["zero"]), as_json=as_json), 400)
        true(b"spans[0]" in reply.body and b"2 spans" in reply.body, f"{reply.what}: {reply.text}")
    equal(p.lw.ids(), [], "traces")


@tests("empty-exports")
def nothing(p):
    for path, signal, owner in PATHS:
        if path.count("/v1/") > 1 or "public/v1" in path:
            continue
        reply = not_html(status(otlp.post(p, b"", path, as_json=False, signal=signal), 200))
        equal(reply.body, b"", f"{path}: protobuf answer to nothing")
        for body in (EMPTY[signal], {}):
            reply = not_html(status(otlp.post(p, body, path, signal=signal), 200))
    reply = status(otlp.post(p, {"resourceSpans": []}, "/api/otel/v1/traces"), 200)
    equal(reply.json["message"], "No traces to process", "LangWatch's answer to nothing")
    equal(p.lw.ids(), [], "traces")


# ---- body forms ----


@tests("wrong-labels")
def labels(p):
    proto, text = otlp.encode("TraceRequest", ONE), json.dumps(ONE).encode()
    key = {"Authorization": f"Bearer {p.langwatch_key}"}
    for path in ("/v1/traces", "/api/otel/v1/traces", "/api/public/otel/v1/traces", "/api/trace"):
        for label in ("application/json; charset=utf-8", "Application/JSON", "application/x-protobuf", "application/protobuf",
                      "APPLICATION/X-PROTOBUF; a=b", "text/plain", "application/octet-stream", None):
            for body in (proto, text, b"\n \t" + text):
                headers = {**key, **({"Content-Type": label} if label else {})}
                status(not_html(p.client.request("POST", path, body, headers)), 200)
    equal(len(p.lw.trace(ID)["spans"]), 1, "spans")


@tests("neither-by-label-nor-by-content")
def neither(p):
    key = {"Authorization": f"Bearer {p.langwatch_key}"}
    for path, want in (("/v1/traces", 415), ("/api/otel/v1/traces", 400), ("/api/public/otel/v1/traces", 400), ("/api/trace", 400)):
        for label in ("text/plain", None):
            headers = {**key, **({"Content-Type": label} if label else {})}
            status(not_html(p.client.request("POST", path, b"\xff\xfe not an export", headers)), want)


@tests("content-encodings")
def encodings(p):
    text = json.dumps(ONE).encode()
    raw = zlib.compressobj(wbits=-15)
    forms = {"gzip": gzip.compress(text), "deflate": zlib.compress(text), "identity": text, "GZIP": gzip.compress(text),
             "x-gzip": gzip.compress(text)}
    for path in ("/v1/traces", "/api/otel/v1/traces", "/api/public/otel/v1/traces", "/api/trace"):
        for name, body in forms.items():
            headers = {"Content-Encoding": name, "Content-Type": JSON, "Authorization": f"Bearer {p.langwatch_key}"}
            reply = not_html(p.client.request("POST", path, body, headers))
            if name != "x-gzip":
                status(reply, 200)
        for name in ("br", "compress", "gzip, br", "nonsense"):
            headers = {"Content-Encoding": name, "Content-Type": JSON, "Authorization": f"Bearer {p.langwatch_key}"}
            reply = not_html(p.client.request("POST", path, text, headers))
            status(reply, 415 if path == "/v1/traces" else 400)
            true(name.split(", ")[-1] in reply.text, f"{path}: the encoding {name} is named: {reply.text}")
        for body in (b"not gzip at all", gzip.compress(text)[:-9], gzip.compress(text) + b"tail", b""):
            headers = {"Content-Encoding": "gzip", "Content-Type": JSON, "Authorization": f"Bearer {p.langwatch_key}"}
            reply = not_html(p.client.request("POST", path, body, headers))
            true(reply.status in (200, 400), f"{path}: a broken gzip body answers {reply.status}")
    raw.compress(text)
    equal(len(p.lw.trace(ID)["spans"]), 1, "spans")


@tests("zstd")
def zstd(p):
    """A frame of raw blocks, so that no library is needed: magic, a single segment with its size, one raw block."""
    text = json.dumps(ONE).encode()
    frame = b"\x28\xb5\x2f\xfd" + bytes([0x60]) + (len(text) - 256).to_bytes(2, "little") + (len(text) << 3 | 1).to_bytes(3, "little") + text
    headers = {"Content-Encoding": "zstd", "Content-Type": JSON, "Authorization": f"Bearer {p.langwatch_key}"}
    for path in ("/v1/traces", "/api/otel/v1/traces"):
        status(p.client.request("POST", path, frame, headers), 200)
    equal(p.lw.ids(), [ID], "traces")


@tests("chunked")
def chunked(p):
    body = json.dumps(ONE).encode()
    head = f"POST /v1/traces HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {p.langwatch_key}\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\nConnection: close\r\n\r\n"
    chunks = b"".join(b"%x\r\n%s\r\n" % (len(body[i:i + 50]), body[i:i + 50]) for i in range(0, len(body), 50)) + b"0\r\n\r\n"
    status(parse_raw(p.client.raw(head.encode() + chunks), "chunked export"), 200)
    equal(p.lw.ids(), [ID], "traces")


@tests("too-large")
def too_large(p):
    limit = 64 << 20
    key = f"Authorization: Bearer {p.langwatch_key}"
    for path in ("/v1/traces", "/api/otel/v1/traces", "/api/public/otel/v1/traces", "/api/trace"):
        head = f"POST {path} HTTP/1.1\r\nHost: x\r\n{key}\r\nContent-Type: application/x-protobuf\r\nContent-Length: {limit + 1}\r\n\r\n"
        reply = not_html(parse_raw(p.client.raw(head.encode(), timeout=5), f"POST {path}, one byte too many"))
        status(reply, 413)


def bomb(fill, size):
    """gzip of `size` equal bytes, made in pieces."""
    packer, out, piece = zlib.compressobj(9, zlib.DEFLATED, 31), b"", fill * (1 << 20)
    for _ in range(size >> 20):
        out += packer.compress(piece)
    return out + packer.flush()


@tests("g-a-gzip-bomb")
def gzip_bomb(p):
    body = bomb(b" ", 256 << 20)
    for path in ("/v1/traces", "/api/otel/v1/traces", "/api/public/otel/v1/traces", "/api/trace"):
        headers = {"Content-Encoding": "gzip", "Content-Type": JSON, "Authorization": f"Bearer {p.langwatch_key}"}
        status(not_html(p.client.request("POST", path, body, headers)), 413)
    status(p.client.get("/readyz"), 200)


@tests("invalid-utf-8-in-json")
def utf8(p):
    body = json.dumps(otlp.traces(span(ID, "b7ad6b7169203331", "name-@@"))).encode().replace(b"@@", b"\xff")
    status(otlp.post(p, body), 200)
    equal(p.lw.trace(ID)["spans"][0]["name"], "name-\ufffd", "name with a byte that is not UTF-8")


# ---- keys ----


def basic(user, password):
    return {"Authorization": "Basic " + base64.b64encode(f"{user}:{password}".encode()).decode()}


def carriers(p):
    return {
        "bearer-langwatch": {"Authorization": f"Bearer {p.langwatch_key}"}, "bearer-lower-case": {"authorization": f"bearer {p.langwatch_key}"},
        "bearer-lunary-private": {"Authorization": f"Bearer {p.private}"}, "bearer-lunary-public": {"Authorization": f"Bearer {p.public}"},
        "bearer-tracewell": {"Authorization": f"Bearer {p.keys['tracewell']}"}, "x-auth-token": {"X-Auth-Token": p.langwatch_key},
        "x-api-key": {"x-api-key": p.private}, "basic-project-token": basic(p.id, p.langwatch_key),
        "lunary-project-key": {"lunary-project-key": p.public},
        "bearer-and-x-auth-token": {"Authorization": f"Bearer {p.langwatch_key}", "X-Auth-Token": p.langwatch_key},
        "malformed-basic-then-x-auth-token": {"Authorization": "Basic !!!", "X-Auth-Token": p.langwatch_key}
    }


@tests("every-carrier-of-a-key")
def every_carrier(p):
    for i, (name, headers) in enumerate(carriers(p).items()):
        for path in ("/v1/traces", "/api/otel/v1/traces", "/api/public/otel/v1/traces", "/api/trace"):
            id = f"{i + 1:032x}"
            reply = otlp.post(p, otlp.traces(span(id, "b7ad6b7169203331", name)), path, headers=headers)
            true(reply.status == 200, f"{name} on {path}: {reply}")
        equal(p.lw.trace(id)["spans"][0]["name"], name, f"stored with the key in {name}")


@tests("langfuse-and-langtrace-keys")
def other_products(p):
    demo = projects.demo(p.client)
    for i, headers in enumerate((basic("pk-lf-demo", "sk-lf-demo"), {"x-api-key": "lt-demo"}, {"Authorization": "Bearer pk-lf-demo"},
                                 {"Authorization": "Bearer sk-at-demo"}, {"x-api-key": "sk-at-demo"})):
        id = f"{0xabc000 + i:032x}"
        reply = otlp.post(p, otlp.traces(span(id, "b7ad6b7169203331", f"key {i}")), headers=headers)
        if "pk-lf-demo" in str(headers):  # a public half opens scores only
            status(reply, 401, 403)
            continue
        status(reply, 200)
        equal(demo.lw.trace(id)["spans"][0]["name"], f"key {i}", f"stored with {headers}")


@tests("no-key-and-wrong-keys")
def refused(p):
    wrong = [{}, {"Authorization": "Bearer nonsense"}, {"Authorization": "Bearer sk-lw-wrong"}, basic("pk-lf-demo", "sk-lf-wrong"),
             basic("pk-lf-other", "sk-lf-demo"), {"X-Auth-Token": "x"}, {"x-api-key": "44444444-4444-4444-8444-444444444444"},
             {"Authorization": "Basic !!!"}, {"lunary-project-key": "44444444-4444-4444-8444-444444444444"}, {"Authorization": "Bearer " + "x" * 5000},
             {"Authorization": "Bearer wrong", "X-Auth-Token": p.langwatch_key}]
    for path in ("/v1/traces", "/v1/logs", "/v1/metrics", "/api/otel/v1/traces", "/api/public/otel/v1/traces", "/api/trace"):
        signal = path.rsplit("/", 1)[-1] if "v1" in path else "traces"
        for headers in wrong:
            for as_json in (True, False):
                reply = not_html(otlp.post(p, ONE if signal == "traces" else EMPTY[signal], path, as_json=as_json, headers=headers, signal=signal))
                status(reply, 401)
                true("Bearer" in (reply.header("www-authenticate") or ""), f"{reply.what}: WWW-Authenticate")
                if "json" in reply.header("content-type"):
                    true(isinstance(reply.json.get("message"), str) and reply.json["message"], f"{reply.what}: {reply.text}")
                else:
                    equal(otlp.decode("RpcStatus", reply.body)["code"], 16, f"{reply.what}: code of a 401")
        if path == "/v1/traces":
            reply = otlp.post(p, ONE, path, as_json=False, headers={})
            equal(otlp.decode("RpcStatus", reply.body)["code"], 16, "a protobuf request gets a protobuf Status on the plain path")
            equal(otlp.post(p, ONE, path, headers={}).json["code"], 16, "a JSON request a JSON one")
        if path == "/api/trace":
            true("Invalid API key" in otlp.post(p, ONE, path, headers={}).text, "Langtrace's words")
    equal(p.lw.ids(), [], "traces")


@tests("the-session-header")
def session_header(p):
    headers = {"Authorization": f"Bearer {p.langwatch_key}", "x-langtrace-session-id": "of-the-header"}
    other = "1af7651916cd43dd8448eb211c80319c"
    otlp.post(p, otlp.traces(span(ID, "b7ad6b7169203331")), headers=headers)
    otlp.post(p, otlp.traces(span(other, "b7ad6b7169203331", a={"session.id": "own"})), headers=headers)
    equal(p.lw.trace(ID)["metadata"]["thread_id"], "of-the-header", "session of a span that names none")
    equal(p.lw.trace(other)["metadata"]["thread_id"], "own", "session of a span that names one")


@tests("langfuse-ingestion-version")
def version(p):
    for value, want in (("4", 200), ("1", 200), ("5", 400), ("x", 400), ("", 200)):
        headers = {"Authorization": f"Bearer {p.langwatch_key}", **({"x-langfuse-ingestion-version": value} if value else {})}
        status(otlp.post(p, ONE, "/api/public/otel/v1/traces", headers=headers), want)


# ---- the other port, and overload ----


@tests("port-4318")
def other_port(p):
    own = type("OnPort", (), {"client": p.otlp_http, "langwatch_key": p.langwatch_key})
    for path, signal, owner in PATHS:
        for as_json in (True, False):
            reply = not_html(otlp.post(own, ONE if signal == "traces" else EMPTY[signal], path, as_json=as_json, signal=signal))
            status(reply, 200)
            if as_json and signal == "traces":
                equal(reply.json, {}, f"{path} on the OTLP port: the answer is always OTLP's own")
    status(otlp.post(own, {"resourceSpans": "x"}, "/v1/traces"), 400)
    status(otlp.post(own, {"name": "no export"}, "/v1/traces"), 400)
    equal(status(otlp.post(own, {}, "/v1/traces"), 200).json, {}, "an empty export")
    for path in ("/api/trace/search", "/v1/runs", "/", "/readyz", "/metrics", "/api/collector"):
        reply = not_html(own.client.request("POST", path, b"{}", {"Authorization": f"Bearer {p.langwatch_key}"}))
        status(reply, 404, 405)
    status(otlp.post(own, ONE, headers={}), 401)
    equal(p.lw.ids(), [ID], "traces")


def full(environment):
    """Bodies in flight together have a bound; beyond it 503 with Retry-After and, in protobuf, RetryInfo."""
    with environment.fresh_server(options=["--http-inflight-bytes=1MiB"]) as server:
        p = projects.scratch(Client(server.base), 0)
        for as_json in (True, False):
            reply = otlp.post(p, otlp.traces(span(ID, "b7ad6b7169203331", "x" * (2 << 20))), as_json=as_json)
            status(reply, 503)
            true(int(reply.header("retry-after") or 0) >= 1, f"Retry-After: {reply.headers}")
            if as_json:
                equal(reply.json["code"], 14, "code")
                continue
            answer = otlp.decode("RpcStatus", reply.body)
            equal((answer["code"], answer["details"][0]["typeUrl"]), (14, "type.googleapis.com/google.rpc.RetryInfo"), "Status of a 503")
            delay = otlp.decode("RetryInfo", base64.b64decode(answer["details"][0]["value"]))
            true(int(delay["retryDelay"]["seconds"]) >= 1, f"RetryInfo: {delay}")
        with Grpc(("127.0.0.1", server.grpc_port)) as c:
            reply = c.export(otlp.traces(span(ID, "b7ad6b7169203331", "x" * (2 << 20))), p.langwatch_key)
            equal((reply.status, reply.details["details"][0]["typeUrl"]), (14, "type.googleapis.com/google.rpc.RetryInfo"), "gRPC beyond the bound")
        equal(p.lw.ids(), [], "traces of exports that were put off")
        status(otlp.post(p, ONE), 200)
        server.stop()


tests.all.append(("otlp/answer-full-is-503", full))
