"""Model, provider, parameters, first token, level, message, prompt, tools, documents and scores of a span (otlp.md 2.6, 2.9 to 2.12)."""
import datetime
import math

from lib.model_otlp_values import any_json, as_object, deep, number, parsed, text, unwrapped

# ---- 2.6 ----

MODELS = ("langfuse.observation.model.name gen_ai.response.model ai.model.id gen_ai.request.model llm.response.model "
          "llm.response.model_name llm.model_name llm.request.model_name embedding.model_name reranker.model_name").split()


def model_of(s):
    a = s.a
    if s.aggregate:
        return None
    found = a.first(*MODELS)
    if found is None and a.has("mlflow.llm.model"):
        found = any_json(a["mlflow.llm.model"])
    if found is None:
        found = a.first("llm.model", "model")
    if found is None and a.get("genkit:metadata:subtype") == "model":
        found = a.get("genkit:name")
    found = s.adk_request.get("model") if found is None else found
    return None if found is None else text(found)


def provider_of(a):
    found = a.first("gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider")
    if found is None and a.has("mlflow.llm.provider"):
        found = any_json(a["mlflow.llm.provider"])
    return a.get("langtrace.service.name") if found is None else found


def parameters_of(s):
    a = s.a
    if isinstance(parsed(a.get("langfuse.observation.model.parameters")), dict):
        return parsed(a["langfuse.observation.model.parameters"])
    if isinstance(s.genkit_input.get("config"), dict):
        return s.genkit_input["config"]
    for key in ("llm.invocation_parameters", "embedding.invocation_parameters", "model_config"):
        value = parsed(a.get(key))
        if isinstance(value, dict) and value:
            return {k: v for k, v in value.items() if v is not None}
    low = parsed(a.get("langwatch.params"))
    found = dict(low) if isinstance(low, dict) else {}
    found.update(a.below("llm.invocation_parameters."))
    config = s.adk_request.get("config") or {}
    for key in ("temperature", "top_p", "top_k", "max_output_tokens"):
        if isinstance(config, dict) and config.get(key) is not None:
            found[key.replace("max_output_tokens", "max_tokens")] = config[key]
    if s.vercel:
        for key in ("ai.settings.maxSteps", "ai.settings.maxRetries", "ai.settings.mode", "ai.prompt.toolChoice"):
            if a.has(key):
                value = a[key]
                found[key.rsplit(".", 1)[1]] = either(value, parsed(value)) if key.endswith("Choice") else value
    for key, name in (("llm.top_k", "top_k"), ("llm.frequency_penalty", "frequency_penalty"),
                      ("llm.presence_penalty", "presence_penalty"), ("llm.chat.stop_sequences", "stop_sequences")):
        if a.has(key):
            found[name] = a[key]
    found.update({k: v for k, v in a.below("gen_ai.request.").items() if k not in ("model", "tools") and v is not None})
    return found


def either(*values):
    """The contract leaves both forms open."""
    if all(v == values[0] for v in values):
        return values[0]

    def judge(got):
        return got in values

    judge.__doc__ = " or ".join(map(repr, values))
    return judge


# ---- 2.9, 2.10, 2.11 ----

CHUNKS = ("gen_ai.content.chunk gen_ai.content.completion.chunk llm.content.completion.chunk gen_ai.completion.chunk stream.output "
          "first_token llm.first_token ai.stream.firstChunk").split() + ["First Token Stream Event"]


def first_token(s):
    a, start = s.a, s.start or 0
    said = a.get("langfuse.observation.completion_start_time")
    if said:
        stamp = datetime.datetime.fromisoformat(str(any_json(said)).replace("Z", "+00:00"))
        stamp = stamp if stamp.tzinfo else stamp.replace(tzinfo=datetime.timezone.utc)
        delta = stamp - datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
        return (delta.days * 86400 + delta.seconds) * 10**9 + delta.microseconds * 1000
    at = number(unwrapped(a.get("langwatch.timestamps")).get("first_token_at"))
    if at:
        return round(at * 1000) * 1000
    ms = number(unwrapped(a.get("langwatch.metrics")).get("first_token_ms"))
    if ms is not None:
        return start + int(ms * 1_000_000)
    ms = number(a.first("ai.response.msToFirstChunk", "ai.stream.msToFirstChunk"))
    if ms is not None:
        return start + math.ceil(ms) * 1_000_000
    seconds = number(a.get("gen_ai.response.time_to_first_chunk"))
    if seconds is not None:
        return start + round(seconds * 1e9)
    ms = number(a.get("gen_ai.server.time_to_first_token"))
    if ms is not None:
        return start + round(ms * 1e6)
    times = [t for n, t, _ in s.events if n in CHUNKS and t and t >= start]
    return min(times) if times else None


def exception_of(s):
    """What was thrown: the message of the newest exception event (langwatch.md 4.6); None: nothing was."""
    thrown = [e.get("exception.message") for n, _, e in s.events if n == "exception"]
    return thrown[-1] if thrown else None


