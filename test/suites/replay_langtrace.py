"""Recorded traffic of Langtrace's SDKs, sent in order to a project of its own and read back through POST /api/traces, LangWatch and Lunary.

What must be there is computed by lib/model_langtrace.py and lib/model_otlp.py. Five tests a scenario: sent, traces, langwatch, lunary,
twice.
"""
import json
import os
import re
import urllib.parse

from lib import model_langtrace, model_otlp
from lib.check import ANY, contains, equal, status, true
from lib.langtrace import validate
from lib.otlp_views import check_langwatch, check_lunary
from lib.suite import Failure

KEY, FOLDERS = "lt-fixture-key-0001", ("langtrase-typescript-sdk@6.3.7", "py-langtrace-python-sdk@3.8.21")
# The set of a recording, and the prompts it must find there: (version, live, value, variables).
PROMPTS = {
    "prompt_fetch_compile": ("promptset-1", [(1, True, "Answer {question} in ${language}.", ["question", "language"])]),
    "prompt_registry": ("ps_dbc749f7", [(1, True, "Antworte auf {frage} in ${sprache} 🗣️", ["frage", "sprache"]),
                                        (2, False, "Zwei {frage}", ["frage"])])
}


class Scenario:
    def __init__(self, folder, name, recording):
        self.folder, self.name, self.requests = folder, name, recording["requests"]
        self.project = self.broken = None
        self.set_id = None

    def prepare(self):
        recorded, prompts = PROMPTS.get(self.name, (None, []))
        if not recorded:
            return
        self.set_id = self.project.lt.make_set("recorded")["id"]
        for version, live, value, variables in prompts:
            self.project.lt.make_prompt(self.set_id, value, version=version, live=live, variables=variables)

    def body_of(self, request):
        if request.get("bodyFile"):
            with open(os.path.join(self.folder, request["bodyFile"]), "rb") as f:
                return f.read()
        body = request.get("body")
        return None if body is None else json.dumps(body, ensure_ascii=False).encode()

    def send(self, request):
        skipped = ("content-length", "host", "connection", "transfer-encoding", "accept-encoding")
        headers = {k: v.replace(KEY, self.project.lt.key) for k, v in request["headers"].items() if k not in skipped}
        path = request["path"]
        if self.set_id:
            path = path.replace(PROMPTS[self.name][0], self.set_id)
        return self.project.client.request(request["method"], path, self.body_of(request), headers)

    def is_span_request(self, request):
        return request["method"] == "POST" and request["path"] in ("/", "/api/trace", "/v1/traces")

    def exports(self):
        """Accepted exports as OTLP JSON, in order; a request that the recording's stand-in refused for its key is refused here too."""
        return [
            model_langtrace.otlp_of(r.get("bodyDecoded") or r["body"])
            for r in self.requests
            if self.is_span_request(r) and r["response"].get("status") != 401
        ]

    # ---- the five tests ----

    def sent(self, environment):
        self.project, self.broken = environment.project(), "it was not sent whole"
        self.prepare()
        score = None
        for request in self.requests:
            reply = self.send(request)
            recorded = request["response"].get("status")
            status(reply, recorded if recorded in (401, 404) else 200)  # 200 also where the recording injected a fault
            score = self.check_answer(request, reply, score)
        self.broken = None

    def check_answer(self, request, reply, score):
        """score: what the user's feedback is by now."""
        path = request["path"].split("?")[0]
        if reply.status in (401, 404):
            validate(reply.json, "Error")
        elif self.is_span_request(request) and request.get("bodyFile"):
            equal((reply.body, reply.header("content-type")), (b"", "application/x-protobuf"), reply.what)
        elif self.is_span_request(request):
            equal(reply.json, {"status": 200, "message": "Traces added successfully"}, reply.what)
        elif path == "/api/promptset":
            self.check_prompt(request, reply)
        elif request["method"] == "GET":
            equal([e["userScore"] for e in reply.json["evaluations"]], [score] if score else [], reply.what)
        else:
            score = request["body"]["userScore"]
            contains(reply.json["data"], {"userScore": score, "userId": request["body"]["userId"], "spanId": self.target()}, reply.what)
        return score

    def check_prompt(self, request, reply):
        query = dict(urllib.parse.parse_qsl(request["path"].split("?")[1]))
        version = int(query["version"]) if "version" in query else None
        for number, live, value, variables in PROMPTS[self.name][1]:
            if number == version or (version is None and live):
                for name in re.findall(r"\{(\w+)\}", value):
                    given = query.get(f"variables.{name}")
                    if given:
                        value = re.sub(r"\$?\{%s\}" % name, lambda _, given=given: given, value)
                contains(validate(reply.json, "PromptSet")["prompts"], [{"version": number, "live": live, "value": value, "variables": variables}],
                         reply.what)

    def target(self):
        """The span that called the model (the target rule)."""
        for request in self.exports():
            for span, _, _ in model_otlp.all_spans(request):
                if model_otlp.attributes(span.get("attributes")).get("langtrace.service.type") == "llm":
                    return span["spanId"]
        return ANY

    def ready(self):
        if self.project is None or self.broken:
            raise Failure(f"the scenario cannot be read back: {self.broken or 'it was not sent'}")
        return self.project

    def read_traces(self, environment):
        equal(self.ready().lt.traces(), model_langtrace.expected(self.exports()), "POST /api/traces")

    def read_langwatch(self, environment):
        check_langwatch(self.ready(), self.exports())

    def read_lunary(self, environment):
        check_lunary(self.ready(), self.exports())

    def twice(self, environment):
        p = self.ready()
        before = (p.lt.traces(), [without_receipts(t) for t in p.lw.walk(includeSpans=True)])
        for request in self.requests:
            if self.is_span_request(request) and request["response"].get("status") != 401:
                status(self.send(request), 200)
        after = (p.lt.traces(), [without_receipts(t) for t in p.lw.walk(includeSpans=True)])
        equal(after, before, "all reads after the second replay")
        true(len(before[0]) == len(model_langtrace.expected(self.exports())), "number of traces")


def without_receipts(trace):
    for key in ("updated_at", "inserted_at"):
        trace["timestamps"].pop(key, None)
    return trace


def tests(environment):
    root = os.path.join(environment.test, "fixtures")
    for name in FOLDERS:
        folder = os.path.join(root, name)
        for file in sorted(f for f in os.listdir(folder) if f.endswith(".json")):
            with open(os.path.join(folder, file), encoding="utf-8") as f:
                scenario = Scenario(folder, file[:-len(".json")], json.load(f))
            test = f"replay/{name}/{scenario.name}"
            yield f"{test}/sent", scenario.sent
            yield f"{test}/traces", scenario.read_traces
            yield f"{test}/langwatch", scenario.read_langwatch
            yield f"{test}/lunary", scenario.read_lunary
            yield f"{test}/twice", scenario.twice
