"""What LangWatch's REST calls of a recording must answer: computed from what was sent, never from the recorded answers.

A Desk is the project as the calls leave it: prompts with their versions, datasets with their rows, evaluators, experiments. Ids are the
server's own, so those of the recording are learned from answer to answer (Scenario.learn).
"""
import re
import unicodedata
import urllib.parse

from lib.check import ANY, NONE, contains, equal, status, true

# Runs of a saved experiment need its targets, which this server does not run: the experiment of the recording is not there.
NOT_RUN = re.compile(r"/api/(evaluations/v3|experiments)/(fixture-experiment/run|runs/run_69eaf003)$")
PATHS = re.compile(r"/api/(prompts|dataset|evaluators|evaluations|experiment|experiments|annotations)(/|$)")
OPTIONAL = ("temperature", "maxTokens", "responseFormat", "demonstrations", "promptingTechnique", "commitMessage")
SEEDS = {
    "fixture-dataset": [{"input": "What is 2+2?", "expected_output": "4"},
                        {"input": "Hauptstadt der Schweiz? 🇨🇭", "expected_output": "Bern"}],
    "fragen-fx01": [{"input": "Was? 🤔", "expected_output": "Das"}, {"input": "Wer?", "expected_output": "nicht das"}],
}


def is_rest(request):
    """A call of section 9: it makes or reads something that is no trace."""
    return bool(PATHS.match(request["path"].split("?")[0]))


def seed(slug):
    """A dataset that a recording finds, with columns as LangWatch makes them."""
    def make(project):
        columns = [{"name": "input", "type": "string"}, {"name": "expected_output", "type": "string"}]
        status(project.lw.call("POST", "/api/dataset", {"name": slug, "columnTypes": columns}), 201)
        status(project.lw.call("POST", f"/api/dataset/{slug}/records", {"entries": SEEDS[slug]}), 201)

    return make


def plain(text):
    """exact_match without capitals and punctuation, after white space at both ends."""
    return "".join(c for c in text.strip() if unicodedata.category(c)[0] in "LN" or c.isspace()).lower()


