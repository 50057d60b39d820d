"""The 38 vectors of the contract: the model of the tests agrees with each, and so does the server, over HTTP as JSON and as protobuf and over
gRPC, read back through LangWatch and Lunary. What no API of today shows is listed in lib/otlp_views.py, UNSEEN.
"""
import base64
import json
import os
import secrets

from lib import model_otlp
from lib.check import equal, first_difference, true
from lib.environment import TEST
from lib.otlp_server import WAYS, OtlpTests, canonical
from lib.otlp_views import UNSEEN, check_langtrace, check_langwatch, check_lunary
from lib.suite import Failure, Tests

with open(os.path.join(TEST, "vectors", "otlp-vectors.json"), encoding="utf-8") as f:
    VECTORS = json.load(f)

models = Tests("otlp/model")
stored = OtlpTests("otlp/vector")
lists = Tests("otlp")


def judge_model(vector):
    """The oracle itself: every key of expect."""
    seen, expect = model_otlp.observe(vector["span"], vector["resource"], vector["scope"]), vector["expect"]
    if expect.get("dropped"):
        equal(seen, None, "a span that is to be dropped")
        return
    for key, want in [*expect.items(), *((f"trace.{k}", v) for k, v in expect.get("trace", {}).items())]:
        if key == "trace":
            continue
        got = seen["trace"][key[6:]] if key.startswith("trace.") else seen[key]
        found = None if got is None and want is None else first_difference(got, want, whole=not key.endswith("metadata"))
        if found:
            raise Failure(f"{key}{found[0]} is {found[1]!r}, the vector says {found[2]!r}")


def fresh(vector):
    """The vector's request under ids of its own, in the spelling that it has."""
    span = dict(vector["span"])
    for key, size in (("traceId", 16), ("spanId", 8)):
        id = secrets.token_bytes(size)
        span[key] = id.hex() if len(span[key]) == 2 * size else base64.b64encode(id).decode()
    return {"resourceSpans": [{"resource": vector["resource"], "scopeSpans": [{"scope": vector["scope"], "spans": [span]}]}]}


def judge_stored(p, vector, way):
    request = fresh(vector)
    WAYS[way](p, request)
    if vector["expect"].get("dropped"):
        equal(p.lw.ids(), [], "traces after a span that is to be dropped")
        return
    check_langwatch(p, [request])
    check_lunary(p, [request])
    check_langtrace(p, [canonical(request)])


@lists("every-expected-key-is-compared-or-listed")
def keys(environment):
    """A key that expect names and no view shows must be in UNSEEN, so that nothing is left out in silence."""
    compared = {"type", "name", "model", "provider", "modelParameters", "input", "output", "completionStartTime", "metadata", "documents",
                "scores", "parentId", "traceId", "id", "startTime", "endTime", "dropped", "trace"}
    named = {k for v in VECTORS for k in v["expect"]}
    equal(sorted(named - compared - set(UNSEEN)), [], "keys of expect that are neither compared nor listed")
    in_trace = {"trace." + k for v in VECTORS for k in v["expect"].get("trace", {})}
    compared = {"trace." + k for k in ("name", "userId", "sessionId", "tags", "metadata", "input", "output")}
    equal(sorted(in_trace - compared - set(UNSEEN)), [], "keys of expect.trace that are neither compared nor listed")
    true(len(VECTORS) >= 38, f"{len(VECTORS)} vectors")


for vector in VECTORS:
    models.add(vector["name"], lambda environment, vector=vector: judge_model(vector))
    for way in WAYS:
        stored.add(f"{vector['name']}/{way}", lambda p, vector=vector, way=way: judge_stored(p, vector, way))

tests = [*models, *lists, *stored]
