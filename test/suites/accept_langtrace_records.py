"""langtrace.md 12, lines 4 to 7, 9 and 12: projects, keys, prompts, evaluations, datasets."""
import re

from lib import projects
from lib.check import ANY, NONE, contains, equal, says, status, true
from lib.langtrace import S, Langtrace, Span, base64_of, protobuf, validate
from lib.suite import ProjectTests

tests = ProjectTests("accept/langtrace")
T = 1_790_000_000 * S
TRACE, ROOT, LLM = "cbdeabe78296f41d2c16d53b44e6aae3", "ae97d797e2caacf0", "b001364bd8903a8c"
REFUSED = {"message": "Unauthorized. Invalid API key", "error": "Unauthorized. Invalid API key"}


def refused(reply):
    equal(validate(status(reply, 401).json, "Error"), REFUSED, reply.what)


# ---- 4: keys ----


@tests("04-keys")
def keys(p):
    routes = [("POST", "/api/trace", []), ("POST", "/api/traces", {"projectId": p.id, "page": 1, "pageSize": 1}),
              ("GET", "/api/promptset?promptset_id=x", None), ("GET", "/api/evaluation?spanId=x", None),
              ("GET", "/api/project", None), ("GET", "/api/test", None), ("POST", "/api/run", {})]
    for method, path, body in routes:
        for headers in ({}, {"X-API-Key": ""}, {"X-API-Key": "f" * 64}, {"X-API-Key": projects.TEAM_KEY}):
            refused(p.client.request(method, path, body, headers))
        for headers in ({"X-API-Key": p.lt.key}, {"X-API-Key": p.keys["tracewell"]}):
            reply = p.client.request(method, path, body, headers)
            true(reply.status != 401, f"{reply.what} with {headers} answered 401")
    for path in ("/api/project", f"/api/api-key?project_id={p.id}"):
        for headers in ({}, {"X-API-Key": "f" * 64}, {"X-API-Key": p.keys["tracewell"]}, {"X-API-Key": p.langwatch_key}):
            refused(p.client.request("POST", path, {"teamId": projects.TEAM}, headers))


@tests("04-key-first-then-body")
def key_first(p):
    refused(p.client.request("POST", "/api/trace", b"{", {"X-API-Key": "f" * 64}))
    refused(p.client.request("POST", "/api/project", b"{", {"X-API-Key": "f" * 64}))


# ---- 5: projects ----


def team(p, method, path, body=None, key=projects.TEAM_KEY):
    return p.client.request(method, path, body, {"X-API-Key": key})


def make_project(p, **body):
    return status(team(p, "POST", "/api/project", {"teamId": projects.TEAM, **body}), 200).json


def mint(p, project_id, key=projects.TEAM_KEY):
    return status(team(p, "POST", f"/api/api-key?project_id={project_id}", key=key), 200).json


@tests("05-project")
def project(p):
    made = validate(make_project(p, name="My Project", description="for tests", type="crewai"), "Project")
    fields = {"name": "My Project", "description": "for tests", "teamId": projects.TEAM, "type": "crewai"}
    contains(made, fields, "the project")
    data = made.pop("data")
    equal(data, made, "the project under data")
    client = Langtrace(p.client, mint(p, made["id"])["apiKey"], made["id"])
    equal(client.ok("GET", "/api/project")["project"], made, "the project as its key sees it")
    tests = client.ok("GET", "/api/test")["tests"]
    equal([t["name"] for t in tests], ["factual accuracy", "quality"], "default tests")
    for test in tests:
        contains(
            test, {
                "type": "manual", "min": -1, "max": 1, "step": 2, "evaluationCriteria": None, "projectId": made["id"],
                "description": lambda d: len(d) > 20
            }, "a default test")
    again = make_project(p, name="My Project", createDefaultTests=False)
    true(again["id"] != made["id"], "the same name makes a second project")
    client = Langtrace(p.client, mint(p, again["id"])["apiKey"], again["id"])
    equal(client.ok("GET", "/api/test")["tests"], [], "no default tests")
    equal(client.traces(), [], "a new project is empty")


