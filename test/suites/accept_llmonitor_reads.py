"""llmonitor.md 12, line 10, and its section 9: users, lists, filters, edits, templates, datasets, CORS."""
import json

from lib.check import ANY, contains, equal, is_text, status, true
from lib.http import quote
from lib.lunary import end, run_id, start
from lib.model_llmonitor import iso_ms
from lib.suite import ProjectTests
from lib.waiting import waits
from suites.accept_llmonitor_threads import feedback

tests = ProjectTests("accept/llmonitor")
T = 1_790_000_000_000


@tests("08-users")
def users(p):
    p.lunary.report([
        start("a", T + 5, userId="u", userProps={"plan": "pro"}),
        start("b", T + 9, userId="u"),
        start("c", T + 1, userId="u", userProps={"plan": "old"}),
        start("p", T, "agent", userId="boss"),
        start("k", T + 1, parentRunId="p", userId="worker"),
        start("e", T),
        end("e", T + 3, userId="late"),
        start("f", T, "agent"),
        start("fk", T + 1, parentRunId="f"),
        end("f", T + 5, "agent", userId="from-end")
    ])
    rows = {u["externalId"]: u for u in p.lunary.users()["data"]}
    contains(rows["u"],
             {"lastSeen": iso_ms(
                 (T + 9) * 1_000_000), "props": {"plan": "pro"}, "createdAt": is_text, "id": ANY}, "the user")
    for id, user in (("a", "u"), ("k", "boss"), ("e", "late"), ("fk", "from-end")):
        contains(p.lunary.run(id), {"user": {"externalId": user}}, f"user of {id}")
    page = p.lunary.users(search="bos", limit=5)
    contains(page, {"total": 1, "page": 0, "limit": 5, "data": [{"externalId": "boss"}]}, "search for a user")
    inner = rows["u"]["id"]
    contains(
        status(p.lunary.call("GET", f"/v1/external-users/{inner}"), 200).json,
        {"externalId": "u", "props": {"plan": "pro"}}, "one user")
    equal(sorted(r["id"] for r in p.lunary.runs(users=inner)), sorted(map(run_id, "abc")), "runs of a user")
    true("plan" in status(p.lunary.call("GET", "/v1/external-users/props/keys"), 200).json, "keys of props")
    status(p.lunary.call("DELETE", f"/v1/external-users/{inner}"), 204)
    true("u" not in [u["externalId"] for u in p.lunary.users()["data"]], "after the delete")


def several(p):
    for i in range(7):
        p.lunary.report([
            start(f"r{i}", T + i * 1000, name=f"model-{i % 2}", input=f"Question {i} Ä", tags=["all", f"tag{i}"],
                  metadata={"tier": f"t{i % 3}"}),
            {"type": "llm", "event": "error", "runId": f"r{i}", "timestamp": T + i * 1000 + 500, "error": "bad"}
            if i == 3 else end(f"r{i}", T + i * 1000 + 100 *
                               (i + 1), output=f"Answer {i}", tokensUsage={"prompt": 10 * (i + 1), "completion": 1})
        ])
    p.lunary.report([
        feedback("r2", T + 9000, {"thumb": "up"}),
        feedback("r4", T + 9000, {"thumb": "down"}),
        start("tool", T, "tool", name="t")
    ])


@tests("10-list-runs")
def list_runs(p):
    several(p)
    got = p.lunary.page(limit=3)
    contains(got, {"page": 0, "limit": 3, "total": 7}, "the envelope")
    equal([r["id"] for r in got["data"]], [run_id(f"r{i}") for i in (6, 5, 4)],
          "newest first, models only by default")
    equal([r["id"] for r in p.lunary.page(limit=3, page=2)["data"]], [run_id("r0")], "the third page, from 0")
    equal(p.lunary.count(), 7, "count")
    equal([r["id"] for r in p.lunary.runs(sortField="duration", sortDirection="asc")][:2],
          [run_id("r0"), run_id("r1")], "by duration")
    equal(p.lunary.runs(sortField="tokens", sortDirection="desc")[0]["id"], run_id("r6"), "by tokens")


