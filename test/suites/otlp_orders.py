"""Lists of keys where the first present one wins (otlp.md 2): for every place of each list a span that carries that key and all later ones.

Each span is a trace of its own; the value of a key is its own name, so that what is shown tells which key won.
"""
import json
import secrets

from lib import otlp
from lib.model_otlp_fields import MODELS
from lib.model_otlp_trace import CUSTOMER, SESSION, TAGS, USER
from lib.otlp import T, span
from lib.otlp_server import OtlpTests, by_json, by_protobuf
from lib.otlp_views import check_langtrace, check_langwatch, check_lunary

tests = OtlpTests("otlp/order")
LATE = 1_000_000

KEYS = {
    "user": USER, "session": SESSION, "customer": CUSTOMER, "tags": TAGS,
    "model": [*MODELS, "mlflow.llm.model", "llm.model", "model"],
    "provider": ["gen_ai.provider.name", "gen_ai.system", "llm.provider", "llm.system", "ai.model.provider", "mlflow.llm.provider",
                 "langtrace.service.name"],
    "name": ["gen_ai.tool.name", "genkit:name", "logfire.msg", "ai.toolCall.name", "ai.operationId", "no.name"],
    "environment": ["langfuse.environment", "deployment.environment.name", "deployment.environment", "no.environment"],
    "prompt": ["langwatch.prompt.id", "traceloop.prompt.key", "prompt_id", "gen_ai.prompt.name"],
    "documents": ["retrieval.documents.0.document.content", "gen_ai.retrieval.documents", "langwatch.rag.contexts", "langwatch.rag_contexts",
                  "langwatch.contexts"]
}
# The rules of 2.5 that attributes alone decide, in their order: one key of each side.
INPUTS = ("langfuse.observation.input langwatch.input genkit:input gcp.vertex.agent.llm_request gcp.vertex.agent.tool_call_args prompt "
          "lk.input_text lk.user_transcript lk.user_input lk.chat_ctx lk.function_tool.arguments mlflow.spanInputs traceloop.entity.input "
          "input.value input tool_arguments gen_ai.prompt llm.prompts langchain.inputs llamaindex.inputs dspy.signature.args db.query "
          "llm.input_messages.0.message.content gen_ai.input.messages gen_ai.tool.call.arguments gen_ai.retrieval.query.text "
          "gen_ai.task.input raw_input").split()
OUTPUTS = ("langfuse.observation.output langwatch.output genkit:output gcp.vertex.agent.llm_response gcp.vertex.agent.tool_response "
           "all_messages_events lk.function_tool.output lk.response.text lk.response.function_calls mlflow.spanOutputs traceloop.entity.output "
           "output.value output tool_response gen_ai.completion llm.responses langchain.outputs llamaindex.outputs dspy.signature.result "
           "db.response llm.output_messages.0.message.content gen_ai.output.messages gen_ai.tool.call.result gen_ai.task.output").split()
KINDS = [("langfuse.observation.type", "guardrail"), ("agenttrace.span.type", "event"), ("langwatch.span.type", "rag"), ("openinference.span.kind", "EMBEDDING"),
         ("gen_ai.operation.name", "execute_tool"), ("genkit:metadata:subtype", "evaluator"), ("traceloop.span.kind", "agent"),
         ("mlflow.spanType", '"CHAIN"'), ("mastra.span.type", "model_step"), ("langtrace.service.type", "framework"), ("llm.request.type", "rerank"),
         ("operation.name", "ai.toolCall fn"), ("gen_ai.tool.call.id", "c1"), ("flue.task.id", "t"), ("gen_ai.request.model", "m"), ("none", "none")]
COSTS = [("langfuse.observation.cost_details", '{"total": 0.5}'), ("langwatch.span.cost", 0.25), ("langwatch.metrics", '{"cost": 0.125}'),
         ("gen_ai.usage.cost", "0.0625"), ("llm.cost.total", 0.03125), ("mlflow.llm.cost", '{"total_cost": 0.015625}'), ("agenttrace.cost", 0.0078125)]
CHUNK = {"first_token_at": (T + 9 * LATE) / LATE}
FIRSTS = [("langfuse.observation.completion_start_time", "2026-09-21T13:46:40.011Z"), ("langwatch.timestamps", json.dumps(CHUNK)),
          ("langwatch.metrics", '{"first_token_ms": 12}'), ("ai.response.msToFirstChunk", 13.2), ("ai.stream.msToFirstChunk", 14),
          ("gen_ai.response.time_to_first_chunk", 0.015), ("gen_ai.server.time_to_first_token", 16)]