@tests("05-project-errors")
def project_errors(p):
    for body in ({}, {"name": "x"}, {"teamId": None}, {"teamId": ""}):
        says(status(team(p, "POST", "/api/project", body), 400), "teamId is required")
    for other in ("nobody", "acme", "globex"):
        refused(team(p, "POST", "/api/project", {"teamId": other, "name": "x"}))
    refused(team(p, "POST", "/api/project", {"teamId": projects.TEAM}, key=p.lt.key))
    for body, field in ((b"{", None), (b"[]", None), ({"teamId": 5}, "teamId"), ({"teamId": projects.TEAM, "name": 5}, "name"),
                        ({"teamId": projects.TEAM, "description": []}, "description"),
                        ({"teamId": projects.TEAM, "createDefaultTests": "no"}, "createDefaultTests"),
                        ({"teamId": projects.TEAM, "name": "x" * 1000}, "name"),
                        ({"teamId": projects.TEAM, "description": "x" * 10_000}, "description")):
        reply = status(team(p, "POST", "/api/project", body), 400)
        validate(reply.json, "Error")
        says(reply, field or "")


# ---- 6: minting ----


@tests("06-api-key")
def api_key(p):
    made = make_project(p, name="keys")
    first = validate(mint(p, made["id"]), "ApiKeyResponse")
    equal(first, {"apiKey": first["apiKey"], "data": {"apiKey": first["apiKey"]}}, "the answer")
    true(re.fullmatch("[0-9a-f]{64}", first["apiKey"]), f"form of the key: {first['apiKey']}")
    status(p.lt.call("POST", "/api/trace", [], key=first["apiKey"]), 200)
    second = mint(p, made["id"])["apiKey"]
    refused(p.lt.call("POST", "/api/trace", [], key=first["apiKey"]))
    status(p.lt.call("POST", "/api/trace", [], key=second), 200)
    third = mint(p, made["id"], key=second)["apiKey"]  # a project's own key renews itself
    refused(p.lt.call("POST", "/api/trace", [], key=second))
    status(p.lt.call("POST", "/api/trace", [], key=third), 200)
    status(p.lt.call("POST", f"/api/api-key?project_Id={made['id']}", key=third), 200)


@tests("06-keys-made-elsewhere-stay")
def elsewhere(p):
    mint(p, p.id)
    mint(p, p.id)
    status(p.lt.call("POST", "/api/trace", []), 200)
    status(team(p, "POST", "/api/project", {"teamId": projects.TEAM, "name": "still"}), 200)


@tests("06-api-key-errors")
def api_key_errors(p):
    says(status(team(p, "POST", "/api/api-key"), 400), "Missing project_id or team_id")
    says(status(team(p, "POST", "/api/api-key?project_id="), 400), "Missing project_id or team_id")
    for id in ("nobody", "11111111-1111-4111-8111-111111111111"):  # the second is another team's
        says(status(team(p, "POST", f"/api/api-key?project_id={id}"), 404), "No projects found")
    refused(p.client.request("POST", f"/api/api-key?project_id={p.id}"))
    refused(team(p, "POST", "/api/api-key?team_id=acme"))
    refused(team(p, "POST", f"/api/api-key?team_id={projects.TEAM}", key=p.lt.key))
    refused(team(p, "POST", "/api/api-key?project_id=11111111-1111-4111-8111-111111111111", key=p.lt.key))


@tests("06-team-key")
def team_key(p):
    key = status(team(p, "POST", f"/api/api-key?team_id={projects.TEAM}"), 200).json["apiKey"]
    made = status(team(p, "POST", "/api/project", {"teamId": projects.TEAM, "name": "by the new key"}, key=key), 200)
    validate(made.json, "Project")
    refused(p.lt.call("POST", "/api/trace", [], key=key))
    status(team(p, "POST", f"/api/api-key?team_id={projects.TEAM}"), 200)
    refused(team(p, "POST", "/api/project", {"teamId": projects.TEAM}, key=key))


# ---- 7: prompts ----


