"""What langwatch.md says the server must hold after some collector bodies: an independent reading of its sections 3 and 4.

fold(bodies) gives one Trace for bodies of one trace id; expected(trace) is what GET /api/trace/{id} must contain.
"""
import hashlib
import json

from lib.check import NONE

TEXT_KEYS = [
    "text", "input", "question", "user_query", "query", "message", "input_value", "output", "answer", "content",
    "prompt"
]
RESERVED = {"user_id", "thread_id", "customer_id", "labels"}


class Trace:
    def __init__(self, id):
        self.id, self.spans, self.metadata, self.labels = id, {}, {}, []
        self.evaluations, self.expected_output, self.bodies = {}, None, []


# ---- folding ----


def span_time(span):
    times = span["timestamps"]
    return max(t for t in (times.get("started_at"), times.get("finished_at"), times.get("first_token_at")) if t)


def fold(bodies):
    """Bodies in order of receipt, all about one trace (repeats may be among them)."""
    distinct = []
    for body in bodies:
        if body not in distinct:
            distinct.append(body)
    first = distinct[0]
    trace = Trace(first.get("trace_id") or first["spans"][0]["trace_id"])
    trace.bodies = distinct
    statements, said = [], []
    for at, body in enumerate(distinct):
        spans = body.get("spans") or []
        for span in spans:
            statements.append(((span_time(span), at), span))
        newest = max(map(span_time, spans)) if spans else float("inf")
        said.append(((newest, at), body))
        for evaluation in body.get("evaluations") or []:
            id = evaluation.get("evaluation_id") or md5_id(trace.id, evaluation)
            trace.evaluations[id] = evaluation
    for _, span in sorted(statements, key=lambda s: s[0]):
        merge_span(trace.spans.setdefault(span["span_id"], {"span_id": span["span_id"]}), span)
    for _, body in sorted(said, key=lambda s: s[0]):
        for key, value in (body.get("metadata") or {}).items():
            if key == "labels":
                trace.labels += [v for v in value or [] if v not in trace.labels]
            elif value is not None:
                trace.metadata[key] = value
        if body.get("expected_output") is not None:
            trace.expected_output = body["expected_output"]
    return trace


def md5_id(trace_id, evaluation):
    return "eval_md5_" + hashlib.md5(json.dumps({"traceId": trace_id, "evaluation": evaluation}).encode()).hexdigest()


def empty(typed):
    return typed is None or typed.get("value") in (None, "", [], {})


def merge_span(into, span):
    for key, value in span.items():
        if value is None:
            continue
        if key in ("input", "output"):
            if not empty(value) or empty(into.get(key)):
                into[key] = value
        elif key in ("params", "metrics"):
            into.setdefault(key, {}).update({k: v for k, v in value.items() if v is not None})
        elif key == "timestamps":
            into.setdefault(key, {}).update({k: v for k, v in value.items() if v is not None})
        else:
            into[key] = value


# ---- text of a value (4.1) ----


def text_of(typed, mode):
    """(quality, text): 2 a real text, 1 a fallback, 0 nothing."""
    if typed is None:
        return 0, None
    MODE[0] = mode
    kind, value = typed["type"], typed.get("value")
    if kind in ("text", "raw"):
        return (2, value) if value else (0, None)
    if kind == "list":
        texts = [t for q, t in (text_of(v, mode) for v in value) if q == 2]
        return (2, "\n".join(texts)) if texts else fallback(value)
    if kind == "json" and isinstance(value, str):
        try:
            parsed = json.loads(value)
        except ValueError:
            parsed = None
        if not isinstance(parsed, (dict, list)):
            return (2, value) if value else (0, None)
        value = parsed
    found = messages_text(value, mode) if isinstance(value, list) else object_text(value, 32)
    return (2, found) if found else fallback(value)


def fallback(value):
    return (1, json.dumps(value, ensure_ascii=False, separators=(",", ":"))) if has_leaf(value) else (0, None)


def has_leaf(value):
    if isinstance(value, dict):
        return any(map(has_leaf, value.values()))
    if isinstance(value, list):
        return any(map(has_leaf, value))
    return value not in (None, "")


