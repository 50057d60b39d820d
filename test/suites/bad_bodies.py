"""Bodies that are no JSON, too large, too deep, or not text: the same for every door."""
import gzip
import json
import re

from lib.bad import T, BadTests, doors, empty, refused, send, shaped
from lib.check import equal, says, status, true
from lib.langwatch import by_id, span
from lib.lunary import start

tests = BadTests("bad/body")
TIMES = b'"timestamps":{"started_at":1790000000000,"finished_at":1790000000001}'


@tests("not-json-with-line-and-column")
def not_json(p):
    for door in doors(p):
        good = json.dumps(door[4])
        for wrong, line, column in ((b"{", 1, 2), (b'{"a":\n  nope}', 2, 3), (good.encode() + b"\n\n  trailing", 3,
                                                                              3), (b"", None, None),
                                    (b"[1,2", 1, None), (b"{'a':1}", 1, 2), (b"NaN", 1, None)):
            reply = refused(p, door, wrong, 400)
            if line and not fixed_text(door):
                where = re.search(r"line (\d+)[^\d]+column (\d+)", reply.text)
                true(where,
                     f"{door[2]} with {wrong[:20]!r}: the error should name line and column: {reply.text[:200]}")
                equal(int(where.group(1)), line, f"line in {reply.text[:120]!r}")
                if column:
                    true(
                        abs(int(where.group(2)) - column) <= 1,
                        f"{door[2]} with {wrong[:20]!r}: the column should be {column}: {reply.text[:200]}")
    empty(p)


def fixed_text(door):
    """The contract gives the whole body of this door's answer to bad JSON."""
    return door[2] in ("/api/collector", "/api/trace/search", "/api/track_event", "/api/evaluations/batch/log_results")


@tests("json-of-another-kind")
def other_kind(p):
    for door in doors(p):
        for wrong in (b"null", b"5", b'"text"', b"true"):
            refused(p, door, wrong, 400, 422)
    for body in (b"null", b"[]", b"[1]"):
        equal(
            refused(p,
                    doors(p)[0], body, 400).json, {"message": "Invalid body, expecting json"},
            f"the collector with {body}")
    empty(p)


@tests("invalid-utf-8-and-nul")
def utf8(p):
    for door in doors(p):
        good = json.dumps(door[4])[:-1]
        more = good + (", " if len(good) > 1 else "")
        for bytes_ in (b"\xff", b"\xc3", b"\xed\xa0\x80", b"\xf8\x88\x80\x80\x80", b"\x00", b"\xc0\x80"):
            refused(p, door, more.encode() + b'"k":"a' + bytes_ + b'b"}', 400)
        refused(p, door, b"\x00" * 100, 400)
    empty(p)


@tests("escaped-nul-and-lone-surrogates")
def escapes(p):
    body = b'{"trace_id":"t","spans":[{"span_id":"s","type":"span","name":"a\\u0000b",' \
           b'"input":{"type":"text","value":"x\\ud83dy\\udc00"},' + TIMES + b'}]}'
    status(send(p, doors(p)[0], body), 200)
    got = p.lw.trace("t")["spans"][0]
    equal(got["name"], "a\0b", "an escaped NUL is kept")
    equal(got["input"]["value"], "x\ufffdy\ufffd", "lone surrogates become U+FFFD")


@tests("body-over-the-limit")
def too_large(p):
    mib = 1 << 20
    limits = {
        "/api/collector": 10, "/api/trace/search": 10, "/api/report": 20, "/v1/runs/ingest": 20, "/v1/templates": 10,
        "/api/track_event": 10, "/api/prompts": 10, "/api/evaluations/batch/log_results": 20
    }
    for door in doors(p):
        if door[2] not in limits:
            continue
        body = json.dumps({**door[4], "padding": "x" * (limits[door[2]] * mib)}).encode()
        reply = refused(p, door, body, 413)
        if door[2] == "/api/collector":
            equal(reply.text, "Payload Too Large", "text of the collector's 413")
        if door[2] not in ("/api/collector", "/api/report"):
            continue  # draining what was announced takes 2 s each time
        head = {"Host": "x", "Content-Type": "application/json", "Content-Length": limits[door[2]] * mib + 1000, **door[3]}
        declared = f"POST {door[2]} HTTP/1.1\r\n" + "".join(f"{k}: {v}\r\n" for k, v in head.items()) + "\r\n"
        got = p.client.raw(declared.encode() + b"{", timeout=6)
        true(got.startswith(b"HTTP/1.1 413"),
             f"{door[2]}: a length over the limit is refused before the body has come: {got[:60]!r}")
    empty(p)


@tests("body-at-the-limit-is-stored")
def at_limit(p):
    text = "ä" * (4 << 20)
    p.lw.collect({"trace_id": "t", "spans": [span("s", T, input={"type": "text", "value": text})]})
    equal(len(by_id(p.lw.trace("t"))["s"]["input"]["value"]), len(text), "length of an 8 MiB input")
    text = "x" * (19 << 20)
    p.lunary.report([{**start("r", T), "input": text}])
    equal(p.lunary.run("r")["input"] == text, True, "a 19 MiB input comes back whole")


@tests("gzip")
def gzip_bodies(p):
    for door in doors(p)[:2] + doors(p)[5:7]:
        body = json.dumps(door[4]).encode()
        status(send(p, door, gzip.compress(body), **{"Content-Encoding": "gzip"}), 200)
        for broken in (b"no gzip at all", gzip.compress(body)[:-9], gzip.compress(body)[:20],
                       gzip.compress(body)[:-8] + b"\0" * 8):
            refused(p, door, broken, 400, **{"Content-Encoding": "gzip"})
        refused(p, door, body, 400, 415, **{"Content-Encoding": "snappy"})