@tests("07-promptset")
def promptset(p):
    made = p.lt.make_set("greetings", description="hello")
    contains(made, {"name": "greetings", "description": "hello", "projectId": p.id}, "the set")
    id = made["id"]
    says(p.lt.fetch(id, 400), "No live prompts found. A prompt version must be specified")
    first = p.lt.make_prompt(id, "v1 {name}", variables=["name"], live=True, model="gpt-4o",
                             modelSettings={"temperature": 0.5}, note="first", tags=["a"], spanId="s1")
    p.lt.make_prompt(id, "v2", live=False)
    got = validate(p.lt.fetch(id), "PromptSet")
    contains(got, {k: made[k] for k in ("id", "name", "description", "projectId", "createdAt")}, "the set of the answer")
    equal(got["prompts"], [first], "the live prompt")
    contains(
        first, {
            "value": "v1 {name}", "variables": ["name"], "model": "gpt-4o", "modelSettings": {"temperature": 0.5},
            "version": 1, "live": True, "tags": ["a"], "spanId": "s1", "note": "first", "promptsetId": id
        }, "its fields")
    contains(p.lt.fetch(id, version=2)["prompts"], [{"value": "v2", "version": 2, "live": False}], "by version")
    says(p.lt.fetch(id, 404, version=9), "No prompts found with the specified version")
    says(p.lt.fetch(id, 400, version="x"), "version")
    says(p.lt.fetch("nobody", 400), "No live prompts found. A prompt version must be specified")
    says(p.lt.fetch("nobody", 404, version=1), "No prompts found with the specified version")
    says(status(p.lt.call("GET", "/api/promptset"), 400), "No live prompts found")


@tests("07-live-moves")
def live(p):
    id = p.lt.make_set()["id"]
    one, two = p.lt.make_prompt(id, "one", live=True), p.lt.make_prompt(id, "two", live=True)
    equal([x["id"] for x in p.lt.fetch(id)["prompts"]], [two["id"]], "the newer live one")
    equal([x["live"] for x in p.lt.fetch(id, version=1)["prompts"]], [False], "the older one is off")
    contains(p.lt.ok("PUT", "/api/prompt", {"id": one["id"], "live": True})["data"], {"live": True, "value": "one"}, "on")
    equal([x["id"] for x in p.lt.fetch(id)["prompts"]], [one["id"]], "the one that was turned on")
    p.lt.ok("PUT", "/api/prompt", {"id": one["id"], "live": False})
    says(p.lt.fetch(id, 400), "No live prompts found")


@tests("07-variables")
def variables(p):
    id = p.lt.make_set()["id"]
    p.lt.make_prompt(id, "Hi ${name}, {n} of {n}; {other} {na me} ${} {{name}}", variables=["name", "n"], live=True)
    value = lambda **v: p.lt.fetch(id, **v)["prompts"][0]["value"]
    equal(value(name="Bob Lee", n="5"), "Hi Bob Lee, 5 of 5; {other} {na me} ${} {Bob Lee}", "both kinds, all of them")
    equal(value(name="{n}", n="true", other="+&ü"), "Hi {n}, true of true; +&ü {na me} ${} {{n}}", "one pass, as text")
    equal(value(), "Hi ${name}, {n} of {n}; {other} {na me} ${} {{name}}", "untouched without variables")
    says(p.lt.fetch(id, 400, name="x"), "Variable n is missing")
    says(p.lt.fetch(id, 400, other="x"), "Variables name, n are missing")
    says(p.lt.fetch(id, 400, name="", n="1"), "Variable name is missing")
    equal(value(**{"a.b": "1"}), "Hi ${name}, {n} of {n}; {other} {na me} ${} {{name}}", "a dotted name is no variable")


@tests("07-same-version-twice")
def twice(p):
    id = p.lt.make_set()["id"]
    for value in ("old", "new"):
        p.lt.make_prompt(id, value, version=7)
    equal([x["value"] for x in p.lt.fetch(id, version=7)["prompts"]], ["new", "old"], "all of that number, newest first")


