"""The merge vectors of LLMonitor and LangWatch (test/vectors/merge-vectors.json) through the running server, in several orders.

Each order is sent to a project of its own, then every request again, in another order; what the reads show must be the
columns of the vector.
"""
import itertools
import json
import os
import random

from lib.check import ANY, NONE, contains, equal, status, true
from lib.environment import TEST
from lib.langwatch import by_id
from lib.model_llmonitor import NONE_OR_EMPTY, iso_ms
from lib.suite import Tests

tests = Tests("accept/vectors")
APP = "11111111-1111-4111-8111-111111111111"
ORDERS = 5
RUN_TYPES = {"GENERATION": "llm", "AGENT": "agent", "CHAIN": "chain", "TOOL": "tool"}


def orders(vector):
    items = list(range(len(vector["events"])))
    if vector["orders"] != "all":
        return [vector["orders"] if isinstance(vector["orders"], list) else items]
    every = list(itertools.permutations(items))
    picked = [every[0], every[-1]] + random.Random(vector["name"]).sample(every, min(len(every), ORDERS - 2))
    return list(dict.fromkeys(picked))


def send(p, vector, i):
    body = json.loads(json.dumps(vector["events"][i]["body"]).replace(APP, p.public))
    if vector["dialect"] == "langwatch":
        p.lw.collect(body)
    else:
        status(p.client.post("/api/report", body), 200)


def run(environment, vector):
    for order in orders(vector):
        p = environment.project()
        for i in order:
            send(p, vector, i)
        judge(p, vector, f"{vector['name']}, order {list(order)}")
        for i in reversed(order):
            send(p, vector, i)
        judge(p, vector, f"{vector['name']}, order {list(order)} and all again")


def judge(p, vector, what):
    expect = vector["expect"]
    shown = {"llmonitor": (run_row, run_trace), "langwatch": (span_row, span_trace)}[vector["dialect"]]
    for id, want in expect.get("observations", {}).items():
        shown[0](p, id, want, f"{what}: {id}")
    for id, want in expect.get("traces", {}).items():
        shown[1](p, id, want, f"{what}: trace {id}")
    for id, want in expect.get("users", {}).items():
        user = [u for u in p.lunary.users()["data"] if u["externalId"] == id][0]
        contains(user, {"lastSeen": iso_ms(want["last_seen_ms"] * 1_000_000), "props": want["props"]},
                 f"{what}: user {id}")
    for id, want in expect.get("sessions", {}).items():
        contains([r["id"] for r in p.lunary.runs(type="thread")], [id], f"{what}: thread")
    for id, want in expect.get("scores", {}).items():
        score_row(p, id, want, vector, f"{what}: score {id}")
    for absent in expect.get("absent", []):
        status(p.lw.call("GET", "/api/trace/" + absent.split("/")[1]), 404)


def score_row(p, id, want, vector, what):
    if vector["dialect"] == "langwatch":
        found = [e for e in p.lw.trace("t1")["evaluations"] if e["evaluation_id"] == id]
        contains(found, [{"status": want["status"], "passed": None, "score": None, "label": None}], what)


def run_row(p, id, want, what):
    got = p.lunary.run(id)
    time = lambda ms: NONE if ms is None else iso_ms(ms * 1_000_000)  # noqa: E731
    expected = {}
    for key in ("input", "output", "name"):
        if key in want:
            expected[key] = NONE if want[key] is None else want[key]
    for key in ("params", "metadata", "tags"):
        if key in want:
            expected[key] = want[key] if want[key] else NONE_OR_EMPTY
    if "start_ms" in want:
        expected["createdAt"] = time(want["start_ms"])
    if "end_ms" in want:
        expected["endedAt"] = time(want["end_ms"])
    if "level" in want:
        expected["status"] = "error" if want["level"] == "ERROR" else lambda s: s in ("success", "started")
    if want.get("status_message") and want.get("level") == "ERROR":
        expected["error"] = {"message": want["status_message"]}
    if "usage" in want:
        expected["tokens"] = {"prompt": want["usage"]["input"], "completion": want["usage"]["output"]}
    if "user_id" in want:
        expected["user"] = {"externalId": want["user_id"]} if want["user_id"] else NONE
    if "type" in want:
        expected["type"] = RUN_TYPES[want["type"]]
    contains(got, expected, what)
    if want.get("trace"):
        true(id in by_id(p.lw.trace(want["trace"])), f"{what}: not among the spans of the trace {want['trace']}")