class Desk:
    def __init__(self, seeded=()):
        self.prompts, self.datasets, self.evaluators, self.runs, self.annotations = {}, {}, [], {}, {}
        for slug in seeded:
            self.datasets[slug] = {"name": slug, "rows": [dict(r) for r in SEEDS[slug]]}

    # ---- which call ----

    def check(self, request, reply):
        """Asserts the answer and takes what was changed along."""
        path = urllib.parse.unquote(request["path"].split("?")[0])
        query = dict(urllib.parse.parse_qsl(urllib.parse.urlsplit(request["path"]).query))
        body, method, parts = request.get("body"), request["method"], path.split("/")[2:]
        if NOT_RUN.match(path):
            status(reply, 404)
            contains(reply.json, {"error": ANY, "message": ANY}, reply.what)
        elif path.endswith("/evaluate"):
            self.evaluate("/".join(parts[1:-1]), body, reply)
        elif parts[0] == "prompts":
            self.prompt(method, parts[1] if len(parts) > 1 else None, query, body, reply)
        elif parts[0] == "dataset":
            self.dataset(method, parts[1:], body, reply)
        elif parts[0] == "evaluators":
            self.evaluator(method, body, reply)
        elif parts[0] == "annotations":
            self.annotation(method, parts[2], body, reply)
        elif path == "/api/experiment/init":
            contains(status(reply, 200).json,
                     {"slug": body["experiment_slug"],
                      "path": lambda p: p.endswith("/experiments/" + body["experiment_slug"])}, reply.what)
        elif path.endswith("/log_results"):
            self.log(body, reply)
        elif path.endswith("/results"):
            self.results(parts[-2], reply)
        else:
            true(False, f"no rule for {method} {path}")

    # ---- prompts ----

    def prompt(self, method, handle, query, body, reply):
        if method == "POST":
            handle = body["handle"]
            if handle in self.prompts:
                contains(status(reply, 409).json, {"error": ANY, "message": ANY}, reply.what)
                return
            self.prompts[handle] = [self.version(handle, body, {})]
        elif handle is None:
            wanted = {h: self.shown(v[-1]) for h, v in self.prompts.items()}
            got = {p["handle"]: p for p in status(reply, 200).json}
            equal(sorted(got), sorted(wanted), f"handles of {reply.what}")
            for handle in wanted:
                self.is_prompt(got[handle], wanted[handle], reply.what)
            return
        elif handle not in self.prompts:
            contains(status(reply, 404).json, {"message": lambda m: handle in m, "error": ANY}, reply.what)
            return
        elif method == "DELETE":
            equal(status(reply, 200).json, {"success": True}, reply.what)
            del self.prompts[handle]
            return
        elif method == "PUT":
            self.prompts[handle].append(self.version(handle, body, self.prompts[handle][-1]))
        versions = self.prompts[handle]
        version = versions[int(query["version"]) - 1] if "version" in query else versions[-1]
        self.is_prompt(status(reply, 200).json, self.shown(version), reply.what)

    def version(self, handle, body, before):
        new = {**before, **body, "handle": handle, "version": before.get("version", 0) + 1}
        if "commitMessage" not in body:
            new.pop("commitMessage", None)
        return new

    def shown(self, version):
        system = version.get("prompt", "")
        rest = [m for m in version.get("messages", []) if m["role"] != "system"]
        return {
            "handle": version["handle"], "name": version["handle"], "scope": version.get("scope", "PROJECT"),
            "version": version["version"], "prompt": system, "tags": [], "parameters": {},
            "messages": ([{"role": "system", "content": system}] if system else []) + rest,
            "model": version.get("model", "openai/gpt-4o-mini"),
            "outputs": version.get("outputs", [{"identifier": "output", "type": "str"}]),
            **{k: version[k] for k in OPTIONAL if k in version},
        }

    def is_prompt(self, got, wanted, what):
        contains(got, {**wanted, "id": ANY, "versionId": ANY, "projectId": ANY, "organizationId": ANY,
                       "createdAt": ANY, "updatedAt": ANY, "inputs": ANY}, what)
        for key in OPTIONAL:
            true(key in wanted or key not in got, f"{what}: {key} was not set and must be left out, is {got.get(key)!r}")

    # ---- datasets ----

    def dataset(self, method, parts, body, reply):
        if not parts and method == "POST":
            self.datasets[body["name"].lower().replace(" ", "-")] = {"name": body["name"], "rows": []}
            self.is_dataset(status(reply, 201).json, parts or [body["name"].lower().replace(" ", "-")], reply.what)
        elif not parts:
            data = status(reply, 200).json
            equal({d["slug"]: d["recordCount"] for d in data["data"]},
                  {s: len(d["rows"]) for s, d in self.datasets.items()}, f"rows of {reply.what}")
            contains(data["pagination"], {"page": 1, "total": len(self.datasets)}, reply.what)
        elif parts[0] not in self.datasets:
            contains(status(reply, 404).json, {"error": ANY, "message": "Dataset not found"}, reply.what)
        elif len(parts) == 1 and method == "DELETE":
            contains(status(reply, 200).json, {"archived": True, "id": ANY}, reply.what)
            del self.datasets[parts[0]]
        elif len(parts) == 1:
            got = status(reply, 200).json
            self.is_dataset(got, parts, reply.what)
            self.are_rows(got["data"], self.datasets[parts[0]]["rows"], reply.what)
        else:
            self.rows(method, parts, body, reply)

    def rows(self, method, parts, body, reply):
        rows = self.datasets[parts[0]]["rows"]
        if method == "POST":
            rows.extend(body["entries"])
            if parts[1] == "entries":
                equal(status(reply, 200).json, {"success": True}, reply.what)
            else:
                self.are_rows(status(reply, 201).json["data"], body["entries"], reply.what)
                self.ids = [r["id"] for r in reply.json["data"]]
        elif method == "GET":
            got = status(reply, 200).json
            self.are_rows(got["data"], rows, reply.what)
            contains(got["pagination"], {"page": 1, "limit": 50, "total": len(rows), "totalPages": 1}, reply.what)
        elif method == "PATCH":
            at = self.ids.index(parts[2])
            rows[at] = body["entry"]
            contains(status(reply, 200).json, {"id": parts[2], "entry": body["entry"]}, reply.what)
        else:
            for id in body["recordIds"]:
                at = self.ids.index(id)
                del rows[at], self.ids[at]
            equal(status(reply, 200).json, {"deletedCount": len(body["recordIds"])}, reply.what)

    def is_dataset(self, got, parts, what):
        contains(got, {"id": ANY, "slug": parts[0], "name": self.datasets[parts[0]]["name"], "projectId": ANY,
                       "columnTypes": [{"name": "input", "type": "string"},
                                       {"name": "expected_output", "type": "string"}],
                       "createdAt": ANY, "updatedAt": ANY}, what)

    def are_rows(self, got, wanted, what):
        contains(got, [{"id": ANY, "datasetId": ANY, "projectId": ANY, "entry": e, "createdAt": ANY, "updatedAt": ANY}
                       for e in wanted], what)

    # ---- evaluators ----

    def evaluator(self, method, body, reply):
        if method == "POST":
            self.evaluators.append(body)
            contains(status(reply, 200).json, {**body, "id": ANY, "slug": ANY, "type": "evaluator"}, reply.what)
        else:
            contains(status(reply, 200).json, [{**b, "id": ANY} for b in reversed(self.evaluators)], reply.what)

    def evaluate(self, slug, body, reply):
        if slug != "langevals/exact_match":
            equal(status(reply, 404).json, {"error": f"Evaluator not found: {slug}"}, reply.what)
            return
        passed = plain(body["data"]["output"]) == plain(body["data"]["expected_output"])
        contains(status(reply, 200).json,
                 {"status": "processed", "passed": passed, "score": int(passed), "label": NONE}, reply.what)

    # ---- experiments ----

    def log(self, body, reply):
        equal(status(reply, 200).json, {"message": "ok"}, reply.what)
        run = self.runs.setdefault(body["run_id"], {"dataset": {}, "evaluations": {}, "timestamps": {}})
        for row in body["dataset"]:
            run["dataset"].setdefault(row["index"], {}).update(row)
        for row in body["evaluations"]:
            run["evaluations"].setdefault((row["evaluator"], row["index"]), {}).update(row)
        run["timestamps"].update(body["timestamps"])

    def results(self, run_id, reply):
        self.are_results(status(reply, 200).json, run_id, reply.what)

    def are_results(self, got, run_id, what):
        run = self.runs[run_id]
        keys = {"targetId": "target_id", "traceId": "trace_id"}
        rows = [{k: row.get(keys.get(k, k)) or row.get(keys.get(k, k), NONE)
                 for k in ("index", "entry", "predicted", "cost", "duration", "error", "targetId", "traceId")}
                for _, row in sorted(run["dataset"].items())]
        names = ("evaluator", "name", "status", "index", "score", "passed", "label", "details", "cost", "duration",
                 "inputs", "targetId")
        evaluations = [{k: row.get(keys.get(k, k), NONE) for k in names}
                       for _, row in sorted(run["evaluations"].items(), key=lambda e: e[0][1])]
        contains(got, {"experimentId": ANY, "runId": run_id, "projectId": ANY, "dataset": rows,
                       "evaluations": evaluations,
                       "timestamps": {"createdAt": run["timestamps"]["created_at"],
                                      "finishedAt": run["timestamps"].get("finished_at", NONE), "updatedAt": ANY}}, what)

    # ---- annotations ----

    def annotation(self, method, trace, body, reply):
        mine = self.annotations.setdefault(trace, [])
        if method == "POST":
            mine.append({**body, "traceId": trace, "id": ANY, "projectId": ANY, "createdAt": ANY, "updatedAt": ANY})
            contains(status(reply, 200).json, {"data": mine[-1]}, reply.what)
        else:
            contains(status(reply, 200).json, {"data": mine}, reply.what)

    # ---- afterwards, by other ways ----

    def read_lunary(self, project):
        """Prompts that are left are templates in Lunary."""
        for handle, versions in self.prompts.items():
            want = self.shown(versions[-1])
            content = want["messages"] if any(m["role"] != "system" for m in want["messages"]) else want["prompt"]
            contains(project.lunary.latest(handle),
                     {"slug": handle, "version": want["version"], "content": content,
                      "extra": {"model": want["model"]} if "model" in versions[-1] else NONE}, f"template {handle}")

    def read_langwatch(self, project):
        """What is left is read again, each thing by its own route."""
        for handle, versions in self.prompts.items():
            for version in versions:
                path = f"/api/prompts/{handle}?version={version['version']}"
                self.is_prompt(status(project.lw.call("GET", path), 200).json, self.shown(version), path)
        for slug, dataset in self.datasets.items():
            got = status(project.lw.call("GET", f"/api/dataset/{slug}"), 200).json
            self.are_rows(got["data"], dataset["rows"], f"rows of {slug}")
        for run_id in self.runs:
            path = f"/api/experiments/runs/{run_id}/results"
            self.are_results(status(project.lw.call("GET", path), 200).json, run_id, path)
