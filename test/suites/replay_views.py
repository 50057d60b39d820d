"""The four ways stored rows are read: each dialect's own, and each through the other."""
from lib import model_langwatch as lwm
from lib import model_llmonitor as llm
from lib.check import ANY, NONE, contains, equal, true
from lib.langwatch import by_id
from lib.model_llmonitor import Exchange, Run


def without_enrichments(value):
    """Messages may carry `enrichments: []` (llmonitor.md 9)."""
    if isinstance(value, dict):
        return {k: without_enrichments(v) for k, v in value.items() if not (k == "enrichments" and v == [])}
    return [without_enrichments(v) for v in value] if isinstance(value, list) else value


# ---- Lunary's own view ----


def lunary_view(project, requests):
    model = llm.fold(requests)
    if not requests:
        return
    for run in model.runs.values():
        if isinstance(run, Run):
            check_run(project, model, run)
    for one in exchanges_of(model):
        check_exchange(project, model, one)
    check_lists(project, model)
    check_logs(project, model)
    check_threads(project, model, requests)
    check_users(project, model)


def exchanges_of(model):
    found = []
    for run in model.runs.values():
        if isinstance(run, Exchange) and run not in found:
            found.append(run)
    return found


def check_run(project, model, run):
    got = without_enrichments(project.lunary.run(run.id))
    want = llm.expected_run(model, run)
    duration = want.pop("duration", None)
    if duration is not None:
        contains(got, {"duration": lambda d: isinstance(d, (int, float)) and abs(d - duration) < 0.0011},
                 f"run {run.id}")
    root = llm.root_of(model, run)
    if isinstance(root, Exchange):
        want["traceId"] = lambda id: id in root.ids
    elif root is not run:
        want["traceId"] = root.id
    contains(got, want, f"run {run.id} ({run.name})")
    if isinstance(root, Run) and root is not run:
        rows = {r["id"]: r for r in project.lunary.related(root.id)}
        true(run.id in rows, f"/v1/runs/{root.id}/related lacks {run.id}, has {list(rows)}")
        contains(rows[run.id], {"parentRunId": run.parent, "type": run.type}, f"/related row of {run.name}")


def check_exchange(project, model, one):
    if hasattr(one, "name"):
        contains(project.lunary.run(one.ids[0]),
                 {"type": "custom-event", "name": one.name, "metadata": llm.kept_metadata(one.metadata or {})},
                 f"custom event {one.name}")
        return
    for alias in one.ids:
        contains(without_enrichments(project.lunary.run(alias)), llm.expected_exchange(model, one),
                 f"exchange by message id {alias}")


def check_lists(project, model):
    """GET /v1/runs by type lists exactly the runs of that type."""
    runs = [r for r in model.runs.values() if isinstance(r, Run)]
    for type in ("llm", "agent", "chain", "tool"):
        want = sorted(r.id for r in runs if r.type == type)
        equal(sorted(r["id"] for r in project.lunary.runs(type=type)), want, f"GET /v1/runs?type={type}")
    chats = sorted(e.ids[-1] for e in exchanges_of(model) if not hasattr(e, "name"))
    equal(sorted(r["id"] for r in project.lunary.runs(type="chat")), chats, "GET /v1/runs?type=chat")


def check_logs(project, model):
    """A log line is an event of its own, with its message as output (llmonitor.md 11)."""
    named = [e for e in exchanges_of(model) if hasattr(e, "name")]
    rows = project.lunary.runs(type="custom-event")
    ids = {e.ids[0] for e in named}
    logs = [r for r in rows if r["id"] not in ids]
    equal(sorted(str(r.get("output")) for r in logs), sorted(e["message"] for e in model.logs),
          "log lines in GET /v1/runs?type=custom-event")


def check_threads(project, model, requests):
    if not model.threads:
        return
    rows = {r["id"]: r for r in project.lunary.runs(type="thread")}
    for id, messages in model.threads.items():
        true(id in rows, f"GET /v1/runs?type=thread lacks {id}, has {list(rows)}")
        users = [m["userId"] for m in messages if m.get("userId")]
        tags = [m["threadTags"] for m in messages if m.get("threadTags")]
        want = {"type": "thread", "messagesCount": ANY}
        if users:
            want["user"] = llm.expected_user(model, users[-1])
        if tags:
            want["tags"] = tags[-1]
        contains(rows[id], want, f"thread {id}")


def check_users(project, model):
    rows = {u["externalId"]: u for u in project.lunary.users()["data"]}
    for id, user in model.users.items():
        true(id in rows, f"GET /v1/external-users lacks {id}, has {list(rows)}")
        want = {"lastSeen": llm.iso_ms(user["seen"])}
        if user["props"]:
            want["props"] = llm.camel(user["props"])
        contains(rows[id], want, f"external user {id}")


# ---- LangWatch's own view ----


def langwatch_view(project, traces):
    for trace in traces:
        want = lwm.expected(trace)
        got = project.lw.trace(trace.id)
        contains(got, want, f"GET /api/trace/{trace.id}")
        spans = by_id(got)
        equal(sorted(spans), sorted(trace.spans), f"span ids of {trace.id}")
        for span in trace.spans.values():
            contains(spans[span["span_id"]], lwm.expected_span(span),
                     f"span {span.get('name') or span['span_id']} of {trace.id}")
        check_evaluations(got, trace)
        found = project.lw.legacy_search(traceIds=[trace.id])
        error = lwm.first_error(list(trace.spans.values()))
        contains(found["traces"], [{**want, "error": error["message"] if error else None, "spans": []}],
                 f"search for {trace.id}")
    if traces:
        # A post alone makes a trace, so the project holds these and no more.
        equal(sorted(project.lw.ids()), sorted(t.id for t in traces), "ids of all traces")


