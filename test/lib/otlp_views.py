"""What the products' reads must show of observations that came as OTLP: model_otlp.py's canonical names in each product's words
(langwatch.md 4 to 6 and 10, llmonitor.md 9 and 11).

Which view shows which canonical key, the list that suite `otlp` goes by:

    LangWatch trace   trace.{name (as a filter), userId, sessionId, tags, metadata, environment, release, version}, sums, times, texts
    LangWatch span    id, traceId, parentId, type, sourceType, name, startTime, endTime, completionStartTime, level ERROR, statusMessage
                      of errors, model, provider, modelParameters, input, output, usageDetails, costDetails.total, documents, metadata
                      and all attributes (in params), scores (as evaluations)
    Langtrace span    name, ids, kind, times, status, model, every attribute and event as sent
    Lunary run        id, type, name or model, parentId, times, input, output, usage, cost, params, metadata (plain members), error, user

Shown by no API that is built today, so not compared here: see UNSEEN.
"""
from lib import model_langwatch as lwm
from lib import model_llmonitor as llm
from lib import model_otlp
from lib.check import ANY, NONE, contains, equal, first_difference, show, true
from lib.langwatch import by_id
from lib.model_langtrace import iso_us
from lib.suite import Failure

# Canonical key -> where it will be seen. Langfuse's API is a later issue; then these lines go.
UNSEEN = {
    "promptName": "Langfuse observations", "promptVersion": "Langfuse observations", "level": "Langfuse: DEBUG, DEFAULT, WARNING",
    "statusMessage": "Langfuse: of observations that did not fail", "toolDefinitions": "Langfuse: merged into input",
    "costDetails": "Langfuse: its single members", "usageDetails": "Langfuse: members without a LangWatch or Lunary name",
    "trace.public": "Langfuse traces", "environment": "Langfuse: of observations", "release": "Langfuse", "version": "Langfuse"
}
TYPE_WORD = {
    "GENERATION": "llm", "AGENT": "agent", "TOOL": "tool", "CHAIN": "chain", "RETRIEVER": "rag", "GUARDRAIL": "guardrail",
    "EVALUATOR": "evaluation", "EMBEDDING": "component", "SPAN": "span", "EVENT": "span"
}
RUN_WORD = {
    "GENERATION": "llm", "EMBEDDING": "embed", "AGENT": "agent", "TOOL": "tool", "RETRIEVER": "retriever", "EVENT": "custom-event"
}
RESERVED = {"user_id", "thread_id", "labels", "prompt_ids", "prompt_version_ids", "model", "models", "customer_id"}


def ms(ns):
    return int(ns) // 1_000_000


def near(want, by=1):
    def judge(got):
        return isinstance(got, (int, float)) and abs(got - want) <= by

    judge.__doc__ = f"{want}, give or take {by}"
    return judge


# ---- LangWatch ----


def typed(value, hint):
    if value is None:
        return NONE
    if not hint:
        roles = isinstance(value, list) and value and all(isinstance(m, dict) and isinstance(m.get("role"), str) for m in value)
        hint = "text" if isinstance(value, str) else "chat_messages" if roles else "json"
    return {"type": hint, "value": value}


def word_of(o):
    return o["sourceType"] if o["sourceType"] in model_otlp.LANGWATCH else TYPE_WORD[o["type"]]


def total_cost(o):
    costs = o["costDetails"]
    return costs.get("total", sum(costs.values())) if costs else None


def metrics_of(o):
    usage = o["usageDetails"]
    completion = sum(v for k, v in usage.items() if "output" in k)
    found = {"prompt_tokens": sum(v for k, v in usage.items() if "input" in k and "cache" not in k), "completion_tokens": completion,
             "reasoning_tokens": usage.get("output_reasoning_tokens"), "cache_read_input_tokens": usage.get("input_cached_tokens"),
             "cache_creation_input_tokens": sum(v for k, v in usage.items() if k.startswith("input_cache_creation"))}
    found = {k: v or (lambda got: not got) for k, v in found.items()}
    if total_cost(o) is not None:
        found["cost"] = near(total_cost(o), 1e-9)
    return found


def error_of(o):
    """LangWatch prefers what was thrown, and takes a recorded exception for an error whatever the status says (langwatch.md 8)."""
    if o["level"] != "ERROR" and not o["thrown"]:
        return NONE
    return {"has_error": True, "message": o["exception"] or o["statusMessage"] or "Unknown error"}