@tests("gzip-bomb")
def bomb(p):
    zeros = gzip.compress(b'{"spans":"' + b"0" * (300 << 20), 9)
    twice = gzip.compress(zeros)
    for door in doors(p):
        refused(p, door, zeros, 413, **{"Content-Encoding": "gzip"})
        refused(p, door, twice, 400, **{"Content-Encoding": "gzip"})
    empty(p)


@tests("nesting-of-100000")
def nesting(p):
    for opening, closing in ((b"[", b"]"), (b'{"a":', b"}")):
        deep = opening * 100_000 + b"1" + closing * 100_000
        for door in doors(p):
            reply = refused(p, door, deep, 400)
            if not fixed_text(door):
                true("512" in reply.text or "deep" in reply.text or "nest" in reply.text,
                     f"{door[2]}: the error should speak of the depth: {reply.text[:200]}")
            refused(p, door, opening * 100_000, 400)
    deep = b"[" * 100_000 + b"]" * 100_000
    body = b'{"trace_id":"t","spans":[{"span_id":"s","type":"span","input":{"type":"json","value":' + deep + b'},' + TIMES + b'}]}'
    refused(p, doors(p)[0], body, 400)
    empty(p)
    value = 1
    for _ in range(400):
        value = [value]
    p.lw.collect({"trace_id": "deep", "spans": [span("s", T, input={"type": "json", "value": value})]})
    equal(p.lw.trace("deep")["spans"][0]["input"]["value"] == value, True, "400 levels come back")


@tests("huge-numbers")
def numbers(p):
    big = b'{"trace_id":"t","spans":[{"span_id":"s","type":"span","params":{"a":123456789012345678901234567890,' \
          b'"b":1e400,"c":-0.0,"d":1.7976931348623157e308,"e":0.1234567890123456789},' + TIMES + b'}]}'
    reply = send(p, doors(p)[0], big)
    status(reply, 200)
    text = p.lw.call("GET", "/api/trace/t").text
    for number in ("123456789012345678901234567890", "1e400", "0.1234567890123456789"):
        true(number in text or number.upper() in text, f"{number} comes back as it was sent: {text[:400]}")
    for field, bad in (("started_at", "99999999999999999999999"), ("started_at", "1e400"), ("started_at", "-1"),
                       ("finished_at", "18446744073709551616")):
        times = {"started_at": "1790000000000", "finished_at": "1790000000001", field: bad}
        body = '{"trace_id":"u","spans":[{"span_id":"s","type":"span","timestamps":{%s}}]}' % ",".join(
            f'"{k}":{v}' for k, v in times.items())
        shaped("langwatch", status(send(p, doors(p)[0], body.encode()), 400))
    status(p.lw.call("GET", "/api/trace/u"), 404)
    body = '{"events":[{"type":"llm","event":"end","runId":"r","app":"%s","timestamp":1790000000000,' \
           '"tokensUsage":{"prompt":99999999999999999999999,"completion":1e400}}]}'
    status(p.client.post("/api/report", (body % p.public).encode()), 200)
    status(p.lunary.call("GET", "/v1/runs/r"), 200, 404)


@tests("100000-attributes")
def attributes(p):
    many = {f"key{i}": i for i in range(100_000)}
    p.lw.collect({"trace_id": "t", "spans": [span("s", T, params=many)], "metadata": many})
    got = p.lw.trace("t")
    equal(len(got["spans"][0]["params"]), 100_000, "params that come back")
    true(all(got["metadata"].get(k) == v for k, v in many.items()), "metadata that comes back")
    equal(p.lw.ids(filters={"metadata.value": {"key99999": ["99999"]}}), ["t"], "found by the last of them")
    p.lunary.report([{**start("r", T), "metadata": many, "extra": many, "tags": [f"t{i}" for i in range(10_000)]}])
    got = p.lunary.run("r")
    equal((len(got["params"]), len(got["metadata"]), len(got["tags"])), (100_000, 100_000, 10_000),
          "params, metadata, tags that come back")


@tests("proto-keys")
def proto(p):
    odd = {
        "__proto__": {"polluted": True}, "constructor": {"prototype": {"x": 1}}, "": "empty", "a.b": 1, "a": {"b": 2},
        "$ref": "#", "toString": "t", "hasOwnProperty": 1
    }
    p.lw.collect({
        "trace_id": "__proto__",
        "spans": [span("constructor", T, name="__proto__", params=odd, input={"type": "json",
                                                                              "value": odd})], "metadata": odd
    })
    got = p.lw.trace("__proto__")
    equal(got["spans"][0]["params"], odd, "params with odd keys")
    equal(got["spans"][0]["input"]["value"], odd, "input with odd keys")
    true(all(got["metadata"].get(k) == v for k, v in odd.items()), f"metadata with odd keys: {got['metadata']}")
    p.lunary.report([{**start("__proto__", T), "input": odd, "__proto__": 1}])
    equal(p.lunary.run("__proto__")["input"]["a.b"], 1, "input of a run with odd keys")


@tests("same-key-twice")
def duplicate_keys(p):
    body = b'{"trace_id":"x","trace_id":"t","spans":[{"span_id":"s","type":"llm","type":"span",' + TIMES + b'}]}'
    status(send(p, doors(p)[0], body), 200)
    equal(p.lw.trace("t")["spans"][0]["type"], "span", "the last of two equal keys counts, as in JavaScript")
    says(p.lw.trace("x", 404), "Trace not found.")