def check_evaluations(got, trace):
    rows = {e["evaluation_id"]: e for e in got.get("evaluations") or []}
    for id, evaluation in trace.evaluations.items():
        want = lwm.expected_evaluation(evaluation)
        if not evaluation.get("evaluation_id"):
            row = [r for r in rows.values() if r["name"] == evaluation["name"]]
            true(len(row) == 1, f"evaluation {evaluation['name']}: {len(row)} rows")
            contains(row[0], want, f"evaluation {evaluation['name']}")
        else:
            true(id in rows, f"evaluation {id} is not there, only {list(rows)}")
            contains(rows[id], want, f"evaluation {id}")


# ---- each through the other ----


def near(ms):
    """the same time up to 1 ms"""
    return lambda got: isinstance(got, int) and abs(got - ms) <= 1


def langwatch_view_of_runs(project, requests, has_traces=False):
    """Runs are traces with spans: found by search, read by id."""
    model = llm.fold(requests)
    trees = {}
    for run in model.runs.values():
        if isinstance(run, Run):
            trees.setdefault(llm.trace_of(model, run), []).append(run)
    for id, runs in trees.items():
        check_tree(project, model, id, runs)
    for one in exchanges_of(model):
        if not hasattr(one, "name"):
            got = project.lw.trace(one.ids[0])
            contains(got, {"metadata": {"thread_id": one.thread, **({"user_id": one.user} if one.user else {})}},
                     f"trace of exchange {one.ids}")
    if model.runs and not has_traces:
        ids = project.lw.ids()
        for id in trees:
            true(id in ids, f"LangWatch search does not find the run {id}, only {ids}")
    if model.logs:
        logs = sorted(e["message"] for e in model.logs)
        texts = sorted(t["output"]["value"] for t in project.lw.walk() if t.get("output"))
        true([t for t in texts if t in logs] == logs, f"LangWatch search shows of the log lines {logs} only {texts}")


def check_tree(project, model, id, runs):
    got = project.lw.trace(id)
    shown = by_id(got)
    spans = [llm.as_span(model, r) for r in runs]
    for span in spans:
        want = lwm.expected_span(span)
        error = span.get("error")
        want["error"] = {"has_error": True, "message": error["message"]} if error else None
        want["timestamps"] = {k: near(v) if isinstance(v, int) else v for k, v in want["timestamps"].items()}
        if span.get("parent_id") not in model.runs or isinstance(model.runs.get(span.get("parent_id")), Exchange):
            want.pop("parent_id")
        true(span["span_id"] in shown, f"trace {id} lacks the run {span['span_id']}, has {list(shown)}")
        contains(shown[span["span_id"]], want, f"run {span['name']} as a LangWatch span")
    top = [r for r in runs if r.id == id]
    if not top:
        return  # below an exchange, whose own messages decide
    want = {"metrics": {k: v for k, v in lwm.totals(spans).items() if v is not NONE and k != "total_time_ms"}}
    for key, value in (("input", lwm.input_text(spans)), ("output", lwm.output_text(spans))):
        want[key] = {"value": value} if value is not None else NONE
    metadata = {"user_id": llm.user_of(model, top[0]), "labels": top[0].tags}
    want["metadata"] = {k: v for k, v in metadata.items() if v}
    contains(got, want, f"LangWatch's trace of the run {top[0].name}")


def lunary_view_of_spans(project, traces):
    """Spans are runs: listed by type, read by the id that the list shows."""
    types = {"llm": "llm", "agent": "agent", "tool": "tool", "rag": "retriever"}
    for trace in traces:
        for span in trace.spans.values():
            run_type = types.get(span["type"], "chain")
            rows = [r for r in project.lunary.runs(type=run_type) if r["id"] == span["span_id"]]
            true(
                len(rows) == 1,
                f"GET /v1/runs?type={run_type} shows the LangWatch span {span['span_id']} {len(rows)} times")
            contains(without_enrichments(project.lunary.run(rows[0]["id"])), run_of_span(trace, span),
                     f"LangWatch span {span.get('name')} as a run")


def run_of_span(trace, span):
    name = span.get("model") if span["type"] == "llm" else span.get("name")
    want = {
        "status": "error" if span.get("error") else "success", "createdAt": llm.iso_ms(
            lwm.start_of(span) * 1_000_000), "endedAt": llm.iso_ms(lwm.end_of(span) * 1_000_000)
    }
    if name:
        want["name"] = name
    for key in ("input", "output"):
        if span.get(key) is not None:
            want[key] = llm.camel(llm.unwrapped(span[key]["value"], key))
    metrics = span.get("metrics") or {}
    if metrics.get("prompt_tokens") and metrics.get("completion_tokens"):
        want["tokens"] = {
            "prompt": metrics["prompt_tokens"], "completion": metrics["completion_tokens"],
            "total": metrics["prompt_tokens"] + metrics["completion_tokens"]
        }
    if span.get("error"):
        want["error"] = {"message": span["error"]["message"]}
    if trace.metadata.get("user_id"):
        want["user"] = {"externalId": trace.metadata["user_id"]}
    if span.get("params"):
        want["params"] = llm.camel(span["params"])
    return want
