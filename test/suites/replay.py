"""Every recorded scenario of test/fixtures/, sent in order to a project of its own and read back through both dialects.

What must be there is computed from the recorded events by lib/model_langwatch.py and lib/model_llmonitor.py. Then the whole
scenario is sent again, and nothing may have changed. Four tests a scenario: sent, lunary, langwatch, twice.
"""
import json
import os

from lib import model_langwatch as lwm
from lib.check import equal, status, true
from lib.suite import Failure
from lib.waiting import waiting, waits
from suites import replay_langtrace
from suites.replay_langwatch import Desk, is_rest
from suites.replay_otlp import Exports, holds_exports, is_export
from suites.replay_prepare import PREPARE, SEEDED, check_answer
from suites.replay_views import langwatch_view_of_runs, lunary_view, lunary_view_of_spans, langwatch_view

RECORDED = {
    "sk-lw-fixture-0001": "langwatch_key", "259d2d94-9446-478a-ae04-484de705b522": "public",
    "0b8dd5b5-3c7c-4f2b-9a52-5c2e6d0f7a11": "private"
}
PLATFORM = ("/v1/traceloop/", "/v2/")  # Traceloop's own platform, which has no route here (otlp.md 2.16)


class Scenario:
    """One recording on one project. Each step is run once, and the later ones need the earlier."""
    root = None  # test/fixtures

    def __init__(self, folder, name, recording):
        self.folder, self.name, self.requests = folder, name, recording["requests"]
        self.project = self.broken = None
        self.started, self.learned = set(), {}
        self.desk = Desk(SEEDED.get((folder, name), ()))

    def substitute(self, text):
        for recorded, mine in RECORDED.items():
            text = text.replace(recorded, getattr(self.project, mine))
        for recorded, mine in self.learned.items():
            text = text.replace(recorded, mine)
        return text

    def learn(self, recorded, got):
        """Ids that the recorded server gave, and ours in the same place of the answer."""
        if isinstance(recorded, dict) and isinstance(got, dict):
            if isinstance(recorded.get("id"), str) and isinstance(got.get("id"), str):
                self.learned[recorded["id"]] = got["id"]
            for key in recorded:
                self.learn(recorded[key], got.get(key))
        elif isinstance(recorded, list) and isinstance(got, list):
            for one, other in zip(recorded, got):
                self.learn(one, other)

    def replay(self):
        for request in self.requests:
            yield request, self.send(request)

    def send(self, request):
        headers = {
            k: self.substitute(v)
            for k, v in request["headers"].items()
            if k not in ("content-length", "host", "connection", "transfer-encoding", "accept-encoding")
        }
        body = request.get("body")
        if body is not None:
            text = body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)
            body = self.substitute(text).encode()
        return self.project.client.request(request["method"], self.substitute(request["path"]), body, headers)

    def waits_for(self, request):
        """The line of waiting.md that this request waits for, or None."""
        for what in (f"replay/{self.folder}/{self.name}",
                     f"replay/{self.folder}/{self.name} {request['method']} {request['path']}", f"replay/{self.folder} REST"):
            if waiting(what) and not (what.endswith(" REST") and is_export(request)):
                return what
        return None

    # ---- the four tests ----

    def sent(self, environment):
        self.project = environment.project()
        PREPARE.get((self.folder, self.name), lambda project: None)(self.project)
        self.broken = "it was not sent whole"
        for request, reply in self.replay():
            self.judge(request, reply)
        self.broken = None
        if all(map(self.waits_for, self.requests)):
            waits(self.waits_for(self.requests[0]))

    def judge(self, request, reply):
        """Asserts the answer, unless the request waits for a part that is not built."""
        if self.waits_for(request):
            true(reply.status < 500, f"{reply.what} answered {reply.status} {reply.text[:100]}")
            return
        recorded = request["response"].get("status")
        if request["path"].startswith(PLATFORM):
            equal(status(reply, 404).json["message"], "Not Found", reply.what)
            return
        if is_rest(request) and recorded != 401:
            sent = {**request, "path": self.substitute(request["path"]),
                    "body": json.loads(self.substitute(json.dumps(request.get("body"))))}
            self.desk.check(sent, reply)
            if reply.status < 300 and reply.body:
                self.learn(request["response"].get("body"), reply.json)
            return
        if recorded == 401:
            status(reply, 401)
        elif recorded == 404:
            status(reply, 404)
        else:
            status(reply, 200)  # also where the recording injected a fault
        check_answer(request, reply, self.started)

    def ready(self):
        if self.project is None or self.broken:
            raise Failure(f"the scenario cannot be read back: {self.broken or 'it was not sent'}")
        if all(map(self.waits_for, self.requests)):
            waits(self.waits_for(self.requests[0]))

    def accepted(self, path):
        """Bodies that the server must have stored, in order, as sent."""
        return [
            json.loads(self.substitute(json.dumps(r["body"])))
            for r in self.requests
            if r["method"] == "POST" and r["path"] == path and r["response"].get("status") != 401
        ]

    def events(self):
        return [b["events"] for path in ("/api/report", "/v1/runs/ingest") for b in self.accepted(path)]

    def traces(self):
        groups = {}
        for body in self.accepted("/api/collector"):
            groups.setdefault(body["trace_id"], []).append(body)
        return [lwm.fold(bodies) for bodies in groups.values()]

    def read_lunary(self, environment):
        self.ready()
        lunary_view(self.project, self.events())
        lunary_view_of_spans(self.project, self.traces())
        self.desk.read_lunary(self.project)

    def read_langwatch(self, environment):
        self.ready()
        langwatch_view(self.project, self.traces())
        langwatch_view_of_runs(self.project, self.events(), has_traces=bool(self.traces()))
        self.desk.read_langwatch(self.project)
        if not self.events() and not self.traces():
            equal(self.project.lw.ids(), [], "traces of a project that was sent nothing acceptable")

    def twice(self, environment):
        self.ready()
        before = snapshot(self.project)
        for request in filter(repeats, self.requests):
            if not self.waits_for(request):
                self.judge_again(request, self.send(request))
        equal(snapshot(self.project), before, "all reads after the second replay")
        self.read_lunary(environment)
        self.read_langwatch(environment)

    def judge_again(self, request, reply):
        if request["response"].get("status") not in (401, 404) and not request["path"].startswith(PLATFORM):
            status(reply, 200)