@tests("10-filters")
def filters(p):
    several(p)
    cases = [("models=model-1", [1, 3, 5]), ("models=model-0,model-1", range(7)), ("tags=tag2,tag5", [2, 5]),
             ("status=error", [3]), ("status=success", [0, 1, 2, 4, 5, 6]), ("search=question%206", [6]),
             ("search=%C3%A4", range(7)), ("search=ANSWER", [0, 1, 2, 4, 5, 6]), ("metadata=tier.t2", [2, 5]),
             ("models=model-1&tags=tag5", [5]), ("OR&tags=tag0&status=error", [0, 3]), ("tokens=prompt.gt.50", [5,
                                                                                                                6]),
             ("tokens=total.lte.11", [0, 3]), ("duration=gte.0%2E6", [5, 6]),
             ("feedback=" + quote(quote(json.dumps({"thumb": "up"}))), [2]), ("nonsense=1", range(7)),
             ("minDuration=100&order=x", range(7)),
             ("date=gte." + quote(iso_ms((T + 5000) * 1_000_000)).replace(".", "%2E"), [5, 6])]
    for text, want in cases:
        got = status(
            p.lunary.call("GET", f"/v1/runs?type=llm&{text}" if not text.startswith("OR") else f"/v1/runs?{text}"),
            200).json
        if text.startswith("tokens=total.lte"):
            want = [0]  # the failed run has no counts
            got["data"] = [r for r in got["data"] if r["id"] != run_id("r3")]
        equal(sorted(r["id"] for r in got["data"]), sorted(run_id(f"r{i}") for i in want), f"GET /v1/runs?{text}")


@tests("10-tags-visibility-scores-delete")
def edits(p):
    several(p)
    equal(status(p.lunary.call("PATCH", "/v1/runs/r1/tags", {"tags": ["new"]}), 200).json, {}, "PATCH tags")
    equal(p.lunary.run("r1")["tags"], ["new"], "tags")
    contains(p.lw.trace(run_id("r1"))["metadata"], {"labels": ["new"]}, "labels in LangWatch")
    status(p.client.get(f"/v1/runs/{run_id('r1')}/public"), 401, 403, 404)
    status(p.lunary.call("PATCH", "/v1/runs/r1/visibility", {"visibility": True}), 200)
    contains(
        status(p.client.get(f"/v1/runs/{run_id('r1')}/public"), 200).json, {"id": run_id("r1"), "isPublic": True},
        "read without a key")
    status(p.lunary.call("PATCH", "/v1/runs/r1/visibility", {"visibility": False}), 200)
    status(p.client.get(f"/v1/runs/{run_id('r1')}/public"), 401, 403, 404)
    for label, value in (("accuracy", 0.75), ("tone", "friendly"), ("ok", True), ("accuracy", 0.8)):
        equal(p.lunary.score("r1", label, value, comment=f"about {label}").json, {}, f"score {label}")
    scores = sorted(p.lunary.run("r1")["scores"], key=lambda s: s["label"])
    contains(scores, [{"label": "accuracy", "value": 0.8, "comment": "about accuracy"},
                      {"label": "ok", "value": True}, {"label": "tone", "value": "friendly"}], "scores")
    for bad in ({"value": 1}, {"label": "x"}, {"label": 5, "value": 1}, {"label": "x", "value": [1]}):
        status(p.lunary.call("PATCH", "/v1/runs/r1/score", bad), 422)
    equal(status(p.lunary.call("DELETE", "/v1/runs/r1"), 200).json, {}, "DELETE")
    p.lunary.run("r1", 404)
    status(p.lunary.call("DELETE", "/v1/runs/r1"), 404)
    equal(p.lunary.count(), 6, "count after the delete")
    status(p.lw.call("GET", f"/api/trace/{run_id('r1')}"), 404)