@tests("07-edits")
def edits(p):
    made = p.lt.make_set("one")
    prompt = p.lt.make_prompt(made["id"], "v", model="m1", modelSettings={"top_p": 1}, variables=["a"], live=True, note="n")
    changed = p.lt.ok("PUT", "/api/prompt", {"id": prompt["id"], "model": "m2"})["data"]
    equal({**changed, "updatedAt": 0}, {**prompt, "model": "m2", "updatedAt": 0}, "one field changed, the rest stays")
    changed = p.lt.ok("PUT", "/api/prompt", {"id": prompt["id"], "value": "w", "modelSettings": {}, "version": 3})["data"]
    contains(changed, {"value": "w", "modelSettings": {}, "model": "m2", "version": 3, "live": True}, "more fields")
    contains(p.lt.ok("PUT", "/api/promptset", {"id": made["id"], "name": "two"})["promptset"], {"name": "two"}, "renamed")
    contains(p.lt.ok("DELETE", f"/api/promptset?id={made['id']}")["promptset"], {"id": made["id"]}, "removed")
    p.lt.fetch(made["id"], 400)
    for method, path, body, code, what in (
        ("POST", "/api/promptset", {}, 400, "name"), ("POST", "/api/promptset", {"name": "x", "projectId": "other"}, 401, "Invalid"),
        ("PUT", "/api/promptset", {"id": "nobody", "name": "x"}, 404, "promptset"), ("PUT", "/api/promptset", {}, 400, "id"),
        ("DELETE", "/api/promptset", None, 400, "id"), ("POST", "/api/prompt", {"value": "x"}, 400, "promptsetId"),
        ("POST", "/api/prompt", {"promptsetId": "x"}, 400, "value"),
        ("POST", "/api/prompt", {"promptsetId": "nobody", "value": "x"}, 404, "promptset"),
        ("POST", "/api/prompt", {"promptsetId": "x", "value": "x", "live": 1}, 400, "live"),
        ("POST", "/api/prompt", {"promptsetId": "x", "value": "x", "version": 0}, 400, "version"),
        ("POST", "/api/prompt", {"promptsetId": "x", "value": "x", "version": 2**63 - 1}, 400, "version"),
        ("POST", "/api/prompt", {"promptsetId": "x", "value": "x", "variables": [1]}, 400, "variables"),
        ("POST", "/api/prompt", {"promptsetId": "x", "value": "x", "modelSettings": []}, 400, "modelSettings"),
        ("PUT", "/api/prompt", {"id": "nobody"}, 404, "No prompts"), ("PUT", "/api/prompt", {}, 400, "id")):
        says(status(p.lt.call(method, path, body), code), what)


@tests("07-one-registry")
def registry(p):
    """A live prompt is a published template of Lunary's; a draft is not; a Lunary template is a prompt set."""
    made = p.lt.make_set("shared-set")
    p.lt.make_prompt(made["id"], "draft", live=False)
    true(p.lunary.latest("shared-set", expect=404) is not None, "a draft is not served")
    p.lt.make_prompt(made["id"], "Hallo {name}", live=True, model="gpt-4o")
    contains(p.lunary.latest("shared-set"), {"content": "Hallo {name}", "extra": {"model": "gpt-4o"}}, "as Lunary's template")
    p.lunary.template("from-lunary", "Salut", "text", {"model": "m"})
    template = status(p.lunary.call("GET", "/v1/templates"), 200).json
    id = str([t["id"] for t in template if t["slug"] == "from-lunary"][0])
    contains(validate(p.lt.fetch(id), "PromptSet"), {"name": "from-lunary", "prompts": [{"value": "Salut", "model": "m", "live": True}]},
             "as a prompt set")


# ---- 9: evaluations ----


def flow(p, id_of, trace_of, sent=True):
    """The SDK's flow: GET, then POST, and PUT from then on; ids in whatever spelling."""
    got = lambda: p.lt.evaluations(id_of(ROOT))
    equal(got(), [], "before")
    body = {"userId": "ich", "userScore": 1, "spanId": id_of(ROOT), "traceId": trace_of(TRACE)}
    made = p.lt.ok("POST", "/api/evaluation", body)["data"]
    target = LLM if sent else ROOT
    contains(
        made, {
            "id": ANY, "spanId": target, "traceId": TRACE, "projectId": p.id, "userId": "ich", "userScore": 1, "reason": "",
            "type": "llm", "testId": None, "createdAt": ANY, "updatedAt": ANY
        }, "the evaluation")
    equal(got(), [made], "found under the id that was given")
    changed = p.lt.ok("PUT", "/api/evaluation", {**body, "userScore": -1})["data"]
    equal({**changed, "updatedAt": 0}, {**made, "userScore": -1, "updatedAt": 0}, "changed")
    says(status(p.lt.call("POST", "/api/evaluation", body), 400), "Evaluation already exists for this span")
    equal([e["userScore"] for e in got()], [-1], "afterwards")