def messages_text(messages, mode):
    texts = [(m.get("role") if isinstance(m, dict) else None, message_text(m) or inside(m)) for m in messages]
    if mode == "input":
        users = [t for role, t in texts if role == "user" and t]
        if users:
            return users[-1]
    return "\n".join(t for _, t in texts if t)


def inside(m):
    """A message may be wrapped: {"message": {...}}."""
    return object_text(m, 32) if isinstance(m, dict) and "role" not in m else None


def message_text(m):
    if not isinstance(m, dict):
        return m if isinstance(m, str) else None
    content = m.get("content")
    if isinstance(content, str) and content:
        return content
    for parts in (content, m.get("parts")):
        if isinstance(parts, list):
            found = "\n".join(t for t in map(part_text, parts) if t)
            if found:
                return found
    for key in ("text", "value"):
        if isinstance(m.get(key), str) and m[key]:
            return m[key]
    return None


def part_text(part):
    if isinstance(part, str):
        return part
    if isinstance(part, dict):
        for key in ("text", "content", "thinking"):
            if isinstance(part.get(key), str):
                return part[key]
    return None


def object_text(value, depth):
    if isinstance(value, (int, float)) or isinstance(value, bool):
        return js_text(value)
    if isinstance(value, str):
        return value
    if not isinstance(value, dict) or depth == 0:
        return None
    found = message_text(value)
    if found:
        return found
    for key in TEXT_KEYS:
        inner = value.get(key)
        if isinstance(inner, (str, int, float, bool)) and inner != "":
            return js_text(inner)
        if isinstance(inner, (dict, list)):
            found = nested_text(inner, depth - 1)
            if found:
                return found
    for key in ("inputs", "outputs"):
        if isinstance(value.get(key), (dict, list)):
            found = nested_text(value[key], depth - 1)
            if found:
                return found
    if len(value) == 1:
        inner = next(iter(value.values()))
        return nested_text(inner, depth - 1) if isinstance(inner, (dict, list, str, int, float, bool)) else None
    return None


def nested_text(value, depth):
    """Inside an object a list of messages is one, too."""
    return messages_text(value, MODE[0]) if isinstance(value, list) else object_text(value, depth)


MODE = ["input"]  # of the text that is looked for


def js_text(value):
    return value if isinstance(value, str) else json.dumps(value)


# ---- derived values (4.2 to 4.6) ----


def start_of(span):
    return span["timestamps"]["started_at"]


def end_of(span):
    return span["timestamps"].get("finished_at") or start_of(span)


def roots(spans):
    known = {s["span_id"] for s in spans}
    return [s for s in sorted(spans, key=lambda s: (start_of(s), s["span_id"])) if s.get("parent_id") not in known]


def outside_in(spans):
    children = {}
    for s in sorted(spans, key=lambda s: (start_of(s), s["span_id"])):
        children.setdefault(s.get("parent_id"), []).append(s)

    def level(siblings):
        yield from siblings
        for s in siblings:
            yield from level(children.get(s["span_id"], []))

    yield from level(roots(spans))


def input_text(spans):
    root_ids = {s["span_id"] for s in roots(spans)}
    found = [(s, *text_of(s.get("input"), "input"))
             for s in outside_in(spans)
             if s["type"] not in ("evaluation", "guardrail", "tool")]
    real = [t for s, q, t in found if q == 2 and s["span_id"] in root_ids] or [t for _, q, t in found if q == 2]
    return (real or [t for _, q, t in found if q == 1] or [None])[0]


def output_text(spans):
    root_ids = {s["span_id"] for s in roots(spans)}
    found = [(s, *text_of(s.get("output"), "output"))
             for s in outside_in(spans)
             if s["type"] not in ("evaluation", "guardrail", "tool")]

    def newest(some):
        return max(some, key=lambda f: end_of(f[0]))[2] if some else None

    def explicit(s):
        return s["output"]["type"] in ("text", ) or (s["output"]["type"] == "json"
                                                     and isinstance(s["output"]["value"], dict))

    real = [f for f in found if f[1] == 2]
    rest = [f for f in real if f[0]["span_id"] not in root_ids]
    return (newest([f for f in real if f[0]["span_id"] in root_ids]) or newest([f for f in rest if explicit(f[0])])
            or newest(rest) or newest([f for f in found if f[1] == 1]))


