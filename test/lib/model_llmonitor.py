"""What llmonitor.md says the server must hold after some events: an independent reading of its sections 3 to 7.

fold(requests) takes the events of each request and gives a Model; its runs say what GET /v1/runs/{id} must contain.
"""
import datetime
import re

from lib.check import NONE
from lib.lunary import camel, run_id

ROLES_OUT = {"assistant", "tool", "bot", "ai", "function"}


class Run:
    def __init__(self, id):
        self.id = id
        self.type = self.name = self.parent = self.input = self.output = self.error = self.user = self.end_user = None
        self.status, self.started, self.ended = "started", None, None
        self.params, self.metadata, self.tags, self.template = {}, {}, [], None
        self.usage, self.feedback, self.started_by = {}, {}, False


class Exchange:
    """One `chat` run: the messages of a thread between two answers."""
    def __init__(self, ids, thread):
        self.ids, self.thread, self.input, self.output, self.sibling = ids, thread, None, None, None
        self.start = self.end = self.user = None
        self.tags, self.feedback = [], {}


class Model:
    def __init__(self):
        self.runs, self.users, self.threads, self.logs = {}, {}, {}, []


# ---- events ----


def time_ns(value):
    if isinstance(value, (int, float)):
        return int(value) * 1_000_000
    at = datetime.datetime.fromisoformat(value.replace("Z", "+00:00"))
    if at.tzinfo is None:
        at = at.replace(tzinfo=datetime.timezone.utc)
    return int((at - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)) /
               datetime.timedelta(microseconds=1)) * 1000


