"""What otlp.md 2 makes of a span: an independent reading, in the order of its sections. observe() gives the canonical observation under
the names of otlp-vectors.json, with `trace` as what this span alone contributes; None for a span that is stored nowhere.

Keys of the answer that the vectors do not have: `hints` (types of LangWatch's values), `left` (attributes that no rule asks for: they
must stand in metadata.attributes), `claims` (rank of user and session for assemble()), `nosum` (a roll-up, not summed), `root`.
"""
import base64
import datetime
import json
import math
import re

from lib.model_otlp_usage import costs, usage

# ---- 2.2 values ----


def ident(value, size):
    """An id in any spelling of 1.5 as lower-case hex; None for none."""
    if isinstance(value, dict):
        data = value.get("data") or [value[k] for k in sorted(value, key=int)]
        value = bytes(data).hex()
    elif isinstance(value, list):
        value = bytes(value).hex()
    value = (value or "").removeprefix("0x")
    if len(value) != 2 * size and value:
        value = base64.b64decode(value + "=" * (-len(value) % 4)).hex()
    return value.lower() if value.strip("0") else None


def nanos(value):
    if isinstance(value, dict):
        value = (value.get("high", 0) << 32) + (value["low"] & 0xFFFFFFFF)
    return int(value or 0) or None


def plain(value):
    """An AnyValue as JSON."""
    if not value:
        return None
    kind, v = next(iter(value.items()))
    if v is None:
        return None
    if kind == "arrayValue":
        return [plain(x) for x in v.get("values") or []]
    if kind == "kvlistValue":
        return attributes(v.get("values"))
    if kind == "intValue":
        return int(v) if not isinstance(v, dict) else nanos(v)
    if kind == "doubleValue":
        number = float(v)
        return number if math.isfinite(number) else str(v)
    if kind == "boolValue":
        return v in (True, "true")
    return v


def attributes(items):
    if isinstance(items, dict):
        return {k: plain(v) if isinstance(v, dict) and set(v) <= ANY_KINDS else v for k, v in items.items()}
    return {x["key"]: plain(x.get("value")) for x in items or [] if x.get("key")}


ANY_KINDS = {"stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"}


def present(value):
    return value is not None and value not in ("", [], {}) or value is False or value == 0 and value != ""


