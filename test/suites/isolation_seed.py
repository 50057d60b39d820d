"""One of everything for a project, with ids and secret texts; the reads that show all of it; bodies that name it."""
from lib.check import status
from lib.langtrace import Span
from lib.langwatch import span, text
from lib.lunary import end, run_id, start

MARK = "secret-of-project-a"
T = 1_790_000_000_000
TRACE, SPAN = "5b8efff798038103d269b633813fc60c", "eee19b7ec3c1b174"


def chat(id, thread, at, role, content):
    return {
        "type": "thread", "event": "chat", "runId": id, "parentRunId": thread, "timestamp": at, "userId": "iso-user",
        "message": {"role": role, "content": content}
    }


class Seed:
    def __init__(self, project, mark=MARK):
        self.p, self.mark = project, mark
        self.slug = "iso-template"
        self.made = {}
        self.traces()
        self.runs()
        self.records()
        self.langwatch()
        self.langtrace()
        self.ids = [
            "iso-trace", "iso-span", "iso-thread", "iso-eval", "iso-event", "iso-run",
            run_id("iso-run"),
            run_id("iso-talk"),
            run_id("iso-m1"), "iso-user", self.slug, "iso-dataset", "iso-prompt", "iso-rows", "iso-experiment",
            "iso-tag", TRACE, SPAN, *self.made.values()
        ]
        self.query = "&".join([
            "limit=100", f"slug={self.slug}", f"parentRunId={run_id('iso-root')}", "days=36500", "exportFormat=jsonl",
            "type=llm", "search=", "experimentSlug=iso-experiment", f"promptset_id={self.made['set']}", f"spanId={SPAN}",
            f"id={self.made['lt_dataset']}"
        ])

    def traces(self):
        lw = self.p.lw
        lw.collect({
            "trace_id": "iso-trace", "expected_output": self.mark, "metadata": {
                "user_id": "iso-user", "thread_id": "iso-thread", "labels": [self.mark], "k": self.mark
            }, "spans": [
                span("iso-span", T, type="llm", name=f"name {self.mark}", model=f"model {self.mark}", input=text(
                    self.mark), output=text(f"out {self.mark}")),
                span("iso-rag", T + 1, type="rag", parent_id="iso-span",
                     contexts=[{"document_id": "d", "content": self.mark}])
            ], "evaluations": [{"evaluation_id": "iso-eval", "name": "quality", "score": 0.5, "details": self.mark}]
        })
        lw.track({
            "trace_id": "iso-trace", "event_id": "iso-event", "event_type": "clicked", "metrics": {"n": 1},
            "event_details": {"what": self.mark}, "timestamp": T
        })

    def runs(self):
        lunary = self.p.lunary
        lunary.report([
            start("iso-root", T, "agent", name=f"agent {self.mark}", input=self.mark, userId="iso-user",
                  userProps={"p": self.mark}, tags=[self.mark]),
            start("iso-run", T + 1, name=f"run {self.mark}", parentRunId="iso-root", input=self.mark,
                  metadata={"k": self.mark}),
            end("iso-run", T + 50, output=self.mark, tokensUsage={"prompt": 3, "completion": 4}), {
                "type": None, "event": "feedback", "runId": "iso-run", "timestamp": T + 60,
                "feedback": {"thumb": "up", "comment": self.mark}
            }, {"type": "log", "event": "info", "parentRunId": "iso-root", "timestamp": T + 2, "message": self.mark},
            chat("iso-m1", "iso-talk", T, "user", self.mark),
            chat("iso-m2", "iso-talk", T + 1, "assistant", self.mark)
        ])
        lunary.score("iso-run", "judged", 0.5, comment=self.mark)

    def records(self):
        """Templates, datasets, checklists, evaluators, models: what there is; the ids they were given."""
        lunary = self.p.lunary
        self.make(
            "template", "/v1/templates",
            {"slug": self.slug, "mode": "text", "content": self.mark, "extra": {"k": self.mark}, "isDraft": False})
        self.made["version"] = lunary.latest(self.slug)["id"]
        self.make("dataset", "/v1/datasets", {"slug": "iso-dataset", "format": "text", "prompt": None})
        self.make("prompt", "/v1/datasets/prompts",
                  {"datasetId": self.made.get("dataset"), "messages": self.mark, "idealOutput": self.mark})
        self.make("variation", "/v1/datasets/variations",
                  {"promptId": self.made.get("prompt"), "variables": {"k": self.mark}, "idealOutput": self.mark})
        self.make(
            "checklist", "/v1/checklists", {
                "slug": "iso-checklist", "type": "evaluation",
                "data": ["AND", {"id": "string", "params": {"text": self.mark}}]
            })
        self.make(
            "evaluator", "/v1/evaluators", {
                "name": f"evaluator {self.mark}", "slug": "iso-evaluator", "type": "assert", "mode": "normal",
                "params": {"k": self.mark}, "filters": []
            })
        self.make(
            "model", "/v1/models",
            {"name": f"model {self.mark}", "pattern": "iso.*", "unit": "TOKENS", "inputCost": 1, "outputCost": 2})
        users = lunary.users()["data"]
        self.made["user"] = [u["id"] for u in users if u["externalId"] == "iso-user"][0]

    def langwatch(self):
        """A prompt with a tag, a dataset with a row, an evaluator, an annotation, an experiment with a run."""
        call = lambda path, body: status(self.p.lw.call("POST", path, body), 200, 201).json
        prompt = call("/api/prompts", {"handle": "iso-prompt", "prompt": self.mark, "tags": ["iso-tag"]})
        self.made["lw-prompt"], self.made["lw-version"] = prompt["id"], prompt["versionId"]
        self.made["lw-dataset"] = call("/api/dataset", {"name": "iso-rows"})["id"]
        rows = call("/api/dataset/iso-rows/records", {"entries": [{"input": self.mark}]})
        self.made["lw-row"] = rows["data"][0]["id"]
        config = {"evaluatorType": "langevals/exact_match", "settings": {"k": self.mark}}
        self.made["lw-evaluator"] = call("/api/evaluators", {"name": f"lw {self.mark}", "config": config})["id"]
        self.made["lw-annotation"] = call("/api/annotations/trace/iso-trace",
                                          {"comment": self.mark, "isThumbsUp": True})["data"]["id"]
        call("/api/evaluations/batch/log_results", {
            "experiment_slug": "iso-experiment", "run_id": "iso-lw-run", "dataset": [{
                "index": 0, "entry": {"input": self.mark}, "predicted": {"output": self.mark}
            }], "evaluations": [{"evaluator": "iso", "index": 0, "status": "processed", "details": self.mark}]
        })
        self.made["lw-run"] = "iso-lw-run"

    def langtrace(self):
        lt, mark = self.p.lt, self.mark
        lt.send(self.list_of_spans(mark))
        self.made["set"] = lt.make_set(f"set {mark}", description=mark)["id"]
        self.made["lt_prompt"] = lt.make_prompt(self.made["set"], mark, live=True, note=mark)["id"]
        self.made["test"] = lt.ok("POST", "/api/test", {"name": f"test {mark}", "description": mark})["data"]["id"]
        lt.ok("POST", "/api/evaluation", {"userId": mark, "userScore": 1, "spanId": SPAN, "traceId": TRACE, "reason": mark})
        self.made["lt_dataset"] = lt.ok("POST", "/api/dataset", {"name": f"data {mark}", "projectId": self.p.id})["dataset"]["id"]
        lt.ok("POST", "/api/data", {"datasetId": self.made["lt_dataset"], "datas": [{"input": mark}]})
        lt.ok("POST", "/api/run", {"runId": "iso-lt-run", "taskId": mark, "log": '{"a":1}'})

    @staticmethod
    def list_of_spans(mark):
        span = Span(TRACE, SPAN, T * 1_000_000, (T + 1) * 1_000_000, name=f"name {mark}",
                    attributes={"langtrace.service.type": "llm", "k": mark})
        return [span.typescript()]

    def langtrace_reads(self):
        lt = self.p.lt
        found = {"lt traces": lt.traces()}
        for path in (f"/api/promptset?promptset_id={self.made['set']}", f"/api/evaluation?spanId={SPAN}",
                     f"/api/feedback?spanId={SPAN}", "/api/test", "/api/project",
                     f"/api/dataset/download?id={self.made['lt_dataset']}"):
            reply = lt.call("GET", path)
            found[path] = (reply.status, reply.text)
        return found

    def make(self, what, path, body):
        reply = self.p.lunary.call("POST", path, body)
        if reply.status == 404:
            return  # not served
        self.made[what] = status(reply, 200, 201).json["id"]

    def snapshot(self):
        """Everything that reads show of the project."""
        p, found = self.p, self.langtrace_reads()
        for path in ("/api/trace/iso-trace", "/api/thread/iso-thread", f"/api/thread/{run_id('iso-talk')}",
                     f"/api/trace/{run_id('iso-root')}", "/api/me/project", "/api/prompts", "/api/prompts/tags",
                     "/api/prompts/iso-prompt/versions", "/api/dataset", "/api/dataset/iso-rows", "/api/evaluators",
                     "/api/annotations", "/api/experiments", "/api/experiments/runs?experimentSlug=iso-experiment",
                     "/api/experiments/runs/iso-lw-run/results"):
            found[path] = p.lw.call("GET", path).json
        found["search"] = p.lw.search(includeSpans=True)["traces"]
        ids = (run_id("iso-root"), run_id("iso-run"), run_id("iso-m1"))
        reads = [f"/v1/runs/{id}{tail}" for id in ids for tail in ("", "/related", "/feedback")]
        reads += [f"/v1/runs?type={t}" for t in ("llm", "agent", "chat", "thread", "custom-event")]
        reads += [
            "/v1/external-users", "/v1/templates", "/v1/templates/latest", "/v1/datasets", "/v1/datasets/iso-dataset",
            "/v1/checklists", "/v1/evaluators", "/v1/models", "/v1/filters/models", "/v1/filters/tags",
            "/v1/filters/users", "/v1/runs/usage?days=36500", "/v1/runs/count?type=llm"
        ]
        reads += [f"/v1/external-users/{self.made['user']}"]
        for path in reads:
            reply = p.lunary.call("GET", path)
            found[path] = (reply.status, reply.json if reply.body else None)
        return found