def run_trace(p, id, want, what):
    got = p.lw.trace(id)
    metadata = {
        k: v
        for k, v in (("user_id", want.get("user_id")), ("thread_id", want.get("session_id")), ("labels",
                                                                                               want.get("tags")))
        if v
    }
    contains(got, {"metadata": metadata}, what)
    if "messages" in want:
        for alias in want["messages"]:
            contains(p.lunary.run(alias), {"id": want["messages"][-1], "type": "chat"},
                     f"{what}: by its message {alias}")
    contains(p.lunary.run(id), {k: want[k] for k in ("input", "output") if k in want}, f"{what}: as a run")
    if "sibling" in want:
        contains(p.lunary.run(id), {"siblingRunId": ANY}, f"{what}: sibling")
    if want.get("name"):
        true(id in p.lw.ids(filters={"traces.name": [want["name"]]}), f"{what}: not found by the name {want['name']}")
    trace_numbers(got, want, what)


def span_row(p, id, want, what):
    got = by_id(p.lw.trace("t1"))[id]
    expected = {k: want[k] for k in ("input", "output", "name", "model", "params") if k in want}
    for key, shown in (("start_ms", "started_at"), ("end_ms", "finished_at")):
        if key in want:
            expected.setdefault("timestamps", {})[shown] = want[key]
    if "usage" in want:
        expected["metrics"] = {"prompt_tokens": want["usage"]["input"], "completion_tokens": want["usage"]["output"]}
    contains(got, expected, what)


def span_trace(p, id, want, what):
    got = p.lw.trace(id)
    metadata = {
        **want.get("metadata", {}),
        **{k: v for k, v in (("user_id", want.get("user_id")), ("labels", want.get("tags"))) if v}
    }
    contains(got, {"metadata": metadata}, what)
    for key, shown in (("lw_input", "input"), ("lw_output", "output")):
        if key in want:
            contains(got, {shown: {"value": want[key]} if want[key] is not None else NONE}, what)
    if want.get("first_error"):
        equal(got["error"]["message"],
              by_id(got)[want["first_error"]]["error"]["message"], f"{what}: the first error")
    if "first_token_ms" in want:
        equal(got["metrics"]["first_token_ms"], want["first_token_ms"], f"{what}: first_token_ms")
    trace_numbers(got, want, what)


def trace_numbers(got, want, what):
    if "observations" in want:
        equal(len(got["spans"]), want["observations"], f"{what}: number of spans")
    if "error_count" in want:
        equal(sum(1 for s in got["spans"] if s.get("error")), want["error_count"], f"{what}: failed spans")
    if "total_cost_nano" in want:
        equal(got["metrics"]["total_cost"], want["total_cost_nano"] / 1e9, f"{what}: total_cost", near=1e-6)
    usage = want.get("usage", {})
    for key, shown in (("input", "prompt_tokens"), ("output", "completion_tokens")):
        if key in usage:
            equal(got["metrics"][shown], usage[key], f"{what}: {shown}")


def load():
    with open(os.path.join(TEST, "vectors", "merge-vectors.json"), encoding="utf-8") as f:
        for vector in json.load(f)["vectors"]:
            if vector["dialect"] in ("llmonitor", "langwatch"):
                tests.add(vector["name"], lambda environment, vector=vector: run(environment, vector))


load()