def rated_trace():
    return [Span(TRACE, ROOT, T, T + S, name="root"),
            Span(TRACE, LLM, T + 5, T + S, name="call", parent=ROOT, attributes={"langtrace.service.type": "llm"}),
            Span(TRACE, "0" * 15 + "1", T + 1, T + S, name="db", parent=ROOT, attributes={"langtrace.service.type": "vectordb"})]


@tests("09-feedback-in-base64")
def feedback_base64(p):
    """Python takes the root's ids in decimal and sends base64 of their bytes."""
    status(p.lt.send_protobuf(protobuf(*rated_trace())), 200)
    flow(p, base64_of, base64_of)
    equal(len(p.lt.evaluations(LLM)), 1, "found under the span it was put on")
    equal(len(p.lt.ok("GET", f"/api/feedback?spanId={ROOT}")["evaluations"]), 1, "feedback of the trace")


@tests("09-feedback-in-hex-and-decimal")
def feedback_hex(p):
    p.lt.send([s.typescript() for s in rated_trace()])
    flow(p, lambda id: id.upper(), lambda id: "0x" + id)
    equal(len(p.lt.evaluations(str(int(ROOT, 16)))), 1, "found under the decimal id")


@tests("09-feedback-before-the-spans")
def feedback_first(p):
    flow(p, lambda id: id, lambda id: id, sent=False)
    p.lt.send([s.typescript() for s in rated_trace()])
    equal([e["spanId"] for e in p.lt.evaluations(ROOT)], [ROOT], "kept under the given id")
    body = {"userId": "ich", "userScore": 1, "spanId": ROOT}
    contains(p.lt.ok("PUT", "/api/evaluation", body)["data"], {"spanId": LLM, "userScore": 1}, "put on its target when changed")
    equal(len(p.lt.evaluations(ROOT)), 1, "still found under the given id")
    equal(len(p.lt.ok("GET", f"/api/feedback?spanId={LLM}")["evaluations"]), 1, "feedback of the trace")


@tests("09-target-rule")
def target(p):
    """The earliest model call, else the earliest span of any service, else the span that was named."""
    def put_on(trace, spans):
        p.lt.send([s.typescript() for s in spans])
        return p.lt.ok("POST", "/api/evaluation", {
            "userId": "u", "userScore": 1, "traceId": trace, "spanId": spans[0].id
        })["data"]["spanId"]

    llm, db = {"langtrace.service.type": "llm"}, {"langtrace.service.type": "vectordb"}
    one, two = "1" * 32, "2" * 32
    equal(
        put_on(one, [Span(one, "a1" * 8, T, T + S), Span(one, "a2" * 8, T + 9, T + S, attributes=llm),
                     Span(one, "a3" * 8, T + 8, T + S, attributes=llm), Span(one, "a4" * 8, T, T + S, attributes=db)]),
        "a3" * 8, "the earliest model call")
    equal(put_on(two, [Span(two, "b1" * 8, T, T + S), Span(two, "b2" * 8, T + 9, T + S, attributes=db)]), "b2" * 8, "any service")
    equal(put_on("3" * 32, [Span("3" * 32, "c1" * 8, T, T + S)]), "c1" * 8, "the one that was named")