def iso_ms(ns):
    """2026-11-22T05:27:39.886Z"""
    at = datetime.datetime.fromtimestamp(ns // 1_000_000_000, datetime.timezone.utc)
    return at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{ns // 1_000_000 % 1000:03d}Z"


def flat(events):
    for event in events if isinstance(events, list) else [events]:
        if isinstance(event, list):
            yield from flat(event)
        elif isinstance(event, dict):
            yield event


ORDER = {"start": 0, "end": 1, "error": 1, "update": 1, "feedback": 2}


def fold(requests):
    """`requests`: what stood under `events`, in order of receipt. A repeat of an event changes nothing."""
    model, seen, events = Model(), [], []
    for request in requests:
        for event in flat(request):
            if event not in seen:
                seen.append(event)
                events.append(event)
    events.sort(key=lambda e: (time_ns(e["timestamp"]), ORDER.get(e.get("event"), 0)))
    for event in events:
        apply(model, event)
    for thread in model.threads.values():
        exchanges(model, thread)
    for event in events:
        if event.get("event") == "feedback":
            give_feedback(model, event)
    return model


def apply(model, e):
    kind, type = e.get("event"), e.get("type")
    at = time_ns(e["timestamp"])
    if isinstance(e.get("userId"), str) and kind not in ("end", "error"):
        user = model.users.setdefault(e["userId"], {"props": None, "seen": 0})
        user["seen"] = max(user["seen"], at)
        user["props"] = e["userProps"] if e.get("userProps") is not None else user["props"]
    if type == "log":
        model.logs.append(e)
    elif kind in ("chat", "custom-event"):
        model.threads.setdefault(run_id(e["parentRunId"]), []).append(e)
    elif kind in ("start", "end", "error"):
        run = model.runs.setdefault(run_id(e["runId"]), Run(run_id(e["runId"])))
        {"start": start_run, "end": end_run, "error": fail_run}[kind](run, e, at)


def start_run(run, e, at):
    if run.started_by:
        return  # the earliest start is the run
    run.started_by = True
    run.type, run.name, run.started = e["type"], e.get("name"), at
    run.parent = run_id(e["parentRunId"]) if e.get("parentRunId") else None
    run.input = e.get("input")
    params = e.get("params") if e.get("params") is not None else e.get("extra")
    run.params = params if isinstance(params, dict) else {}
    run.metadata = dict(e.get("metadata") or {})
    tags = e.get("tags")
    run.tags = [tags] if isinstance(tags, str) else list(tags or [])
    run.user = e.get("userId")
    run.template = e.get("templateVersionId") or e.get("templateId")


def end_run(run, e, at):
    run.type = run.type or e.get("type")
    run.name = run.name or e.get("name")
    run.ended, run.status = at, "success"
    if "output" in e:
        run.output = e["output"]
    if e.get("input") is not None:
        run.input = e["input"]
    run.metadata.update(e.get("metadata") or {})
    run.usage.update({k: v for k, v in (e.get("tokensUsage") or {}).items() if v is not None})
    run.end_user = run.end_user or e.get("userId")


def fail_run(run, e, at):
    run.type = run.type or e.get("type")
    run.ended, run.status = at, "error"
    error = e.get("error")
    run.error = {"message": error} if isinstance(error, str) else {"message": "Unknown error", **(error or {})}


# ---- threads (6; merge.md 7.4) ----


def exchanges(model, events):
    open_one = None
    for e in events:
        if e["event"] == "custom-event":
            event = Exchange([run_id(e["runId"])], run_id(e["parentRunId"]))
            event.name, event.metadata, event.user = e.get("name"), e.get("metadata"), e.get("userId")
            event.start = event.end = time_ns(e["timestamp"])
            model.runs[event.ids[0]] = event
            open_one = None
            continue
        message, side = e["message"], "output" if e["message"]["role"] in ROLES_OUT else "input"
        stored = {"role": message["role"], "content": message.get("content")}
        if message.get("metadata") or message.get("extra"):
            stored["metadata"] = message.get("metadata") or message.get("extra")
        at, id = time_ns(e["timestamp"]), run_id(e["runId"])
        if open_one is None or (side == "input" and open_one.output):
            open_one = Exchange([], run_id(e["parentRunId"]))
            open_one.start = at
        one = open_one
        setattr(one, side, (getattr(one, side) or []) + [stored])
        one.ids.append(id)
        one.end, one.user = at, e.get("userId") or one.user
        one.tags = message.get("tags") or one.tags
        if isinstance(e.get("feedback"), dict):
            one.feedback.update(e["feedback"])
        for alias in one.ids:
            model.runs[alias] = one


def give_feedback(model, e):
    run = model.runs.get(run_id(e["runId"]))
    if run is None:
        return
    given = {**(e.get("feedback") or {}), **(e.get("extra") or {})}
    for key, value in given.items():
        key = "thumb" if key == "thumbs" else key
        if value is None:
            run.feedback.pop(key, None)
        else:
            run.feedback[key] = value


# ---- what the Lunary reads must show ----


def kept_metadata(metadata):
    """The part of metadata the Lunary API shows: top-level text, numbers, booleans, arrays of those."""
    def plain(v):
        return isinstance(v, (str, int, float, bool))

    return camel({k: v for k, v in metadata.items() if plain(v) or (isinstance(v, list) and all(map(plain, v)))})


def unwrapped(value, key):
    return value[key] if isinstance(value, dict) and list(value) == [key] else value


def shown(value, key):
    return NONE if value is None else camel(unwrapped(value, key))


def user_of(model, run):
    """The topmost ancestor whose start names one, else the nearest whose end does."""
    line, here = [], run
    while here is not None and here not in line:
        line.append(here)
        parent = getattr(here, "parent", None)
        here = model.runs.get(parent) if parent else None
    named = [r.user for r in line if r.user]
    if named:
        return named[-1]
    ends = [r.end_user for r in line if getattr(r, "end_user", None)]
    return ends[0] if ends else None


def root_of(model, run):
    """The topmost known ancestor: a Run, or the Exchange it hangs under."""
    seen = set()
    while isinstance(run, Run) and run.parent and run.parent in model.runs and run.id not in seen:
        seen.add(run.id)
        run = model.runs[run.parent]
    return run


def trace_of(model, run):
    """The id of its trace: of its root; of the exchange's first message; of a parent that never came."""
    root = root_of(model, run)
    if isinstance(root, Exchange):
        return root.ids[0]
    return root.parent if root.parent and root.parent not in model.threads and root.parent != root.id else root.id


def expected_run(model, run):
    """A partial Run JSON; `duration` is compared with a tolerance of 1 ms by the caller."""
    want = {
        "id": run.id, "type": "thread" if run.type == "convo" else run.type, "status": run.status,
        "name": re.sub("models/", "", run.name, count=1) if run.name else NONE,
        "createdAt": iso_ms(run.started) if run.started else NONE,
        "endedAt": iso_ms(run.ended) if run.ended else NONE, "input": shown(run.input, "input"), "output": shown(
            run.output, "output"), "params": camel(run.params), "tags": run.tags or NONE_OR_EMPTY,
        "metadata": kept_metadata(run.metadata) or NONE_OR_EMPTY
    }
    if run.error:
        want["error"] = {k: v for k, v in run.error.items() if k in ("message", "stack")}
    if run.started and run.ended:
        want["duration"] = (run.ended - run.started) / 1e9
    if run.usage.get("prompt") and run.usage.get("completion"):
        want["tokens"] = {
            "prompt": run.usage["prompt"], "completion": run.usage["completion"],
            "total": run.usage["prompt"] + run.usage["completion"]
        }
    elif run.usage.get("completion"):
        want["tokens"] = {"completion": run.usage["completion"]}
    user = user_of(model, run)
    want["user"] = expected_user(model, user) if user else NONE
    if run.feedback:
        want["feedback"] = run.feedback
    if run.template is not None:
        want["templateVersionId"] = lambda v: str(v) == str(run.template)
    return want


def expected_user(model, user):
    props = model.users.get(user, {}).get("props")
    return {"externalId": user, **({"props": camel(props)} if props else {})}


def NONE_OR_EMPTY(value):
    """null, absent or empty"""
    return value in (None, [], {})


def expected_exchange(model, one):
    want = {
        "id": one.ids[-1], "type": "chat", "input": camel(one.input) if one.input else NONE,
        "output": camel(one.output) if one.output else NONE, "createdAt": iso_ms(one.start), "endedAt": iso_ms(
            one.end)
    }
    if one.user:
        want["user"] = expected_user(model, one.user)
    if one.feedback:
        want["feedback"] = one.feedback
    return want


# ---- the same runs as LangWatch shows them ----

LANGWATCH_WORDS = {
    "span", "llm", "chain", "tool", "agent", "rag", "guardrail", "evaluation", "workflow", "component", "module",
    "server", "client", "producer", "consumer", "task", "unknown"
}
LANGWATCH_TYPE = {"retriever": "rag", "embed": "component"}


def typed(value):
    """langwatch.md 10: string -> text, array of role objects -> chat_messages, else json. Stored as sent."""
    if value is None:
        return None
    if isinstance(value, str):
        return {"type": "text", "value": value}
    if isinstance(value, list) and value and all(isinstance(m, dict) and "role" in m for m in value):
        return {"type": "chat_messages", "value": value}
    return {"type": "json", "value": value}


def as_span(model, run):
    """A span in the form model_langwatch reads."""
    times = {"started_at": (run.started or run.ended) // 1_000_000}
    if run.ended:
        times["finished_at"] = run.ended // 1_000_000
    span = {
        "span_id": run.id, "parent_id": run.parent, "name": run.name, "timestamps": times,
        "type": run.type if run.type in LANGWATCH_WORDS else LANGWATCH_TYPE.get(run.type, "span")
    }
    for key in ("input", "output"):
        if getattr(run, key) is not None:
            span[key] = typed(getattr(run, key))
    if run.type == "llm" and run.name:
        span["model"] = run.name
    metrics = {f"{k}_tokens": run.usage[k] for k in ("prompt", "completion") if run.usage.get(k)}
    if metrics:
        span["metrics"] = metrics
    if run.error and run.status == "error":
        span["error"] = run.error
    if run.params:
        span["params"] = run.params
    return span