REST = ("/api/prompts", "/api/dataset", "/api/evaluators", "/api/evaluations", "/api/guardrails", "/api/experiment",
        "/api/annotations")


def rest_bodies(pair, method, pattern):
    """The same for LangWatch's prompts, datasets, evaluators, experiments and annotations."""
    made, trace = pair.seed.made, {"trace_id": "iso-trace", "span_id": "iso-span"}
    if pattern.endswith("/records") and method == "DELETE":
        return [{"recordIds": [made["lw-row"]]}]
    if method in ("GET", "DELETE"):
        return [None]
    run = {"experiment_slug": "iso-experiment", "run_id": "iso-lw-run", "dataset": [{"index": 0, "entry": {"x": 1}}]}
    return [{"handle": "iso-stolen", "prompt": "stolen", "commitMessage": "c"}, {"commitMessage": "c"},
            {"versionId": made["lw-version"]}, {"entries": [{"input": "stolen"}]}, {"entry": {"input": "stolen"}},
            {"name": "stolen", "config": {"evaluatorType": "langevals/exact_match"}}, run,
            {"data": {"output": "a"}, "evaluation_id": "iso-eval", **trace}, {"comment": "stolen", "isThumbsUp": False},
            {"configData": {"prompt": "p", "model": "m", "outputs": [{"identifier": "o", "type": "str"}]}},
            {"evaluation": "langevals/exact_match", "datasetSlug": "iso-rows", "data": {"output": "a"}},
            {"experiment_type": "DSPY", "experiment_slug": "iso-experiment"}]