@tests("09-evaluation-errors")
def evaluation_errors(p):
    put = lambda **b: p.lt.call("PUT", "/api/evaluation", b)
    for body in ({}, {"spanId": ROOT, "userId": "u"}, {"userScore": 1, "userId": "u"}, {"spanId": ROOT, "userScore": 1}):
        says(status(put(**body), 400), "spanId, userId and userScore are required in the request body")
    says(status(put(spanId=ROOT, userId="u", userScore="1"), 400), "userScore must be a number")
    for score in (0, 2, 0.5):
        says(status(put(spanId=ROOT, userId="u", userScore=score), 400), "userScore must be 1 or -1")
    says(status(put(spanId=ROOT, userId="", userScore=1), 400), "userId must be a non-empty string")
    says(status(put(spanId=ROOT, userId=5, userScore=1), 400), "userId must be a non-empty string")
    says(status(put(spanId=ROOT, userId="u", userScore=1), 404), "Evaluation not found")
    post = lambda **b: p.lt.call("POST", "/api/evaluation", b)
    says(status(post(userScore=1, spanId=ROOT), 400), "traceId")
    says(status(post(userScore="x", spanId=ROOT, traceId=TRACE), 400), "userScore must be a number")
    says(status(post(spanId=ROOT, traceId=TRACE), 400), "userScore")
    says(status(post(spanId=ROOT, traceId=TRACE, testId="nobody", ltUserScore=1), 404), "test")
    says(status(p.lt.call("GET", "/api/evaluation"), 400), "spanId")
    equal(p.lt.evaluations(ROOT), [], "nothing is stored")
    equal(p.lt.ok("GET", f"/api/feedback?spanId={ROOT}")["evaluations"], [], "an unknown span has no feedback")


@tests("09-tests-and-judges")
def judges(p):
    p.lt.send([s.typescript() for s in rated_trace()])
    test = p.lt.ok("POST", "/api/test", {"name": "Tone Of Voice", "description": "d", "min": 0, "max": 5, "step": 1,
                                         "evaluationCriteria": "kind?"})["data"]
    contains(test, {"name": "tone of voice", "min": 0, "max": 5, "step": 1, "type": "manual", "evaluationCriteria": "kind?"}, "the test")
    equal(p.lt.ok("GET", "/api/test")["tests"], [test], "tests")
    body = {"testId": test["id"], "ltUserId": "judge", "ltUserScore": 4, "spanId": ROOT, "traceId": TRACE, "reason": "calm"}
    made = p.lt.ok("POST", "/api/evaluation", body)["data"]
    contains(made, {"spanId": LLM, "testId": test["id"], "ltUserScore": 4, "ltUserId": "judge", "userScore": None, "reason": "calm"}, "judged")
    p.lt.ok("POST", "/api/evaluation", {"userId": "u", "userScore": 1, "spanId": ROOT, "traceId": TRACE})
    equal(len(p.lt.evaluations(ROOT)), 2, "the user's and the judge's")
    equal(p.lt.evaluations(ROOT, testId=test["id"], includeTest="true"), [{**made, "Test": test}], "by test, with it")
    equal(p.lt.evaluations(ROOT, type="session"), [], "by type")
    equal([e["userScore"] for e in p.lt.ok("GET", f"/api/feedback?spanId={ROOT}")["evaluations"]], [1], "feedback is the user's")
    says(status(p.lt.call("POST", "/api/evaluation", body), 400), "already exists")
    rows = {e["name"]: e for e in p.lw.trace(TRACE)["evaluations"]}
    contains(rows, {"user_feedback": {"score": 1, "span_id": LLM}, "tone of voice": {"score": 4, "details": "calm"}},
             "LangWatch's evaluations")
    for wrong, field in (({}, "name"), ({"name": ""}, "name"), ({"name": "x", "min": "0"}, "min"), ({"name": 5}, "name")):
        says(status(p.lt.call("POST", "/api/test", wrong), 400), field)


# ---- datasets and runs (8) ----