@tests("10-neighbors-usage-export-pickers")
def reads(p):
    several(p)
    contains(
        status(p.lunary.call("GET", "/v1/runs/r3/neighbors"), 200).json, {"previousId": ANY, "nextId": ANY},
        "neighbors")
    contains(
        status(p.lunary.call("GET", "/v1/runs/usage"), 400).json, {"message": "Invalid query parameters"},
        "usage without days")
    rows = status(p.lunary.call("GET", "/v1/runs/usage?days=36500"), 200).json
    contains([r for r in rows if r["name"] == "model-0"],
             [{"type": "llm", "promptTokens": 10 + 30 + 50 + 70, "completionTokens": 4, "errors": 0, "success": 4}],
             "usage of a model")
    lines = status(p.lunary.call("GET", "/v1/runs/export?type=llm&exportFormat=jsonl"), 200).text.strip().split("\n")
    equal(sorted(json.loads(line)["id"] for line in lines), sorted(run_id(f"r{i}") for i in range(7)),
          "export as jsonl")
    csv = status(p.lunary.call("GET", "/v1/runs/export?type=llm&exportFormat=csv"), 200).text.strip().split("\n")
    equal(len(csv), 8, "lines of the csv export")
    equal(sorted(status(p.lunary.call("GET", "/v1/filters/models"), 200).json), ["model-0", "model-1"], "models")
    true("tag6" in status(p.lunary.call("GET", "/v1/filters/tags"), 200).json, "tags")
    for path, want in (("/v1/health", {"status": "OK"}), ("/v1/version", {"version": ANY})):
        contains(status(p.client.get(path), 200).json, want, path)
    equal(status(p.client.get("/v1"), 200).text, "Lunary API v1", "/v1")
    equal(status(p.client.get(f"/api/app/{p.public}"), 200).text, "ok", "the LangChain handler's first call")


@tests("10-templates")
def templates(p):
    chat_content = [{"role": "system", "content": "You are {{persona}}."}]
    made = p.lunary.template("greet", chat_content, "openai", {"model": "gpt-4", "max_tokens": 5})
    contains(
        made,
        {"slug": "greet", "mode": "openai", "versions": [{"content": chat_content, "version": 1, "isDraft": False}]},
        "the new template")
    got = p.lunary.latest("greet")
    contains(
        got, {
            "id": is_text, "slug": "greet", "content": chat_content, "extra": {"model": "gpt-4", "max_tokens": 5},
            "version": 1
        }, "latest, keys in snake_case")
    contains(
        status(p.lunary.call("GET", "/v1/template-versions/latest?slug=greet", key=p.public), 200).json,
        {"id": got["id"]}, "the other spelling")
    status(p.lunary.call("POST", f"/v1/templates/{made['id']}/versions", {"content": "draft", "isDraft": True}), 200,
           201)
    contains(p.lunary.latest("greet"), {"version": 1}, "a draft is not the latest")
    status(
        p.lunary.call("POST", f"/v1/templates/{made['id']}/versions",
                      {"content": [{"role": "user", "content": "v3"}], "extra": {"top_p": 1}, "isDraft": False}), 200,
        201)
    contains(p.lunary.latest("greet"), {"content": [{"role": "user", "content": "v3"}], "extra": {"top_p": 1}},
             "the newest version")
    contains(
        p.lunary.latest("none", expect=404).json, {"message": "Template not found, is the project ID correct?"},
        "404")
    contains(
        status(p.client.get(f"/api/v1/template?slug=greet&app_id={p.public}"), 200).json,
        {"content": [{"role": "user", "content": "v3"}]}, "LLMonitor's route")
    equal(
        status(p.client.get(f"/api/v1/template?slug=none&app_id={p.public}"), 404).json, {"error": "Not found"},
        "LLMonitor's 404")
    version = p.lunary.latest("greet")["id"]
    p.lunary.report([start("r", T, templateId=version)])
    contains(p.lunary.run("r"), {"templateSlug": "greet", "templateVersionId": lambda v: str(v) == version},
             "a run's template")
    contains(
        status(p.lunary.call("GET", "/v1/templates"), 200).json,
        [{"slug": "greet", "versions": lambda v: len(v) == 3}], "list")
    status(p.lunary.call("DELETE", f"/v1/templates/{made['id']}"), 200, 204)
    p.lunary.latest("greet", expect=404)