class ExportScenario(Exports, Scenario):
    """One whose recording holds OpenTelemetry exports."""


def repeats(request):
    """What clients send again: ingest and reads of traces. A prompt made twice is a conflict, an evaluator run twice two evaluations."""
    if request["path"].startswith(PLATFORM):
        return False
    return not is_rest(request) or request["path"].endswith("/log_results")


def snapshot(project):
    """Everything both dialects show, but the times of receipt."""
    traces = project.lw.walk(includeSpans=True)
    runs = {
        type: project.lunary.runs(type=type)
        for type in ("llm", "embed", "agent", "chain", "tool", "retriever", "chat", "thread", "custom-event")
    }
    for trace in traces:
        for key in ("updated_at", "inserted_at"):
            trace["timestamps"].pop(key, None)
        for evaluation in trace.get("evaluations", []):
            evaluation.pop("timestamps", None)
    full = {r["id"]: project.lunary.run(r["id"]) for rows in runs.values() for r in rows}
    return {"traces": traces, "runs": runs, "full": full, "users": project.lunary.users()["data"]}


def tests(environment):
    root = Scenario.root = os.path.join(environment.test, "fixtures")
    for folder in sorted(os.listdir(root)):
        if folder in replay_langtrace.FOLDERS:
            continue
        for file in sorted(f for f in os.listdir(os.path.join(root, folder)) if f.endswith(".json")):
            with open(os.path.join(root, folder, file), encoding="utf-8") as f:
                recording = json.load(f)
            make = ExportScenario if holds_exports(recording) else Scenario
            scenario = make(folder, file[:-len(".json")], recording)
            name = f"replay/{folder}/{scenario.name}"
            yield f"{name}/sent", scenario.sent
            yield f"{name}/lunary", scenario.read_lunary
            yield f"{name}/langwatch", scenario.read_langwatch
            yield f"{name}/twice", scenario.twice
            lines = {scenario.waits_for(r) for r in scenario.requests}
            if None in lines:  # only parts of it wait; each is counted
                for number, line in enumerate(sorted(lines - {None}), 1):
                    yield f"{name}/part-{number}", lambda environment, line=line: waits(line)
    yield from replay_langtrace.tests(environment)