def totals(spans):
    def total(key):
        return sum(s.get("metrics", {}).get(key) or 0 for s in spans) or NONE

    firsts = [s["timestamps"]["first_token_at"] - start_of(s) for s in spans if s["timestamps"].get("first_token_at")]
    firsts = [f for f in firsts if f >= 0]
    return {
        "total_time_ms": max(map(end_of, spans)) - min(map(start_of, spans)),
        "first_token_ms": min(firsts) if firsts else None, "prompt_tokens": total("prompt_tokens"),
        "completion_tokens": total("completion_tokens")
    }


def first_error(spans):
    failed = [s for s in sorted(spans, key=lambda s: (start_of(s), s["span_id"])) if s.get("error")]
    return failed[0]["error"] if failed else None


def error_object(error):
    if not error:
        return None
    return {"has_error": True, "message": error["message"], "stacktrace": error.get("stacktrace") or []}


# ---- what the reads must show ----


def expected(trace):
    spans = list(trace.spans.values())
    want = {
        "trace_id": trace.id, "metadata": {**trace.metadata, **({"labels": trace.labels} if trace.labels else {})},
        "indexing_md5s": lambda v: isinstance(v, list) and len(v) == min(len(trace.bodies), 10)
    }
    if trace.expected_output is not None:
        want["expected_output"] = {"value": trace.expected_output}
    if spans:
        want["timestamps"] = {"started_at": min(map(start_of, spans))}
        want["metrics"] = totals(spans)
        want["error"] = error_object(first_error(spans))
        for key, value in (("input", input_text(spans)), ("output", output_text(spans))):
            want[key] = {"value": value} if value is not None else NONE
    return want


def expected_span(span):
    """Of the span object in reads (section 6)."""
    want = {"span_id": span["span_id"], "trace_id": span.get("trace_id"), "type": span["type"]}
    for key in ("parent_id", "name", "input", "output", "model", "vendor"):
        want[key] = span[key] if span.get(key) is not None else NONE
    want["timestamps"] = {
        "started_at": start_of(span), "finished_at": span["timestamps"].get("finished_at", NONE),
        "first_token_at": span["timestamps"].get("first_token_at", NONE)
    }
    want["error"] = error_object(span.get("error"))
    want["params"] = span.get("params") or {}
    if span.get("contexts"):
        want["contexts"] = span["contexts"]
    if span.get("metrics"):
        want["metrics"] = span["metrics"]
    return {k: v for k, v in want.items() if k != "trace_id" or v is not None}


def slug(name):
    """customeval_ + slug (3.7)."""
    kept = "".join(c for c in (name or "unnamed").lower() if c.isalnum() or c in " _-")
    return "customeval_" + "".join(c if c.isascii() and c.isalnum() else "_" for c in kept.strip())


def expected_evaluation(evaluation):
    failed = evaluation.get("error") is not None
    state = evaluation.get("status") or ("error" if failed else "processed")
    kept = (lambda k: evaluation.get(k)) if state == "processed" else (lambda k: None)
    want = {
        "evaluator_id": evaluation.get("evaluator_id") or slug(evaluation["name"]), "name": evaluation["name"],
        "status": state, "type": evaluation.get("type") or "custom", "passed": kept("passed"), "score": kept("score"),
        "label": kept("label"), "details": evaluation.get("details"), "is_guardrail": bool(
            evaluation.get("is_guardrail"))
    }
    want = {k: NONE if v is None else v for k, v in want.items()}
    if evaluation.get("evaluation_id"):
        want["evaluation_id"] = evaluation["evaluation_id"]
    if evaluation.get("span_id"):
        want["span_id"] = evaluation["span_id"]
    return want
