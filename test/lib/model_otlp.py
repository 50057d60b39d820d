"""What otlp.md 2 makes of a span: an independent reading, in the order of its sections. observe() gives the canonical observation under
the names of otlp-vectors.json, with `trace` as what this span alone contributes; None for a span that is stored nowhere.

    model_otlp_values.py  2.2          model_otlp_fields.py  2.6, 2.9 to 2.12      model_otlp_trace.py  2.13, 2.14
    model_otlp_io.py      2.3 to 2.5   model_otlp_usage.py   2.7, 2.8              here                 all of it, 2.15, and log messages (1.8)

Keys of the answer that the vectors do not have: `hints` (types of LangWatch's values), `left` (attributes that no rule asks for: they
must stand in metadata.attributes), `claims` (rank of user and session for assemble()), `nosum` (a roll-up, not summed), `root`,
`exception` and `thrown` (what LangWatch shows of an exception event).
"""
import re

from lib.model_otlp_fields import (exception_of, first_token, level_of, message_of, model_of, parameters_of, prompt_of, provider_of,
                                   scores_of, tools_of)
from lib.model_otlp_io import LANGWATCH, documents_of, io_of, kind_of, name_of, typed  # noqa: F401
from lib.model_otlp_trace import (CUSTOMER, IDENTITY_MEMBERS, SESSION, TAGS, TRACE_KEYS, USER, carries_trace_key, environment_of, identity,
                                  json_metadata, langfuse_metadata, metadata_of, tag_list)
from lib.model_otlp_usage import costs, usage
from lib.model_otlp_values import Seen, any_json, attributes, ident, nanos, parsed, plain, text  # noqa: F401

# ---- all of it ----


def observe(span, resource, scope):
    s = Seen(span, resource, scope)
    a = s.a
    if a.get("logfire.span_type") == "pending_span":
        return None
    type, source = kind_of(s)
    input, output, hints = io_of(s)
    prompt, prompt_version = prompt_of(s, type)
    rates = costs(s)
    (user, user_key), (session, session_key), (tags, tags_key) = identity(s, USER), identity(s, SESSION), identity(s, TAGS)
    customer = identity(s, CUSTOMER)[0]
    parent = ident(span.get("parentSpanId"), 8)
    public = a.first("langfuse.trace.public", "langfuse.public")
    seen = {
        "traceId": ident(span.get("traceId"), 16), "id": ident(span.get("spanId"), 8), "parentId": parent, "type": type,
        "sourceType": source, "name": name_of(s), "startTime": str(s.start), "endTime": str(s.end),
        "completionStartTime": str(first_token(s)) if first_token(s) else None, "level": level_of(s), "statusMessage": message_of(s),
        "exception": exception_of(s), "thrown": any(n == "exception" for n, _, _ in s.events),
        "model": model_of(s), "provider": provider_of(a), "modelParameters": parameters_of(s), "input": input, "output": output,
        "hints": hints, "usageDetails": usage(s), "costDetails": rates, "promptName": prompt, "promptVersion": prompt_version,
        "toolDefinitions": tools_of(s), "documents": documents_of(s), "scores": scores_of(s), "metadata": metadata_of(s),
        "environment": environment_of(s), "release": a.get("langfuse.release") or s.resource.get("langfuse.release"),
        "version": a.get("langfuse.version") or s.resource.get("langfuse.version") or s.resource.get("service.version"),
        "root": parent is None or a.get("langfuse.internal.as_root") in (True, "true")
    }
    seen["nosum"] = (a.get("langwatch.reserved.skip_token_accumulation") in (True, "true")
                     or s.scope == "github.copilot" and s.operation == "invoke_agent"
                     or (s.scope, s.name) in (("codex_cli_rs", "handle_responses"), ("codex_exec", "session_task.turn")))
    trace_metadata = langfuse_metadata(s, "langfuse.trace.metadata")
    for key in IDENTITY_MEMBERS:
        trace_metadata.pop(key, None)
    trace_metadata.update(json_metadata(s) if seen["root"] else {})
    if customer is not None:
        trace_metadata["customer_id"] = text(customer)
    is_key = lambda key: bool(key) and bool(TRACE_KEYS.fullmatch(key))  # noqa: E731
    seen["claims"] = {
        "user": (3 if is_key(user_key) else 2 if seen["root"] else 1) if user_key else None,
        "session": (3 if is_key(session_key) else 2 if seen["root"] else 1) if session_key else None
    }
    counts = seen["root"] or carries_trace_key(a)
    said_input, said_output = parsed(a.get("langfuse.trace.input")), parsed(a.get("langfuse.trace.output"))
    said_name = a.get("langfuse.trace.name")
    own_name = a.get("agenttrace.trace.name") or name_of(s)
    seen["trace"] = {
        "name": said_name or (own_name if seen["root"] else None), "saidName": said_name,
        "userId": None if user is None else text(user), "sessionId": None if session is None else text(session),
        "tags": tag_list(tags) if tags_key and counts else [], "public": True if public in (True, "true") and counts else None,
        "metadata": trace_metadata, "saidInput": said_input, "saidOutput": said_output,
        "input": said_input if said_input is not None else input if seen["root"] else None,
        "output": said_output if said_output is not None else output if seen["root"] else None
    }
    for key in [k for k in a if k.startswith(("langwatch.prompt.", "agenttrace.", "langfuse."))]:
        a.asked.add(key)
    seen["left"] = {k: v for k, v in a.items() if k not in a.asked and v is not None and not s.scope.startswith("langfuse-sdk")}
    return seen