def langwatch_span(o):
    """Of the span object in LangWatch's reads."""
    want = {
        "span_id": o["id"], "trace_id": o["traceId"], "type": word_of(o), "parent_id": o["parentId"] or NONE, "name": o["name"] or NONE,
        "model": o["model"] or NONE, "vendor": o["provider"] or NONE, "input": typed(o["input"], o["hints"].get("input")),
        "output": typed(o["output"], o["hints"].get("output")),
        "timestamps": {
            "started_at": ms(o["startTime"]), "finished_at": ms(o["endTime"]),
            "first_token_at": ms(o["completionStartTime"]) if o["completionStartTime"] else NONE
        }, "error": error_of(o),
        "params": o["modelParameters"]
    }
    metrics = metrics_of(o)
    if o["usageDetails"] or "cost" in metrics:
        want["metrics"] = metrics
    if o["documents"]:
        want["contexts"] = [{"content": ANY} for _ in o["documents"]]
    return want


def holds(params, parts, value):
    """The attribute stands in the unfolded params under its dotted key, wherever the dots became levels."""
    for n in range(len(parts), 0, -1):
        key = ".".join(parts[:n])
        if isinstance(params, dict) and key in params:
            rest = parts[n:]
            if (holds(params[key], rest, value) if rest else first_difference(params[key], value) is None):
                return True
    return False


def check_attributes(shown, o, span):
    """Every attribute of the span is in params, but what became input or output, which is stored once."""
    payload = (o["input"], o["output"])
    for key, value in model_otlp.attributes(span.get("attributes")).items():
        if value is None or key.split(".")[0] in ("metadata", *o["modelParameters"]) or model_otlp.parsed(value) in payload or value in payload:
            continue
        if model_otlp.typed(value)[0] in payload or model_otlp.any_json(value) in payload:
            continue
        true(holds(shown["params"], key.split("."), value),
             f"attribute {key} = {show(value)} is not in params of span {o['name']}: {show(shown['params'])}")


def check_metadata(shown, o):
    got = shown["params"].get("metadata")
    if isinstance(got, dict):
        contains(got, o["metadata"], f"metadata of span {o['name']}")
        if "attributes" in got:  # LangWatch shows them unfolded, see check_attributes()
            contains(got["attributes"], o["left"], f"metadata.attributes of span {o['name']}")


def as_lwm(o):
    span = {"span_id": o["id"], "parent_id": o["parentId"], "type": word_of(o),
            "timestamps": {"started_at": int(o["startTime"]), "finished_at": int(o["endTime"])}}
    for side in ("input", "output"):
        if o[side] is not None:
            span[side] = typed(o[side], o["hints"].get(side))
    return span


def text_or_none(value, side):
    quality, found = lwm.text_of(typed(value, None), side)
    return found if quality else None


