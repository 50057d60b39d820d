"""Type, name, input and output of a span (otlp.md 2.3 to 2.5)."""
import re

from lib.model_otlp_values import Attributes, any_json, deep, parsed, present, release_number, text

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