@tests("08-datasets")
def datasets(p):
    made = p.lt.ok("POST", "/api/dataset", {"name": "Fragen \"1\"", "description": "d", "projectId": p.id})["dataset"]
    contains(made, {"id": ANY, "name": "Fragen \"1\"", "description": "d", "projectId": p.id}, "the dataset")
    download = lambda id, more="": p.lt.call("GET", f"/api/dataset/download?id={id}{more}")
    head = '"input","target","expected_output","model","note"\n'
    equal(status(download(made["id"]), 200).text, head, "an empty dataset")
    rows = [{"input": f"i{n}", "output": "o", "expectedOutput": "e", "model": "m", "note": "n"} for n in range(501)]
    rows[500] = {"input": 'say "hi",\nthen go'}
    equal(p.lt.ok("POST", "/api/data", {"datasetId": made["id"], "datas": rows}), {"data": {"count": 501}}, "rows")
    first, second = status(download(made["id"]), 200), status(download(made["id"], "&page=2"), 200)
    true(first.text.startswith(head + '"say ""hi"",\nthen go","","","",""\n"i499","o","e","m","n"\n'), f"newest first: {first.text[:200]}")
    equal(second.text, head + '"i0","o","e","m","n"\n', "the second page")
    equal(first.header("content-type"), "text/csv", "content type")
    true(
        re.fullmatch(r'attachment; filename="Fragen _1__\d{8}T\d{6}\.csv"', first.header("content-disposition") or ""),
        f"file name: {first.header('content-disposition')}")
    says(status(p.lt.call("GET", "/api/dataset/download"), 404), "No dataset id provided")
    says(status(download("nobody"), 404), "No datasets found")
    says(status(download(made["id"], "&page=0"), 400), "page")
    for body, field in (({"datasetId": made["id"]}, "datas"), ({"datas": []}, "datasetId"),
                        ({"datasetId": made["id"], "datas": [{"input": "ok"}, {"input": 5}]}, "datas[1].input"),
                        ({"datasetId": made["id"], "datas": [5]}, "datas[0]")):
        says(status(p.lt.call("POST", "/api/data", body), 400), field)
    says(status(p.lt.call("POST", "/api/data", {"datasetId": made["id"], "datas": [{}] * 10001}), 413), "datas")
    says(status(p.lt.call("POST", "/api/data", {"datasetId": "nobody", "datas": []}), 404), "No datasets found")
    equal(status(download(made["id"], "&page=2"), 200).text, second.text, "nothing of a wrong list is stored")


@tests("08-datasets-gone")
def dataset_gone(p):
    """A dataset of more rows than one question brings goes with all of them: the last one's id is free again."""
    made = p.lt.ok("POST", "/api/dataset", {"name": "large"})["dataset"]
    for n in (10000, 1):
        p.lt.ok("POST", "/api/data", {"datasetId": made["id"], "datas": [{}] * n})
    last = status(p.lw.call("GET", "/api/dataset/large/records?page=10001&limit=1"), 200).json["data"][0]["id"]
    status(p.lw.call("POST", "/api/dataset", {"name": "other"}), 201)
    status(p.lw.call("PATCH", f"/api/dataset/other/records/{last}", {"entry": {}}), 409)
    status(p.lw.call("DELETE", "/api/dataset/large"), 200)
    status(p.lw.call("PATCH", f"/api/dataset/other/records/{last}", {"entry": {}}), 201)


@tests("08-runs")
def runs(p):
    log = '{"eval":{"task":"t"},"status":"success"}'
    body = {"runId": "run-1", "taskId": "task-1", "log": log, "description": "d", "datasetId": "ds"}
    contains(p.lt.ok("POST", "/api/run", body)["run"], {**body, "projectId": p.id, "wfVersion": None, "createdAt": ANY}, "the run")
    for wrong, field in (({}, "runId"), ({**body, "log": "{"}, "log"), ({**body, "log": None}, "log"), ({**body, "runId": ""}, "runId")):
        says(status(p.lt.call("POST", "/api/run", wrong), 400), field)


@tests("08-health")
def health(p):
    contains(
        status(p.client.get("/api/health"), 200).json, {
            "status": "ok", "version": ANY, "uptime": lambda n: isinstance(n, int), "timestamp": ANY, "checks": {"store": "ok"}
        }, "health")


@tests("12-schemas-without-values")
def schemas(p):
    made = validate(make_project(p), "Project")
    contains(made, {"name": "", "description": "", "type": "default"}, "a project without a name")
    set_ = p.lt.make_set()
    p.lt.make_prompt(set_["id"], "bare", live=True)
    got = validate(p.lt.fetch(set_["id"]), "PromptSet")
    contains(got, {"description": "", "prompts": [{"model": "", "spanId": "", "note": "", "modelSettings": {}, "variables": [], "tags": []}]},
             "a prompt without a model")
    equal(p.lt.send([]), {"status": 200, "message": "Traces added successfully"}, "sendTrace")