LEVELS = [("langfuse.observation.level", "error"), ("logfire.level_num", 17), ("none", 0)]
MESSAGES = [("langfuse.observation.status_message", "said"), ("error.message", "error"), ("exception.message", "exception")]
INPUT_COUNTS = ("prompt_tokens", "input_tokens", "prompt")
CACHED = ("cache_read.input_tokens cache_read_input_tokens cache_read_tokens details.cache_read_tokens details.cache_read_input_tokens "
          "prompt_details.cache_read input_cached_tokens cached_input_tokens cached_tokens prompt_tokens_cached").split()
CREATION = ("cache_creation.input_tokens cache_creation_input_tokens cache_write_tokens details.cache_write_tokens "
            "details.cache_creation_input_tokens prompt_details.cache_write input_cache_creation cache_write.input_tokens").split()
REASONING = "reasoning.output_tokens completion_details.reasoning reasoning_tokens details.reasoning_tokens".split()


def value_of(key):
    if key.startswith("mlflow.") or key == "langwatch.prompt.id":
        return json.dumps(key)
    if key in ("gen_ai.retrieval.documents", "langwatch.rag.contexts", "langwatch.rag_contexts", "langwatch.contexts"):
        return json.dumps([{"content": key}])
    if key.endswith("environment") or "environment" in key:
        return key.replace(".", "-")
    return key


def with_members(attributes, keys):
    """{a,b} in a list stands for members of the JSON attribute `metadata`."""
    members = {m: f"member {m}" for k in keys if k.startswith("{") for m in k[1:-1].split(",")}
    if members:
        attributes["metadata"] = json.dumps(members)
    return attributes


def plain_cases(keys):
    for i in range(len(keys)):
        rest = keys[i:]
        yield with_members({k: value_of(k) for k in rest if not k.startswith("{")}, rest)


def pair_cases(pairs):
    for i in range(len(pairs)):
        yield dict(reversed(pairs[i:]))


def counted(prefix, aliases):
    """Each alias with a count of its own, and a sum that all of them fit into."""
    for i in range(len(aliases)):
        yield {"gen_ai.usage.input_tokens": 1000, "gen_ai.usage.output_tokens": 1000, **{prefix + k: 10 + n for n, k in enumerate(aliases) if n >= i}}


def judge(p, cases, also=None, **more):
    cases = [{**a, **(also or {})} for a in cases]
    for send in (by_json, by_protobuf):
        spans = [span(secrets.token_hex(16), secrets.token_hex(8), "its own name", T, T + 1_000_000_000, a=a, **more) for a in cases]
        request = otlp.traces(*spans)
        send(p, request)
        requests = [request] if send is by_json else [*requests, request]  # noqa: F821
    check_langwatch(p, requests)
    check_lunary(p, requests)
    check_langtrace(p, requests)


for name, keys in KEYS.items():
    also = {"input.value": "q", "output.value": "a"} if name == "documents" else {}
    tests.add(name, lambda p, keys=keys, also=also: judge(p, plain_cases(keys), also))
tests.add("input", lambda p: judge(p, plain_cases(INPUTS)))
tests.add("output", lambda p: judge(p, plain_cases(OUTPUTS)))
tests.add("input-and-output", lambda p: judge(p, ({a: "in", b: "out"} for i, a in enumerate(INPUTS) for k, b in enumerate(OUTPUTS) if (i + 2 * k) % 5 == 0)))
for name, pairs in (("type", KINDS), ("cost", COSTS), ("first-token", FIRSTS), ("level", LEVELS), ("status-message", MESSAGES)):
    tests.add(name, lambda p, pairs=pairs, name=name: judge(p, pair_cases(pairs), **({"status": {"code": 2}} if name == "status-message" else {})))
tests.add("input-tokens", lambda p: judge(p, ({"gen_ai.usage." + k: 10 + n for n, k in enumerate(INPUT_COUNTS) if n >= i} for i in range(3))))
for name, aliases in (("cached-tokens", CACHED), ("cache-creation-tokens", CREATION), ("reasoning-tokens", REASONING)):
    tests.add(name, lambda p, aliases=aliases: judge(p, counted("gen_ai.usage.", aliases)))
    tests.add(name + "-openinference", lambda p, aliases=aliases: judge(p, counted("llm.token_count.", aliases)))