LEVELS = {
    **dict.fromkeys("debug trace verbose".split(), "DEBUG"),
    **dict.fromkeys("default info log notice ok success".split(), "DEFAULT"),
    **dict.fromkeys("warning warn".split(), "WARNING"), **dict.fromkeys("error fatal critical".split(), "ERROR")
}
LIVEKIT_DEBUG = ("user_speaking eou_detection llm_request_run tts_node tts_request tts_request_run tts_stream_adapter agent_speaking "
                 "drain_agent_activity on_enter on_exit llm_fallback_adapter tts_fallback_adapter start_agent_activity").split()


def level_of(s):
    said = LEVELS.get(str(s.a.get("langfuse.observation.level") or "").strip().lower())
    if said:
        return said
    if s.failed:
        return "ERROR"
    if s.scope == "livekit-agents" and s.name in LIVEKIT_DEBUG:
        return "DEBUG"
    level = number(s.a.get("logfire.level_num"))
    if level is not None:
        return "ERROR" if level >= 17 else "WARNING" if level >= 13 else "DEBUG" if level <= 8 else "DEFAULT"
    return "DEFAULT"


def message_of(s):
    said = s.a.get("langfuse.observation.status_message")
    thrown = [e.get("exception.message") for n, _, e in s.events if n == "exception" and e.get("exception.message")]
    return said or s.status_message or (thrown[-1] if thrown else None) or s.a.first("error.message", "exception.message")


def version_of(value):
    return int(value) if isinstance(value, str) and value.isdigit() else value


def prompt_of(s, type):
    a = s.a
    if type == "GENERATION":
        for prefix in ("langfuse.observation.prompt.", "langfuse.prompt."):
            if a.has(prefix + "name"):
                return a[prefix + "name"], version_of(a.get(prefix + "version"))
        said = as_object(a.get("ai.telemetry.metadata.langfusePrompt"))
        if said.get("name"):
            return said["name"], version_of(said.get("version"))
    id = a.get("langwatch.prompt.id")
    if isinstance(id, str):
        handle, _, version = id.rpartition(":")
        if handle:
            return handle, int(version) if version.isdigit() and int(version) > 0 else None
    if id or a.has("langwatch.prompt.handle"):
        return (a.first("langwatch.prompt.handle", "langwatch.prompt.id"),
                version_of(a.first("langwatch.prompt.version.number", "langwatch.prompt.version.id")))
    for name, version in (("traceloop.prompt.key", "traceloop.prompt.version"), ("prompt_id", "prompt_version"),
                          ("gen_ai.prompt.name", "gen_ai.prompt.version")):
        if a.has(name):
            return a[name], version_of(a.get(version)) if name != "gen_ai.prompt.name" else None
    return None, None


# ---- 2.12 ----


def tools_of(s):
    a, found = s.a, []
    for key in ("ai.prompt.tools", "gen_ai.tool.definitions", "llm.request.functions", "model_request_parameters.function_tools",
                "gen_ai.request.tools", "lk.function_tools"):
        value = a.family(key) if key in ("gen_ai.tool.definitions", "llm.request.functions") else parsed(a.get(key))
        for item in value if isinstance(value, list) else []:
            item = parsed(item)
            found += item if isinstance(item, list) else [item]
    for item in a.family("llm.tools") or []:
        schema = parsed(deep(item, "tool", "json_schema"))
        found += [schema] if isinstance(schema, dict) else []
    config = s.adk_request.get("config")
    found += config["tools"] if isinstance(config, dict) and isinstance(config.get("tools"), list) else []
    kept, names = [], set()
    for tool in found:
        name = (tool.get("name") or deep(tool, "function", "name")) if isinstance(tool, dict) else None
        if name is None or name not in names:
            kept.append(tool)
        names.add(name)
    return kept or None


def scores_of(s):
    found = []
    for prefix, inner in (("annotations", "annotation"), ("evaluations", "evaluation")):
        for target in ("", "trace.", "session."):
            for item in s.a.family(target + prefix) or []:
                score = item.get(inner, {}) if isinstance(item, dict) else {}
                found.append({"target": target.rstrip(".") or "span", "name": score.get("name"), "value": number(score.get("score")),
                              "label": score.get("label"), "comment": score.get("explanation")})
    for name, _, e in s.events:
        if name == "gen_ai.evaluation.result":
            found.append({"target": "span", "name": e.get("gen_ai.evaluation.name"), "value": number(e.get("gen_ai.evaluation.score.value")),
                          "label": e.get("gen_ai.evaluation.score.label"), "comment": e.get("gen_ai.evaluation.explanation")})
        elif name == "langwatch.evaluation.custom":
            said = as_object(e.get("json_encoded_event"))
            found.append({"target": "span", "name": said.get("name"), "value": number(said.get("score")), "label": said.get("label"),
                          "comment": said.get("details"), "passed": said.get("passed")})
    return found or None