def langwatch_trace(t, search=False):
    """Of the trace object in LangWatch's reads; t: what model_otlp.assemble() made. A search does not look into the events of spans
    whose status is no error."""
    spans = t["spans"]
    summed = [o for o in spans if not o["nosum"]]
    each = [metrics_of(o) for o in summed]
    firsts = [int(o["completionStartTime"]) - int(o["startTime"]) for o in spans if o["completionStartTime"]]
    firsts = [f for f in firsts if f >= 0]
    metrics = {"total_time_ms": near(max(0, ms(t["endTime"] - t["startTime"]))), "first_token_ms": near(min(firsts) // 1_000_000) if firsts else NONE}
    for key in ("prompt_tokens", "completion_tokens", "reasoning_tokens", "cache_read_input_tokens", "cache_creation_input_tokens"):
        metrics[key] = sum(m[key] for m in each if isinstance(m[key], int)) or NONE
    if all(o["costDetails"] or not (o["model"] and o["usageDetails"]) for o in summed):
        total = sum(total_cost(o) or 0 for o in summed)
        metrics["total_cost"] = near(total, 1.1e-6) if total >= 1e-6 else NONE
    metadata = {k: v for k, v in t["metadata"].items() if k not in RESERVED - {"customer_id"} and v is not None}
    metadata.update({k: v for k, v in (("user_id", t["userId"]), ("thread_id", t["sessionId"]), ("labels", t["tags"] or None),
                                       ("environment", t["environment"] if t["environment"] != "default" else None),
                                       ("release", t["release"]), ("version", t["version"])) if v is not None and k not in t["metadata"]})
    failed = [o for o in spans if o["level"] == "ERROR" or not search and error_of(o) is not NONE]
    want = {"trace_id": spans[0]["traceId"], "metadata": metadata, "metrics": metrics, "timestamps": {"started_at": ms(t["startTime"])},
            "error": error_of(failed[0]) if failed else NONE}
    plain = [as_lwm(o) for o in spans]
    for side, made in (("input", lwm.input_text), ("output", lwm.output_text)):
        said = text_or_none(t[side], side) if t[side] is not None else None
        value = said or made(plain)
        want[side] = {"value": same_json(value)} if value else NONE
    return want


def same_json(value):
    """A text that is JSON may have its members in any order."""
    if value[:1] not in ("{", "["):
        return value

    def judge(got):
        return isinstance(got, str) and (got == value or model_otlp.parsed(got) == model_otlp.parsed(value))

    judge.__doc__ = value
    return judge


def check_langwatch(p, requests, logs=()):
    """Every trace of the requests as LangWatch shows it: by id, in the search, its spans one by one."""
    groups, raw = {}, {}
    for request in requests:
        for span, _, _ in model_otlp.all_spans(request):
            raw[model_otlp.ident(span["traceId"], 16), model_otlp.ident(span["spanId"], 8)] = span
    for o in model_otlp.observed(requests, logs).values():
        groups.setdefault(o["traceId"], []).append(o)
    for id, observations in groups.items():
        trace = model_otlp.assemble(observations)
        got = p.lw.call("GET", f"/api/traces/{id}")
        if got.status != 200:
            raise Failure(f"GET /api/traces/{id} answered {got.status}, though its {len(observations)} spans were accepted")
        got = got.json
        want = langwatch_trace(trace)
        contains(got, want, f"trace {id} ({trace['name']})")
        spans = by_id(got)
        equal(sorted(spans), sorted(o["id"] for o in observations), f"span ids of trace {id}")
        for o in observations:
            contains(spans[o["id"]], langwatch_span(o), f"span {o['name']} of trace {id}")
            check_attributes(spans[o["id"]], o, raw[o["traceId"], o["id"]])
            check_metadata(spans[o["id"]], o)
            check_scores(got, o)
        found = p.lw.search(traceIds=[id])
        equal(found["pagination"]["totalHits"], 1, f"hits of a search for {id}")
        contains(found["traces"][0], langwatch_trace(trace, search=True), f"search for {id}")
        if trace["name"]:
            named = p.lw.search(traceIds=[id], filters={"traces.name": [trace["name"]]})["traces"]
            equal([t["trace_id"] for t in named], [id], f"traces named {trace['name']!r}")
    equal(sorted(p.lw.ids()), sorted(groups), "ids of all traces in the project")


def check_scores(got, o):
    rows = got.get("evaluations") or []
    for score in o["scores"] or []:
        mine = [r for r in rows if r["name"] == score["name"]]
        true(mine, f"evaluation {score['name']} of span {o['name']} is not there, only {[r['name'] for r in rows]}")
        want = {"status": "processed"}
        for key, member in (("value", "score"), ("label", "label"), ("comment", "details"), ("passed", "passed")):
            if score.get(key) is not None:
                want[member] = score[key]
        if all(first_difference(r, want, whole=False) for r in mine):
            contains(mine[0], want, f"evaluation {score['name']} of span {o['name']}")


# ---- Lunary ----


def lunary_run(o, trace):
    usage = o["usageDetails"]
    name = o["model"] if o["type"] == "GENERATION" and o["model"] else o["name"]
    want = {
        "type": RUN_WORD.get(o["type"], "chain"), "status": "error" if o["level"] == "ERROR" else "success",
        "createdAt": llm.iso_ms(int(o["startTime"])), "endedAt": llm.iso_ms(int(o["endTime"])), "params": params_of(o)
    }
    if name:
        want["name"] = name
    for side in ("input", "output"):
        want[side] = NONE if o[side] is None else camel(llm.unwrapped(o[side], side))
    if usage:
        prompt = sum(v for k, v in usage.items() if "input" in k)
        completion = sum(v for k, v in usage.items() if "output" in k)
        want["tokens"] = {"prompt": prompt or (lambda got: not got), "completion": completion or (lambda got: not got), "total": prompt + completion}
    if total_cost(o) is not None:
        want["cost"] = near(total_cost(o), 1e-9)
    if o["level"] == "ERROR":
        want["error"] = {"message": o["statusMessage"] or "Unknown error"}
    plain = {k: v for k, v in o["metadata"].items() if isinstance(v, (str, int, float, bool))}
    if plain:
        want["metadata"] = camel(plain)
    if trace["userId"]:
        want["user"] = {"externalId": trace["userId"]}
    return want


def params_of(o):
    return {next(iter(camel({k: 0}))): v if callable(v) else camel(v) for k, v in o["modelParameters"].items()}


def camel(value):
    from lib.lunary import camel as lunary_camel
    return lunary_camel(value)


def check_lunary(p, requests, logs=()):
    """Every span as a run: by id, in the lists by type, under its parent."""
    groups = {}
    for o in model_otlp.observed(requests, logs).values():
        groups.setdefault(o["traceId"], []).append(o)
    everything = [o for spans in groups.values() for o in spans]
    for type in ("llm", "embed", "agent", "tool", "retriever", "chain", "custom-event"):
        want = sorted(o["id"] for o in everything if RUN_WORD.get(o["type"], "chain") == type)
        equal(sorted(r["id"] for r in p.lunary.runs(type=type)), want, f"GET /v1/runs?type={type}")
    for spans in groups.values():
        trace = model_otlp.assemble(spans)
        known = {o["id"] for o in spans}
        for o in spans:
            got = without_enrichments(p.lunary.run(o["id"]))
            contains(got, lunary_run(o, trace), f"span {o['name']} as a run")
        for root in [o for o in spans if o["parentId"] is None]:
            rows = {r["id"]: r for r in p.lunary.related(root["id"])}
            for o in spans:
                if o["parentId"] in rows and o["parentId"] in known:
                    true(o["id"] in rows, f"/v1/runs/{root['id']}/related lacks {o['id']}")
                    contains(rows[o["id"]], {"parentRunId": o["parentId"]}, f"/related row of {o['name']}")


def without_enrichments(value):
    """Messages may carry `enrichments: []` (llmonitor.md 9)."""
    if isinstance(value, dict):
        return {k: without_enrichments(v) for k, v in value.items() if not (k == "enrichments" and v == [])}
    return [without_enrichments(v) for v in value] if isinstance(value, list) else value


# ---- Langtrace ----


def langtrace_span(o, span):
    """Of a span in POST /api/traces: what was sent comes back verbatim, and the model under its own name (langtrace.md 11)."""
    attributes = {k: v for k, v in model_otlp.attributes(span.get("attributes")).items() if v is not None}
    if o["model"] and not any(k.startswith("langtrace.") for k in attributes):
        attributes.setdefault("gen_ai.response.model", o["model"])
    code = int((span.get("status") or {}).get("code") or 0)
    return {
        "name": o["name"], "trace_id": o["traceId"], "span_id": o["id"], "parent_id": o["parentId"] or "", "kind": str(span.get("kind", 0)),
        "start_time": iso_us(o["startTime"]), "end_time": iso_us(o["endTime"]), "attributes": attributes,
        "status_code": "ERROR" if o["level"] == "ERROR" else ["UNSET", "OK", "ERROR"][code]
    }


def check_langtrace(p, requests):
    """Every span of strict OTLP JSON requests as Langtrace's page of traces shows it, its events among them."""
    raw = {(s["traceId"], s["spanId"]): s for r in requests for s, _, _ in model_otlp.all_spans(r)}
    shown = {(s["trace_id"], s["span_id"]): s for t in p.lt.traces() for s in t["spans"]}
    groups = {}
    for key, o in model_otlp.observed(requests).items():
        groups.setdefault(o["traceId"], []).append(o)
        true(key in shown, f"POST /api/traces does not show {o['name']}, only {list(shown)}")
        contains(shown[key], langtrace_span(o, raw[key]), f"span {o['name']} in POST /api/traces")
        left = list(shown[key]["events"])
        for event in raw[key].get("events") or []:
            want = {"name": event["name"], "attributes": {k: v for k, v in model_otlp.attributes(event.get("attributes")).items() if v is not None}}
            same = [e for e in left if first_difference(e, want, whole=False) is None]
            true(same, f"event {event['name']} of span {o['name']} is not among {show(left)}")
            left.remove(same[0])
    traces = {t["trace_id"]: t for t in p.lt.traces()}
    equal(sorted(traces), sorted(groups), "ids of POST /api/traces")
    for id, observations in groups.items():
        failed = any(o["level"] == "ERROR" for o in observations)
        equal("ERROR" in traces[id]["status_code"].upper(), failed, f"status of trace {id}: {traces[id]['status_code']}")
