"""What a recorded scenario expects to find on the server, made through the API; and what its answers must say."""
from lib.check import ANY, contains, equal, status, true
from lib.lunary import run_id
from lib.model_llmonitor import flat, time_ns
from suites.replay_langwatch import seed

CHAT = [{"role": "system", "content": "You are {{persona}}."}, {"role": "user", "content": "Tell me about {{topic}}"}]
PY_CHAT = [{"role": "system", "content": "You are {{persona}}."},
           {"role": "user", "content": "Tell me about {{topic}} 🧐"}]


def lunary_templates(project):
    project.lunary.template("fixture-chat", CHAT, "openai",
                            {"model": "gpt-4o-mini", "temperature": 0.7, "max_tokens": 256})
    project.lunary.template("fixture-text", "Hello {{name}}, welcome to {{place}}!", "text",
                            {"model": "gpt-4o-mini", "temperature": 0.3, "max_tokens": 64})


def py_templates(project):
    project.lunary.template("chat-fx01", PY_CHAT, "openai",
                            {"model": "gpt-4o-mini", "temperature": 0.5, "max_tokens": 20})
    project.lunary.template("text-fx01", "Hallo {{name}}, willkommen in {{place}}! 👋", "text",
                            {"model": "gpt-4o-mini"})


def dataset(slug, question, ideal):
    def make(project):
        made = status(project.lunary.call("POST", "/v1/datasets", {"slug": slug, "format": "chat", "prompt": None}),
                      200, 201).json
        messages = [{"role": "user", "content": question}]
        body = {"datasetId": made["id"], "messages": messages, "idealOutput": ideal}
        status(project.lunary.call("POST", "/v1/datasets/prompts", body), 200, 201)

    return make


SEEDED = {
    ("langwatch@0.16.1", "datasets"): ["fixture-dataset"],
    ("py-langwatch@0.1.44", "dataset_and_batch_evaluation"): ["fragen-fx01"],
}

PREPARE = {
    **{scenario: seed(slugs[0]) for scenario, slugs in SEEDED.items()},
    ("lunary@1.0.18", "prompt_fetch_compile"): lunary_templates, ("py-lunary@1.4.41", "templates"): py_templates,
    ("lunary@1.0.18", "dataset_get"): dataset("fixture-dataset", "What is 2+2?", "4"),
    ("py-lunary@1.4.41", "datasets"): dataset("ds-fx01", "Was? 🤔", "Das"),
}


def check_answer(request, reply, started):
    """The answer against what the SDK reads of it; ids and dates of the recording are made up. started: run ids started before."""
    method, path, recorded = request["method"], request["path"].split("?")[0], request["response"].get("body")
    if reply.status == 401:
        true(isinstance(reply.json.get("message"), str), f"{reply.what}: a 401 has a message, got {reply.text}")
    elif path in ("/api/report", "/v1/runs/ingest"):
        equal(reply.json, {"results": results(request["body"]["events"], started)}, reply.what)
    elif path == "/api/collector":
        contains(reply.json, {"message": lambda m: m in ("Trace received successfully.", "No changes")}, reply.what)
    elif path == "/v1/template_versions/latest":
        check_template(reply, recorded)
    elif path == "/v1/templates/latest":
        wanted = sorted(recorded, key=lambda t: t["slug"])
        contains(sorted(reply.json, key=lambda t: t["slug"]),
                 [{k: t[k] for k in ("slug", "content", "extra", "version")} for t in wanted], reply.what)
    elif path.startswith("/v1/datasets/"):
        items = [{"input": i["input"], "idealOutput": i["idealOutput"]}
                 for i in recorded.get("items") or recorded["runs"]]
        contains(reply.json, {"slug": recorded["slug"], "items": items, "runs": items}, reply.what)
    elif path.endswith("/score"):
        equal(reply.json, {}, reply.what)
    elif path.endswith("/feedback"):
        check_feedback(request, reply)
    elif path.endswith("/share"):
        contains(reply.json, {"status": "success", "path": lambda p: p.startswith("/share/")}, reply.what)
    elif path == "/api/auth/validate":
        contains(reply.json, {"projectSlug": ANY}, reply.what)
    elif path == "/api/dataset/fragen-fx01" or method == "GET":
        true(reply.json is not None, reply.what)


def results(events, started):
    """One entry an event, in order of time, with the id as it was sent. A second start of one run is refused (llmonitor.md 4)."""
    found = []
    for e in sorted(flat(events), key=lambda e: time_ns(e["timestamp"])):
        id = {"id": e["runId"]} if e.get("runId") else {}
        if e.get("event") == "start" and e["runId"] in started:
            found.append({**id, "success": False, "error": "Run with this ID already exists in the database."})
        else:
            found.append({**id, "success": True})
        if e.get("event") == "start":
            started.add(e["runId"])
    return found


def check_template(reply, recorded):
    if reply.status == 404:
        contains(reply.json, {"message": "Template not found, is the project ID correct?"}, reply.what)
        return
    contains(reply.json,
             {"content": recorded["content"], "extra": recorded["extra"], "id": lambda v: isinstance(v, str)},
             reply.what)


def check_feedback(request, reply):
    """The SDK's `overwrite` is ignored by the server: feedback is merged key by key (llmonitor.md 2, 7)."""
    wanted = {
        4: {"thumb": "up", "comment": "sehr gut 👍", "emoji": "🎉"},
        6: {"thumb": "down", "comment": "sehr gut 👍", "emoji": "🎉"}
    }
    if request["method"] == "GET" and request[
            "path"] == f"/v1/runs/{run_id('5f666565-6462-4163-ab3a-313a66783031')}/feedback":
        equal(reply.json, wanted[request["seq"]], reply.what)