# ---- 2.15 ----


def all_spans(request):
    """(span, resource, scope) of an OTLP JSON request, in order."""
    for resource in request.get("resourceSpans") or []:
        for scope in resource.get("scopeSpans") or []:
            for span in scope.get("spans") or []:
                yield span, resource.get("resource"), scope.get("scope")


def observed(requests, logs=()):
    """Observations by (trace id, span id); a span that is sent again with a later end replaces the earlier. logs: requests of log
    records, whose messages fill the spans that have none (1.8)."""
    found = {}
    for request in requests:
        for span, resource, scope in all_spans(request):
            seen = observe(span, resource, scope)
            if seen is None:
                continue
            key = seen["traceId"], seen["id"]
            if key not in found or int(seen["endTime"]) >= int(found[key]["endTime"]):
                found[key] = seen
    for key, (input, output) in messages_of(logs).items():
        for side, value in (("input", input), ("output", output)):
            if key in found and found[key][side] is None and value:
                found[key][side] = value
    return found


def messages_of(requests):
    """Of log records: (input messages, output) by (trace id, span id)."""
    found = {}
    for request in requests:
        for record in [r for x in request.get("resourceLogs") or [] for y in x.get("scopeLogs") or [] for r in y.get("logRecords") or []]:
            name = record.get("eventName") or attributes(record.get("attributes")).get("event.name") or ""
            role = re.fullmatch(r"gen_ai\.(system|user|assistant|tool)\.message", name)
            key = ident(record.get("traceId"), 16), ident(record.get("spanId"), 8)
            body = plain(record.get("body"))
            if None in key or not (role or name == "gen_ai.choice") or not isinstance(body, dict):
                continue
            at = nanos(record.get("timeUnixNano")) or nanos(record.get("observedTimeUnixNano")) or 0
            entry = (at, {"role": role.group(1), **body} if role else body)
            lists = found.setdefault(key, ([], []))
            if entry not in lists[0 if role else 1]:
                lists[0 if role else 1].append(entry)

    def in_order(entries):
        return [e for _, e in sorted(entries, key=lambda e: e[0])]

    made = {}
    for key, (input, output) in found.items():
        output = in_order(output)
        made[key] = in_order(input), output[0] if len(output) == 1 else output
    return made


def by_start(o):
    return int(o["startTime"]), o["id"]


def claim(observations, column, rank_of):
    """The value of highest rank: at 3 the latest start and larger id, below it the earliest start."""
    best = None
    for o in observations:
        value, rank = o["trace"][column], rank_of(o)
        if value is None or rank is None:
            continue
        start = int(o["startTime"])
        key = (rank, start, o["id"]) if rank == 3 else (rank, -start, "".join(chr(255 - ord(c)) for c in o["id"]))
        if best is None or key > best[0]:
            best = key, value
    return best[1] if best else None


def assemble(observations):
    """The trace of some observations: what its views must show, whatever the order they came in."""
    spans = sorted(observations, key=by_start)
    roots = [o for o in spans if o["root"]]
    said = [o for o in spans if o["trace"]["saidName"]]
    tags = []
    for o in spans:
        tags += [t for t in o["trace"]["tags"] if t not in tags]
    metadata = {}
    for o in sorted(spans, key=lambda o: (not o["root"], by_start(o))):
        metadata = {**metadata, **o["trace"]["metadata"]} if o["root"] else {**o["trace"]["metadata"], **metadata}
    name = max(said, key=by_start)["trace"]["name"] if said else (roots or spans)[0]["trace"]["name" if roots else "saidName"]
    return {
        "name": name or spans[0]["name"], "userId": claim(spans, "userId", lambda o: o["claims"]["user"]),
        "sessionId": claim(spans, "sessionId", lambda o: o["claims"]["session"]), "tags": tags,
        "public": True if any(o["trace"]["public"] for o in spans) else None, "metadata": metadata,
        "input": latest_said(spans, "saidInput"), "output": latest_said(spans, "saidOutput"),
        "environment": (roots or spans)[0]["environment"], "release": next((o["release"] for o in roots if o["release"]), None),
        "version": next((o["version"] for o in roots if o["version"]), None),
        "startTime": min(int(o["startTime"]) for o in spans), "endTime": max(int(o["endTime"]) for o in spans), "spans": spans
    }


def latest_said(spans, column):
    found = [o for o in spans if o["trace"][column] is not None]
    return max(found, key=by_start)["trace"][column] if found else None
