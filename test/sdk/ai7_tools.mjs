// AI SDK 7 with @ai-sdk/otel: a tool that the model calls, embeddings; the same through its older form of spans (scope "ai").
// With: http, grpc
// Needs Node 20: ai 7 says 22; it was recorded with 20 and runs there.
import { createOpenAI } from "@ai-sdk/openai";
import { LegacyOpenTelemetry, OpenTelemetry } from "@ai-sdk/otel";
import { embed, generateText, isStepCount, tool } from "ai";
import { z } from "zod";
import { assert, contains, langwatch, one, spanOf, tree } from "./helper.mjs";
import { openaiStub } from "./openai_stub.mjs";
import { traced } from "./otel.mjs";

const stub = await openaiStub();
const openai = createOpenAI({ apiKey: "none", baseURL: stub.baseURL });
const weather = tool({
  description: "the weather",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => ({ city, temp: 21, text: "sunny ☀️" }),
});
const ask = (integration, functionId) =>
  generateText({
    model: openai.chat("gpt-4o-mini"),
    prompt: "weather in Zürich?",
    tools: { get_weather: weather },
    stopWhen: isStepCount(3),
    telemetry: { functionId, integrations: integration },
  });
await traced(async () => {
  await ask(new OpenTelemetry(), "agent");
  await ask(new LegacyOpenTelemetry(), "legacy");
  const model = openai.embedding("text-embedding-3-small");
  await embed({ model, value: "eins", telemetry: { functionId: "embed", integrations: new OpenTelemetry() } });
});
stub.close();

const { traces } = await langwatch.search({ includeSpans: true });
assert.equal(traces.length, 3);
const withSpan = (name) => one(traces, (t) => t.spans.some((s) => s.name === name), name);

const agent = withSpan("invoke_agent gpt-4o-mini");
assert.deepEqual(tree(agent), {
  "invoke_agent gpt-4o-mini": {
    "step 1": { "chat gpt-4o-mini": {}, get_weather: {} },
    "step 2": { "chat gpt-4o-mini": {} },
  },
});
contains(agent, { metrics: { prompt_tokens: 40, completion_tokens: 10 } });
contains(spanOf(agent, "get_weather"), {
  type: "tool",
  input: { type: "json", value: { city: "Zürich" } },
  output: { type: "json", value: { city: "Zürich", temp: 21, text: "sunny ☀️" } },
});
const [asks, answers] = agent.spans
  .filter((s) => s.type === "llm")
  .sort((a, b) => a.metrics.prompt_tokens - b.metrics.prompt_tokens);
contains(asks.output.value, [
  { parts: [{ type: "tool_call", id: "call-1", name: "get_weather", arguments: { city: "Zürich" } }] },
]);
contains(answers.output.value, [{ parts: [{ content: 'Echo: {"city":"Zürich","temp":21,"text":"sunny ☀️"}' }] }]);

const legacy = withSpan("legacy:ai.generateText");
const inner = legacy.spans.filter((s) => s.name === "legacy:ai.generateText.doGenerate");
assert.equal(inner.length, 2);
contains(legacy, { metrics: { prompt_tokens: 40, completion_tokens: 10 } });
contains(spanOf(legacy, "get_weather"), { type: "tool", input: { value: { city: "Zürich" } } });

const embedded = one(traces, (t) => t !== agent && t !== legacy, "the embedding");
contains(
  one(embedded.spans, (s) => s.model === "text-embedding-3-small" && s.metrics?.prompt_tokens, "its call"),
  {
    type: "component",
    metrics: { prompt_tokens: 3 },
  },
);