def parsed(value):
    """Rule 3: text that looks like an object or array and is one."""
    if isinstance(value, str) and value.lstrip(" \t\r\n")[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def any_json(value):
    """Rule 4: text that is any JSON."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def text(value):
    return value if isinstance(value, str) else json.dumps(value)


def number(value):
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value) if not re.fullmatch(r"-?\d+", value.strip()) else int(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


class Attributes(dict):
    """The span's attributes; `asked` are the keys that a rule looked at."""
    def __init__(self, values):
        super().__init__(values)
        self.asked = set()

    def has(self, key):
        self.asked.add(key)
        return key in self and present(self[key])

    def get(self, key, default=None):
        return self[key] if self.has(key) else default

    def first(self, *keys):
        found = [self[k] for k in keys if self.has(k)]
        return found[0] if found else None

    def below(self, prefix):
        """Members of a prefix, the prefix cut."""
        found = {k[len(prefix):]: v for k, v in self.items() if k.startswith(prefix) and len(k) > len(prefix)}
        self.asked |= {prefix + k for k in found}
        return found

    def family(self, prefix):
        """Rule 6: prefix.0.a.b as nested lists and objects; None without a member."""
        if self.has(prefix):
            return parsed(self[prefix])
        members = self.below(prefix + ".")
        if prefix == "gen_ai.prompt":
            members.pop("name", None)
        tree = {}
        for key, value in members.items():
            *way, last = key.split(".")
            at = tree
            for step in way:
                at = at.setdefault(step, {})
                if not isinstance(at, dict):
                    break
            else:
                at[last] = value
        return listed(tree) if tree else None


def listed(tree):
    if not isinstance(tree, dict):
        return tree
    if tree and all(k.isdigit() for k in tree):
        return [listed(tree[k]) for k in sorted(tree, key=int)]
    return {k: listed(v) for k, v in tree.items()}


# ---- the span ----


class Seen:
    """A span with what its rules need."""
    def __init__(self, span, resource, scope):
        self.span, self.resource = span, attributes((resource or {}).get("attributes"))
        self.a = Attributes(attributes(span.get("attributes")))
        scope = scope or {}
        self.scope, self.scope_version = scope.get("name") or "", scope.get("version") or ""
        self.name = span.get("name") or ""
        self.events = [(e.get("name"), nanos(e.get("timeUnixNano")), attributes(e.get("attributes")))
                       for e in span.get("events") or []]
        self.start, self.end = nanos(span.get("startTimeUnixNano")), nanos(span.get("endTimeUnixNano"))
        self.start, self.end = self.start or self.end, self.end or self.start
        status = span.get("status") or {}
        self.failed = status.get("code") in (2, "2", "STATUS_CODE_ERROR")
        self.status_message = status.get("message")
        self.operation = self.a.get("gen_ai.operation.name")
        self.python5 = (self.scope == "langfuse-sdk" and self.resource.get("telemetry.sdk.language") == "python"
                        and release_number(self.scope_version) >= (5, ))
        own = str(self.a.get("ai.operationId") or ""), str(self.a.get("operation.name") or "")
        self.vercel = self.scope == "ai" or any(o.startswith("ai.") for o in own)
        self.ai_operations = own
        self.aggregate = self.operation in ("invoke_agent", "agent_step")
        self.adk_request = as_object(self.a.get("gcp.vertex.agent.llm_request"))
        self.adk_response = as_object(self.a.get("gcp.vertex.agent.llm_response"))
        self.genkit_input, self.genkit_output = as_object(self.a.get("genkit:input")), as_object(self.a.get("genkit:output"))


def release_number(version):
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def as_object(value):
    value = parsed(value)
    return value if isinstance(value, dict) else {}


# ---- 2.3, 2.4 ----

LANGWATCH = {
    "llm": "GENERATION", "agent": "AGENT", "tool": "TOOL", "rag": "RETRIEVER", "chain": "CHAIN", "workflow": "CHAIN",
    "guardrail": "GUARDRAIL", "evaluation": "EVALUATOR",
    **dict.fromkeys("span component module task server client producer consumer unknown".split(), "SPAN")
}
OPENINFERENCE = {
    "llm": "GENERATION", "reranker": "RETRIEVER",
    **{k: k.upper() for k in "embedding chain retriever agent tool guardrail evaluator".split()}
}
OPERATIONS = {
    **dict.fromkeys(
        "chat completion text_completion generate_content generate call_llm llm_request start_chat images_generate image_edit"
        .split(), "GENERATION"), **dict.fromkeys("embeddings embedding embed".split(), "EMBEDDING"),
    **dict.fromkeys("invoke_agent create_agent agent_run agent".split(), "AGENT"),
    **dict.fromkeys("execute_tool tool".split(), "TOOL"),
    **dict.fromkeys("retrieval rerank vector_db_retrieve".split(), "RETRIEVER"), "invoke_workflow": "CHAIN"
}
GENKIT = {"model": "GENERATION", "background-model": "GENERATION", "embedder": "EMBEDDING", "tool": "TOOL",
          "tool.v2": "TOOL", "retriever": "RETRIEVER", "evaluator": "EVALUATOR"}
MLFLOW = {
    "LLM": "GENERATION", "CHAT_MODEL": "GENERATION", "RERANKER": "RETRIEVER", "WORKFLOW": "CHAIN",
    **{k: k for k in "EMBEDDING RETRIEVER TOOL AGENT CHAIN GUARDRAIL EVALUATOR".split()}
}
OVERRIDE = ["langfuse.observation." + k for k in
            "model.name model.parameters usage_details cost_details completion_start_time prompt.name prompt.version".split()]
DO = {"doGenerate": ("generateText", "generateObject"), "doStream": ("streamText", "streamObject"), "doEmbed": ("embed", "embedMany")}
GENERATING = [f"ai.{o}.{do}" for do in ("doGenerate", "doStream") for o in DO[do]]
EMBEDDING = [f"ai.{o}.doEmbed" for o in DO["doEmbed"]]


def kind_of(s):
    """(type, source type): the first rule that yields."""
    a = s.a
    said = a.get("langfuse.observation.type")
    if (s.scope == "langfuse-sdk" and s.resource.get("telemetry.sdk.language") == "python" and said == "span"
            and release_number(s.scope_version)[:2] <= (3, 3) and any(a.has(k) for k in OVERRIDE)):
        return "GENERATION", None
    if said in "span generation event embedding agent tool chain retriever guardrail evaluator".split():
        return said.upper(), said
    if a.get("agenttrace.span.type") in ("generation", "span", "event"):
        return a["agenttrace.span.type"].upper(), a["agenttrace.span.type"]
    for key, words, fold in (("langwatch.span.type", LANGWATCH, str), ("openinference.span.kind", OPENINFERENCE, str.lower),
                             ("gen_ai.operation.name", OPERATIONS, str), ("genkit:metadata:subtype", GENKIT, str),
                             ("traceloop.span.kind", {"workflow": "CHAIN", "agent": "AGENT", "tool": "TOOL"}, str)):
        value = a.get(key)
        if isinstance(value, str) and fold(value) in words:
            return words[fold(value)], value
    value = any_json(a.get("mlflow.spanType"))
    if value in MLFLOW:
        return MLFLOW[value], value
    value = a.get("mastra.span.type") or ""
    for pattern, type in (("agent_run", "AGENT"), ("workflow_.*", "CHAIN"), ("model_generation|model_step", "GENERATION"),
                          ("tool_call|mcp_tool_call", "TOOL")):
        if re.fullmatch(pattern, value):
            return type, value
    found = langtrace_kind(s)
    if found:
        return found, a["langtrace.service.type"]
    value = a.get("llm.request.type")
    if value in ("chat", "completion", "embedding", "rerank"):
        return {"embedding": "EMBEDDING", "rerank": "RETRIEVER"}.get(value, "GENERATION"), value
    return late_kind(s), None


def langtrace_kind(s):
    service, vendor = s.a.get("langtrace.service.type"), (s.a.get("langtrace.service.name") or "").lower()
    if service == "llm":
        return "EMBEDDING" if str(s.operation or "").startswith("embed") else "GENERATION"
    if service == "vectordb":
        operation = str(s.a.get("db.operation") or "").lower()
        return "RETRIEVER" if any(w in operation for w in ("query", "search", "retriev")) else "SPAN"
    if service == "framework":
        if vendor in ("crewai", "agno", "autogen", "phidata", "openai-agents") or "agent" in s.name:
            return "AGENT"
        return "TOOL" if "tool" in s.name else "CHAIN"
    return None


def late_kind(s):
    a, (id, operation) = s.a, s.ai_operations
    if any([a.has(k) for k in ("langfuse.observation.model.name", "ai.model.id", "gen_ai.request.model", "gen_ai.response.model")]):
        for names, type in ((GENERATING, "GENERATION"), (EMBEDDING, "EMBEDDING")):
            if any(operation.startswith(n) or id == n for n in names):
                return type
    if operation.startswith("ai.toolCall") or id == "ai.toolCall":
        return "TOOL"
    if a.has("gen_ai.tool.name") or a.has("gen_ai.tool.call.id"):
        return "TOOL"
    if a.has("flue.tool.name") or a.has("flue.tool.call_id"):
        return "TOOL"
    if a.has("flue.task.id") or a.has("flue.task.agent"):
        return "AGENT"
    if s.scope == "livekit-agents" and s.name in ("agent_turn", "start_agent_activity", "function_tool"):
        return "TOOL" if s.name == "function_tool" else "AGENT"
    if any([a.has(k) for k in ("langfuse.observation.model.name", "gen_ai.request.model", "gen_ai.response.model",
                               "llm.model_name", "llm.model", "model")]):
        return "GENERATION"
    return "EMBEDDING" if a.has("embedding.model_name") else "SPAN"


def name_of(s):
    a = s.a
    found = a.first("gen_ai.tool.name", "genkit:name", "logfire.msg", "ai.toolCall.name")
    if found is None and a.has("ai.operationId"):
        function = a.get("ai.telemetry.functionId")
        found = (f"{function}:" if function else "") + a["ai.operationId"]
    return text(found) if found is not None else s.name


# ---- 2.5 ----


def with_system(messages, instructions):
    messages, instructions = parsed(messages), parsed(instructions)
    if (not isinstance(messages, list) or not present(instructions)
            or any(isinstance(m, dict) and m.get("role") == "system" for m in messages)):
        return messages
    if isinstance(instructions, list):
        each = [i.get("content", i) if isinstance(i, dict) else i for i in instructions]
        instructions = "\n".join(map(text, each))
    return [{"role": "system", "content": instructions}, *messages]


def semconv(a):
    """Rule 22, also on the attributes of an event."""
    read = (lambda *k: a.first(*k)) if isinstance(a, Attributes) else (lambda *k: next((a[x] for x in k if present(a.get(x))), None))
    messages, system = read("gen_ai.input.messages"), read("gen_ai.system_instructions")
    input = with_system(messages, system) if messages is not None else read("gen_ai.tool.call.arguments", "gen_ai.retrieval.query.text")
    return input, read("gen_ai.output.messages", "gen_ai.tool.call.result", "gen_ai.retrieval.documents")


def typed(value):
    """LangWatch's {type, value}: (value, type)."""
    found = parsed(value)
    if isinstance(found, dict) and set(found) == {"type", "value"} and found["type"] in (
            "text json chat_messages raw list evaluation_result guardrail_result").split():
        return found["value"], found["type"]
    return found, None


def vercel_io(s):
    a = s.a
    input = a.first("ai.prompt.messages", "ai.prompt", "ai.toolCall.args", "ai.values", "ai.value")
    if "ai.response.text" in a and "ai.response.toolCalls" in a:
        output = {"role": "assistant", "content": a["ai.response.text"], "tool_calls": parsed(a["ai.response.toolCalls"])}
    else:
        output = a.first("ai.response.text", "ai.result.text", "ai.toolCall.result", "ai.response.object", "ai.result.object",
                         "ai.response.toolCalls", "ai.result.toolCalls")
    a.asked |= {"ai.response.text", "ai.response.toolCalls"}
    late = semconv(a)
    return late[0] if input is None else input, late[1] if output is None else output


def message_events(s):
    input, output = [], []
    for name, _, values in s.events:
        role = re.fullmatch(r"gen_ai\.(system|user|assistant|tool)\.message", name or "")
        values = {k: parsed(v) for k, v in values.items() if k != "gen_ai.system"}
        if role:
            input.append({"role": role.group(1), **values})
        elif name == "gen_ai.choice":
            output.append(values)
    return input or None, output[0] if len(output) == 1 else output or None


def content_events(s):
    found = {"prompt": None, "completion": None}
    for name, _, values in s.events:
        word = (name or "").removeprefix("gen_ai.content.")
        if word in found and found[word] is None:
            found[word] = Attributes(values).family(f"gen_ai.{word}")
    return found["prompt"], found["completion"]


def events_attribute(s):
    entries = parsed(s.a.get("events"))
    if not isinstance(entries, list):
        return None, None
    choices = [e for e in entries if isinstance(e, dict) and e.get("event.name") == "gen_ai.choice"]
    return [e for e in entries if e not in choices] or None, choices[0] if choices else None


def logfire_io(s):
    a = s.a
    messages, final = a.get("all_messages_events"), a.get("final_result")
    if messages is not None and final is not None:
        return a.first("prompt", "all_messages_events"), final
    return a.get("prompt"), messages


def io_of(s):
    """(input, output, hints): of the first rule that yields either."""
    a = s.a
    rules = [
        lambda: (a.get("langfuse.observation.input"), a.get("langfuse.observation.output")),
        None,  # LangWatch: below, for its hints
        lambda: (s.genkit_input.get("messages", parsed(a.get("genkit:input"))),
                 s.genkit_output.get("message", parsed(a.get("genkit:output")))),
        lambda: vercel_io(s) if s.vercel else (None, None),
        lambda: flue_io(a) if s.scope == "@flue/opentelemetry" else (None, None),
        lambda: next((semconv(e) for n, _, e in s.events if n == "gen_ai.client.inference.operation.details"), (None, None)),
        lambda: message_events(s), lambda: content_events(s),
        lambda: (adk(a, "llm_request", "tool_call_args"), adk(a, "llm_response", "tool_response")),
        lambda: logfire_io(s),
        lambda: (a.first(*("lk." + k for k in "input_text user_transcript user_input chat_ctx function_tool.arguments".split())),
                 a.first(*("lk." + k for k in "function_tool.output response.text response.function_calls".split()))),
        lambda: events_attribute(s),
        lambda: (any_json(a.get("mlflow.spanInputs")), any_json(a.get("mlflow.spanOutputs"))),
        lambda: (a.get("traceloop.entity.input"), a.get("traceloop.entity.output")),
        lambda: (a.get("input.value"), a.first("output.value") if a.has("output.value") else openinference_documents(a)),
        lambda: (a.get("input"), a.get("output")),
        lambda: (with_system(a["pydantic_ai.all_messages"], a.get("gen_ai.system_instructions"))
                 if a.has("pydantic_ai.all_messages") else None, a.get("final_result")) if s.scope == "pydantic-ai" else (None, None),
        lambda: (a.get("tool_arguments"), a.get("tool_response")),
        lambda: (a.family("gen_ai.prompt"), a.family("gen_ai.completion")),
        lambda: framework_io(a), lambda: openinference_io(a), lambda: semconv(a),
        lambda: (a.first("gen_ai.task.input", "raw_input"), a.get("gen_ai.task.output") or documents_of(s)),
    ]
    for rule in rules:
        hints = {}
        if rule is None:
            (input, it), (output, ot) = typed(a.get("langwatch.input")), typed(a.get("langwatch.output"))
            hints = {"input": it, "output": ot}
        else:
            input, output = rule()
        if input is not None or output is not None:
            if rule is None and all(hints.values()):
                return input, output, hints
            return (parsed(input) if not hints.get("input") else input, parsed(output) if not hints.get("output") else output, hints)
    return None, None, {}


def adk(a, *keys):
    return next((a["gcp.vertex.agent." + k] for k in keys
                 if a.has("gcp.vertex.agent." + k) and parsed(a["gcp.vertex.agent." + k]) != {}), None)


def flue_io(a):
    return (a.first("flue.turn.input", "flue.tool.arguments", "flue.task.prompt", "flue.workflow.payload"),
            a.first("flue.turn.output", "flue.tool.result", "flue.task.result", "flue.operation.result", "flue.workflow.result"))


def framework_io(a):
    for input, output in (("llm.prompts", "llm.responses"), ("langchain.inputs", "langchain.outputs"),
                          ("llamaindex.inputs", "llamaindex.outputs"), ("dspy.signature.args", "dspy.signature.result"),
                          ("db.query", "db.response")):
        found = a.get(input), a.get(output)
        if found != (None, None):
            return found
    return None, None


def openinference_io(a):
    def texts(prefix, *way):
        found = [deep(x, *way) for x in a.family(prefix) or [] if isinstance(x, dict)]
        return found[0] if len(found) == 1 else found or None

    input, output = a.family("llm.input_messages"), a.family("llm.output_messages")
    return (texts("llm.prompts", "prompt", "text") if input is None else input,
            texts("llm.choices", "completion", "text") if output is None else output)


def deep(value, *way):
    for step in way:
        value = value.get(step) if isinstance(value, dict) else None
    return value


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


def unwrapped(value):
    """LangWatch's JSON blobs: the value of {type, value}, an object, or {}."""
    value = as_object(value)
    return value["value"] if set(value) == {"type", "value"} and isinstance(value["value"], dict) else value


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
        return int(at * 1_000_000)
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
    """What was thrown, in LangWatch's order (langwatch.md 4.6): newest exception event, then the attributes; None: nothing was."""
    thrown = [e.get("exception.message") for n, _, e in s.events if n == "exception"]
    return thrown[-1] if thrown and thrown[-1] else s.a.first("exception.message", "error.message")


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


def openinference_documents(a):
    found = []
    for prefix in ("retrieval.documents", "reranker.output_documents"):
        items = a.family(prefix)
        for item in items if isinstance(items, list) else []:
            document = item.get("document", item) if isinstance(item, dict) else item
            found.append({k: parsed(v) if k == "metadata" else v for k, v in document.items()} if isinstance(document, dict) else document)
        if found:
            return found
    return None


def documents_of(s):
    found = openinference_documents(s.a)
    if found:
        return found
    for key in ("gen_ai.retrieval.documents", "langwatch.rag.contexts", "langwatch.rag_contexts", "langwatch.contexts"):
        value = parsed(s.a.get(key))
        if isinstance(value, dict) and set(value) == {"type", "value"}:
            value = value["value"]
        if isinstance(value, list) and value:
            return value
    return None


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


# ---- 2.13 ----

USER = ("langfuse.user.id user.id langwatch.user.id langwatch.user_id user_id langfuse.observation.metadata.langfuse_user_id "
        "langfuse.trace.metadata.langfuse_user_id ai.telemetry.metadata.userId ai.telemetry.metadata.user_id "
        "traceloop.association.properties.user_id mlflow.trace.user {user_id,userId} enduser.id enduser.pseudo.id gen_ai.user "
        "gen_ai.request.user llm.user").split()
SESSION = ("langfuse.session.id session.id langwatch.thread.id langwatch.thread_id thread_id langwatch.langgraph.thread_id "
           "gen_ai.conversation.id langfuse.observation.metadata.langfuse_session_id langfuse.trace.metadata.langfuse_session_id "
           "ai.telemetry.metadata.sessionId ai.telemetry.metadata.threadId ai.telemetry.metadata.thread_id "
           "traceloop.association.properties.session_id traceloop.association.properties.thread_id mlflow.trace.session "
           "gcp.vertex.agent.session_id mastra.metadata.threadId {thread_id,threadId,session_id}").split()
CUSTOMER = "langwatch.customer.id langwatch.customer_id customer_id traceloop.association.properties.customer_id".split()
TAGS = ("langfuse.trace.tags langfuse.tags langwatch.labels langwatch.tags langfuse.observation.metadata.langfuse_tags "
        "langfuse.trace.metadata.langfuse_tags ai.telemetry.metadata.tags ai.telemetry.metadata.labels tag.tags logfire.tags {labels}").split()
TRACE_KEYS = re.compile(
    r"langfuse\.trace\..*|(langfuse\.)?(user|session)\.id|langfuse\.(observation|trace)\.metadata\.langfuse_(user_id|session_id|tags)|"
    r"ai\.telemetry\.metadata\.(userId|sessionId|tags)|tag\.tags|langwatch\.(user|thread)\.id|langwatch\.labels|user_id|thread_id|"
    r"traceloop\.association\.properties\..*")


def carries_trace_key(a):
    return any(TRACE_KEYS.fullmatch(k) for k in a)


def identity(s, order):
    """(value, key) of the first present; {a,b} stands for members of the JSON attribute `metadata`."""
    said = as_object(s.a.get("metadata"))
    for key in order:
        if key.startswith("{"):
            for member in key[1:-1].split(","):
                if present(said.get(member)):
                    return said[member], "metadata"
        elif s.a.has(key):
            value = s.a[key]
            return any_json(value) if key.startswith("mlflow.") else value, key
    return None, None


def tag_list(value):
    value = parsed(value)
    if isinstance(value, list):
        return [text(v) for v in value]
    if isinstance(value, str) and "," in value:
        return [t.strip() for t in value.split(",") if t.strip()]
    return [text(value)] if present(value) else []


def environment_of(s):
    for key in ("langfuse.environment", "deployment.environment.name", "deployment.environment"):
        for source in (s.a, s.resource):
            if source is s.a:
                s.a.has(key)
            value = source.get(key)
            if present(value):
                value = str(value).lower()
                while value.startswith("langfuse"):
                    value = re.sub(r"^langfuse[-_]?", "", value)
                value = value[:40]
                return value if re.fullmatch(r"[a-z0-9_-]+", value) else "default"
    return "default"


# ---- 2.14 ----

RESERVED = {"user_id", "userId", "thread_id", "threadId", "session_id", "labels", "customer_id", "customerId"}


def bare_metadata(value, s):
    value = any_json(value) if s.python5 else parsed(value)
    if value in (None, {}, ""):
        return {}
    return value if isinstance(value, dict) else {"metadata": value}


def langfuse_metadata(s, *bare):
    """The bare key, then what stands below it. In Langfuse's own Python 5 each value is JSON text."""
    a, found = s.a, {}
    for key in bare:
        if a.has(key):
            found.update(bare_metadata(a[key], s))
            break
    for key in bare:
        for member, value in a.below(key + ".").items():
            found[member] = any_json(value) if s.python5 else parsed(value)
    return found


IDENTITY_MEMBERS = {"langfuse_user_id", "langfuse_session_id", "langfuse_tags"}


def json_metadata(s):
    """JSON objects in metadata and LangWatch's keys, and what stands below these, without the reserved members."""
    a, found = s.a, {}
    for key in ("metadata", "langwatch.metadata", "langwatch.trace"):
        found.update({k: v for k, v in as_object(a.get(key)).items() if k not in RESERVED})
    for key in ("langwatch.metadata.", "langwatch.trace."):
        found.update({k: parsed(v) for k, v in a.below(key).items() if k not in RESERVED})
    return found


def metadata_of(s):
    a = s.a
    found = langfuse_metadata(s, "langfuse.observation.metadata", "langfuse.metadata")
    for key in IDENTITY_MEMBERS:
        found.pop(key, None)
    # langwatch.md 8 sends the other names of user, thread and labels to the reserved fields; otlp.md leaves that open.
    skip = {"userId", "sessionId", "tags", "langfusePrompt", *RESERVED}
    found.update({k: parsed(v) for k, v in a.below("ai.telemetry.metadata.").items() if k not in skip})
    found.update(json_metadata(s))
    properties = a.below("traceloop.association.properties.")
    found.update({k: v for k, v in properties.items() if k not in ("user_id", "session_id", "thread_id")})
    return found


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