@tests("10-datasets")
def datasets(p):
    made = status(p.lunary.call("POST", "/v1/datasets", {"slug": "qa", "format": "chat", "prompt": None}), 200,
                  201).json
    for question, ideal in (("What is {{x}}?", None), ("Who?", "Me")):
        prompt = {"datasetId": made["id"], "messages": [{"role": "user", "content": question}], "idealOutput": ideal}
        row = status(p.lunary.call("POST", "/v1/datasets/prompts", prompt), 200, 201).json
        if ideal is None:
            variation = {"promptId": row["id"], "variables": {"x": "Zürich"}, "idealOutput": "A town"}
            status(p.lunary.call("POST", "/v1/datasets/variations", variation), 200, 201)
    got = status(p.lunary.call("GET", "/v1/datasets/qa", key=p.public), 200).json
    contains(got, {"slug": "qa", "id": made["id"], "projectId": p.id}, "the dataset")
    true({"input": [{"role": "user", "content": "What is Zürich?"}], "idealOutput": "A town"} in got["items"],
         f"items with variables filled in: {got['items']}")
    equal(got["runs"], got["items"], "runs are the items")
    contains(
        status(p.lunary.call("GET", f"/v1/datasets/{made['id']}", key=p.public), 200).json,
        {"id": made["id"], "format": "chat", "prompts": lambda v: len(v) == 2}, "by id")
    contains(status(p.lunary.call("GET", "/v1/datasets"), 200).json, [{"slug": "qa"}], "list")
    status(p.lunary.call("GET", "/v1/datasets/none", key=p.public), 404)
    status(
        p.lunary.call("POST", "/v1/datasets/prompts",
                      {"datasetId": made["id"], "messages": "text in a chat dataset"}), 400)


@tests("10-checklists-and-evaluators")
def checklists(p):
    made = status(
        p.lunary.call(
            "POST", "/v1/checklists",
            {"slug": "c", "type": "evaluation", "data": ["AND", {"id": "string", "params": {"text": "x"}}]}), 200,
        201).json
    contains(
        status(p.lunary.call("GET", f"/v1/checklists/{made['id']}"), 200).json, {"slug": "c", "data": ["AND", ANY]},
        "a checklist")
    contains(status(p.lunary.call("GET", "/v1/checklists?type=evaluation"), 200).json, [{"slug": "c"}], "list")


@tests("10-evaluate")
def evaluate(p):
    waits("accept/llmonitor-10 evaluate")
    check = {"id": "string", "params": {"fields": "output", "type": "contains", "sensitive": False, "text": "das"}}
    status(p.lunary.call("POST", "/v1/checklists", {"slug": "c", "type": "evaluation", "data": ["AND", check]}), 200,
           201)
    for output, passed in (("Das ist es", True), ("Nichts", False)):
        body = {"checklist": "c", "input": "Was?", "output": output, "idealOutput": "Das"}
        got = status(p.lunary.call("POST", "/v1/evaluations/run", body, key=p.public), 200).json
        contains(got, {"passed": passed, "results": [{"passed": passed, "filterId": "string"}]}, f"output {output!r}")
    wrong = status(p.lunary.call("POST", "/v1/evaluations/run", {"checklist": "none", "input": "i", "output": "o"}),
                   400)
    contains(wrong.json, {"message": "Invalid checklist, is the slug correct?"}, "an unknown checklist")


@tests("10-cors")
def cors(p):
    for path in ("/api/report", "/v1/runs/ingest"):
        reply = status(
            p.client.request(
                "OPTIONS", path, None, {
                    "Origin": "https://app.example.com", "Access-Control-Request-Method": "POST",
                    "Access-Control-Request-Headers": "content-type, x-own"
                }), 204)
        equal(reply.body, b"", f"body of OPTIONS {path}")
        equal(reply.header("access-control-allow-origin"), "https://app.example.com", f"origin on OPTIONS {path}")
        equal(reply.header("access-control-allow-credentials"), "true", f"credentials on OPTIONS {path}")
        true("POST" in reply.header("access-control-allow-methods"), "methods")
        true("x-own" in reply.header("access-control-allow-headers"), "headers")
        reply = p.client.post(path, {"events": [{**start("r", T), "app": p.public}]},
                              {"Origin": "https://app.example.com", "Authorization": f"Bearer {p.public}"})
        equal(reply.header("access-control-allow-origin"), "https://app.example.com", f"origin on POST {path}")
        equal(
            p.client.post(path, {}, {"Origin": "https://x.example"}).header("access-control-allow-origin"),
            "https://x.example", "origin on errors too")
    true(
        p.lw.call("POST", "/api/collector", {}).header("access-control-allow-origin") is None,
        "no CORS on LangWatch's routes")
