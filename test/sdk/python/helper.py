"""What the Python SDK programs share: where the server is, reading back, and comparing deeply."""
import json
import logging
import os
import sys
import urllib.error
import urllib.parse
import urllib.request

URL = os.environ["TRACEWELL_URL"]
GRPC = os.environ["TRACEWELL_GRPC"]
KEY = os.environ["TRACEWELL_TEST_KEY"]  # the product's own; any key of the project opens any door
PROJECT = os.environ["TRACEWELL_TEST_PROJECT"]
LANGWATCH_KEY = os.environ["LANGWATCH_API_KEY"]
WORD = sys.argv[1] if len(sys.argv) > 1 else None

# 60 KB of many scripts, emoji with joiners, escapes, controls.
BIG_TEXT = "\n".join(
    f'{i}: “Größe äöüß”, 日本語のテキスト、汉字、한국어 é 👩‍👩‍👧‍👦 🏷️ \\ " \t <script> {{"json":[1,2]}} \u2028 𝒳' for i in range(500))
assert len(BIG_TEXT.encode()) > 60 * 1024


class Loud(logging.Handler):
    """An exporter only logs what did not arrive."""
    def __init__(self):
        super().__init__(logging.ERROR)
        self.said = []

    def emit(self, record):
        self.said.append(record.getMessage())


LOUD = Loud()
logging.getLogger("opentelemetry").addHandler(LOUD)


def nothing_lost():
    assert not LOUD.said, f"the SDK logged: {LOUD.said}"


def call(path, body=None, headers=None, method=None, expect=200):
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(URL + path, data, {"Content-Type": "application/json", **(headers or {})}, method=method)
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            status, text = reply.status, reply.read()
    except urllib.error.HTTPError as e:
        status, text = e.code, e.read()
    assert status == expect, f"{path} answered {status} {text[:300]}"
    return json.loads(text)


def trace(id):
    return call(f"/api/trace/{urllib.parse.quote(id, safe='')}", headers={"X-Auth-Token": LANGWATCH_KEY})


def search(**body):
    return call("/api/traces/search", {"includeSpans": True, **body}, {"X-Auth-Token": LANGWATCH_KEY})


def trace_where(**filters):
    """The one trace of the project that matches; __ stands for a dot."""
    found = search(filters={k.replace("__", "."): [v] for k, v in filters.items()})
    assert found["pagination"]["totalHits"] == 1, f"{found['pagination']} traces where {filters}"
    return found["traces"][0]


def langtrace_traces():
    """Langtrace's download: all traces of the project, newest first; attributes and events are JSON text there."""
    body = {"projectId": PROJECT, "page": 1, "pageSize": 100}
    result = call("/api/traces", body, {"x-api-key": KEY})["traces"]["result"]
    for span in (s for t in result for s in t["spans"]):
        span["attributes"], span["events"] = json.loads(span["attributes"]), json.loads(span["events"])
    return result


def tree(got, parent=None):
    """A trace's spans as names below names."""
    return {s["name"]: tree(got, s["span_id"]) for s in got["spans"] if s.get("parent_id") == parent}


def one(items, test, what):
    found = [i for i in items if test(i)]
    assert len(found) == 1, f"{what}: {len(found)} of {json.dumps(items, ensure_ascii=False)[:600]}"
    return found[0]


def span_of(got, name):
    return one(got["spans"], lambda s: s["name"] == name, f"span {name}")


def contains(got, want, where="value"):
    """Every key of `want` is there and equal, at every depth; lists in full. `got` may have more keys."""
    if isinstance(want, dict):
        assert isinstance(got, dict), f"{where} is {got!r}, should be {want!r}"
        for key, value in want.items():
            contains(got.get(key), value, f"{where}.{key}")
    elif isinstance(want, list):
        assert isinstance(got, list) and len(got) == len(want), f"{where} is {got!r}, should be {want!r}"
        for i, value in enumerate(want):
            contains(got[i], value, f"{where}[{i}]")
    else:
        assert got == want and isinstance(got, bool) == isinstance(want, bool), (
            f"{where} is {str(got)[:300]!r}, should be {str(want)[:300]!r}")
