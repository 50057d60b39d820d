"""Usage and cost of a span (otlp.md 2.7, 2.8): the part of model_otlp.py that is arithmetic."""
from lib.model_otlp_values import as_object, number, unwrapped

ALIASES = {
    "input": "prompt_tokens input_tokens prompt", "output": "completion_tokens output_tokens completion", "total": "total_tokens total",
    "input_cached_tokens": "cache_read.input_tokens cache_read_input_tokens cache_read_tokens details.cache_read_tokens "
    "details.cache_read_input_tokens prompt_details.cache_read input_cached_tokens cached_input_tokens cached_tokens prompt_tokens_cached",
    "input_cache_creation": "cache_creation.input_tokens cache_creation_input_tokens cache_write_tokens details.cache_write_tokens "
    "details.cache_creation_input_tokens prompt_details.cache_write input_cache_creation cache_write.input_tokens",
    "output_reasoning_tokens": "reasoning.output_tokens completion_details.reasoning reasoning_tokens details.reasoning_tokens",
    "output_audio_tokens": "completion_details.audio"
}
BUCKET = {alias: bucket for bucket, aliases in ALIASES.items() for alias in aliases.split()}


def count(value):
    value = number(value)
    return None if value is None or value < 0 else int(value)


def buckets(raw):
    """Inclusive buckets of emitted keys; of aliases the first in the table's order wins."""
    found = {}
    for bucket, aliases in ALIASES.items():
        for alias in aliases.split():
            if count(raw.get(alias)) is not None:
                found[bucket] = count(raw[alias])
                break
    for key, value in raw.items():
        if key not in BUCKET and count(value) is not None:
            found.setdefault(key.removeprefix("details."), count(value))
    return found


def object_of(value):
    return unwrapped(value) if isinstance(value, str) else as_object(value)


def usage(s):
    a = s.a
    if s.aggregate:
        return {}
    if a.has("langfuse.observation.usage_details"):
        return langfuse_usage(object_of(a["langfuse.observation.usage_details"]))
    said = s.genkit_output.get("usage")
    if isinstance(said, dict):
        return genkit_usage(said)
    if s.name == "claude_code.llm_request":
        return exclusive(a)
    emitted = {**a.below("llm.token_count."), **{k: v for k, v in a.below("gen_ai.usage.").items() if k != "cost"}}
    found = buckets(emitted)
    for more in fillers(s, any(k.startswith("gen_ai.usage.") for k in a)):
        for bucket, value in more.items():
            if count(value) is not None:
                found.setdefault(bucket, count(value))
    return disjoint(found)


def disjoint(found):
    found = dict(found)
    split = found.get("input_cache_creation_5m", 0) + found.get("input_cache_creation_1h", 0)
    if "input" in found:
        found["input"] = max(0, found["input"] - found.get("input_cached_tokens", 0) - max(found.get("input_cache_creation", 0), split))
    if "input_cache_creation" in found and split:
        found["input_cache_creation"] = max(0, found["input_cache_creation"] - split)
    if "output" in found:
        found["output"] = max(0, found["output"] - found.get("output_reasoning_tokens", 0) - found.get("output_audio_tokens", 0))
    if found and "total" not in found:
        found["total"] = sum(found.values())
    return found


def fillers(s, semconv_there):
    a = s.a
    yield {"total": a.get("llm.usage.total_tokens")}
    said = object_of(a.get("llm.token.counts"))
    yield {"input": said.get("input_tokens"), "output": said.get("output_tokens"), "total": said.get("total_tokens"),
           "input_cached_tokens": said.get("cached_tokens")}
    yield buckets(object_of(a.get("mlflow.chat.tokenUsage")))
    said = object_of(a.get("langwatch.metrics"))

    def positive(*keys):
        return next((count(said[k]) for k in keys if count(said.get(k))), None)

    yield {"input": positive("promptTokens", "prompt_tokens"), "output": positive("completionTokens", "completion_tokens"),
           "output_reasoning_tokens": positive("reasoningTokens", "reasoning_tokens")}
    said = s.adk_response.get("usage_metadata") or {}
    yield {"input": said.get("prompt_token_count"), "output": said.get("candidates_token_count"),
           "input_cached_tokens": said.get("cached_content_token_count") or None}
    if s.vercel and (semconv_there or any(".do" in o for o in s.ai_operations)):
        yield from vercel(a)