def bodies(pair, method, pattern):
    """Plausible bodies that name A's rows, for methods that take one."""
    if pattern.startswith(REST):
        return rest_bodies(pair, method, pattern)
    if method in ("GET", "DELETE") and "traces" not in pattern:
        return [None]
    a, made = pair.a, pair.seed.made
    event = {"runId": "iso-run", "timestamp": T + 1000, "output": "stolen"}
    everything = {
        "trace_id": "iso-trace", "traceIds": ["iso-trace"], "spans": [
            span("iso-span", T, T + 5000, name="stolen", output=text("stolen"))
        ], "evaluations": [{"evaluation_id": "iso-eval", "name": "quality", "score": 1}], "metadata": {
            "k": "stolen", "labels": ["stolen"]
        }, "event_type": "clicked", "metrics": {"n": 9}, "event_id": "iso-event", "includeSpans": True, "filters": {},
        "events": [{"type": "llm", "event": "end",
                    **event}, {"type": "llm", "event": "update", "metadata": {"k": "stolen"}, **event},
                   {"type": None, "event": "feedback", "feedback": {"thumb": "down", "comment": None}, **event},
                   chat("iso-m3", "iso-talk", T + 9, "user", "stolen")], "thumb": "down", "comment": "stolen",
        "label": "judged", "value": 1, "tags": ["stolen"], "visibility": True,
        "slug": "iso-stolen", "mode": "text", "type": "evaluation", "content": "stolen", "isDraft": False, "data": [
            "AND"
        ], "name": "stolen", "format": "text", "datasetId": made.get("dataset"), "promptId": made.get("prompt"),
        "messages": "stolen", "idealOutput": "stolen", "variables": {"k": "stolen"}, "runIds": [
            run_id("iso-run")
        ], "params": {}, "pattern": "stolen", "unit": "TOKENS", "inputCost": 1, "outputCost": 2,
        "checklist": "iso-checklist", "input": "i", "output": "o", "projectId": a.id, "extra": {"k": "stolen"}
    }
    strict = [{"query": "secret-of", "traceIds": ["iso-trace"]}, {
        "events": [{**e, "app": pair.b.public} for e in everything["events"]]
    }, {"metadata": {"k": "stolen"}}, {"traceIds": ["iso-trace"], "page": 1, "pageSize": 10, "projectId": a.id}]
    strict += [
        Seed.list_of_spans("stolen"), {"spanId": SPAN, "traceId": TRACE, "userId": "stolen", "userScore": -1},
        {"id": made.get("set"), "promptsetId": made.get("set"), "name": "stolen", "value": "stolen", "live": True},
        {"id": made.get("lt_prompt"), "value": "stolen", "live": False},
        {"datasetId": made.get("lt_dataset"), "datas": [{"input": "stolen"}]},
        {"runId": "iso-lt-run", "taskId": "stolen", "log": "{}"}
    ]
    return [everything, *strict]