def vercel(a):
    def of(*keys):
        return a.first(*("ai.usage." + k for k in keys))

    yield {"input": of("inputTokens", "promptTokens", "tokens"), "output": of("outputTokens", "completionTokens"),
           "total": of("totalTokens"), "input_cached_tokens": of("inputTokenDetails.cacheReadTokens", "cachedInputTokens"),
           "input_cache_creation": of("inputTokenDetails.cacheWriteTokens"),
           "output_reasoning_tokens": of("outputTokenDetails.reasoningTokens", "reasoningTokens")}
    said = object_of(a.get("ai.response.providerMetadata"))
    openai, anthropic = said.get("openai") or {}, (said.get("anthropic") or {}).get("usage") or {}
    bedrock = (said.get("bedrock") or {}).get("usage") or {}
    yield {"input_cached_tokens": openai.get("cachedPromptTokens"), "output_reasoning_tokens": openai.get("reasoningTokens")}
    creation = anthropic.get("cache_creation") or {}
    yield {"input_cached_tokens": anthropic.get("cache_read_input_tokens"), "input_cache_creation": anthropic.get("cache_creation_input_tokens"),
           "input_cache_creation_5m": creation.get("ephemeral_5m_input_tokens"), "input_cache_creation_1h": creation.get("ephemeral_1h_input_tokens")}
    yield {"input_cached_tokens": bedrock.get("cacheReadInputTokens"),
           "input_cache_creation": bedrock.get("cacheWriteInputTokens", bedrock.get("cacheCreationInputTokens"))}


def exclusive(a):
    found = {"input": a.get("input_tokens"), "output": a.get("output_tokens"), "input_cached_tokens": a.get("cache_read_tokens"),
             "input_cache_creation": a.get("cache_creation_tokens")}
    found = {k: count(v) for k, v in found.items() if count(v) is not None}
    return {**found, "total": sum(found.values())} if found else {}


def langfuse_usage(said):
    """As is, but for the two OpenAI shapes, whose details are inside their sums."""
    for input, output in (("prompt_tokens", "completion_tokens"), ("input_tokens", "output_tokens")):
        needed = {input, output, "total_tokens"}
        if needed <= set(said) and set(said) <= needed | {input + "_details", output + "_details"}:
            found = {"input": count(said[input]) or 0, "output": count(said[output]) or 0, "total": count(said["total_tokens"])}
            for side, key in (("input", input), ("output", output)):
                for detail, value in (said.get(key + "_details") or {}).items():
                    if count(value) is not None:
                        found[f"{side}_{detail}"] = count(value)
                        found[side] = max(0, found[side] - count(value))
            return {k: v for k, v in found.items() if v is not None}
    found = {k: count(v) for k, v in said.items() if count(v) is not None}
    if found and "total" not in found:
        found["total"] = sum(found.values())
    return found


def genkit_usage(said):
    thoughts = count(said.get("thoughtsTokens"))
    found = {"input": count(said.get("inputTokens")), "output": count(said.get("outputTokens")), "total": count(said.get("totalTokens")),
             "output_reasoning_tokens": thoughts}
    found = {k: v for k, v in found.items() if v is not None}
    if thoughts and "output" in found:
        found["output"] = max(0, found["output"] - thoughts)
    return found


def costs(s):
    a = s.a
    if s.aggregate:
        return {}
    if a.has("langfuse.observation.cost_details"):
        said = object_of(a["langfuse.observation.cost_details"])
        return {k: v for k, v in said.items() if number(v) is not None and v >= 0}
    for value in (a.get("langwatch.span.cost"), object_of(a.get("langwatch.metrics")).get("cost"), a.get("gen_ai.usage.cost")):
        if number(value) is not None:
            return {"total": number(value)}
    found = {name: number(a.get("llm.cost." + key)) for name, key in (("input", "prompt"), ("output", "completion"), ("total", "total"))}
    if any(v is not None for v in found.values()):
        return {k: v for k, v in found.items() if v is not None}
    said = object_of(a.get("mlflow.llm.cost"))
    if said:
        return {k.removesuffix("_cost"): number(v) for k, v in said.items() if number(v) is not None}
    return {"total": number(a.get("agenttrace.cost"))} if number(a.get("agenttrace.cost")) is not None else {}
