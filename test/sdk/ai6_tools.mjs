// AI SDK 6 with its telemetry on: a tool that the model calls, an object by schema, embeddings, a refused call.
// With: http, grpc
import { createOpenAI } from "@ai-sdk/openai-for-6";
import { embed, embedMany, generateObject, generateText, stepCountIs, tool } from "ai-6";
import { z } from "zod";
import { assert, contains, fails, langwatch, one, spanOf, traceWhere, tree } from "./helper.mjs";
import { openaiStub } from "./openai_stub.mjs";
import { traced } from "./otel.mjs";

const stub = await openaiStub();
const openai = createOpenAI({ apiKey: "none", baseURL: stub.baseURL });
const telemetry = (functionId) => ({ isEnabled: true, functionId, metadata: { sessionId: functionId } });
const weather = tool({
  description: "the weather",
  inputSchema: z.object({ city: z.string() }),
  execute: async ({ city }) => ({ city, temp: 21, text: "sunny ☀️" }),
});
await traced(async () => {
  await generateText({
    model: openai.chat("gpt-4o-mini"),
    prompt: "weather in Zürich?",
    tools: { get_weather: weather },
    stopWhen: stepCountIs(3),
    experimental_telemetry: telemetry("agent"),
  });
  const { object } = await generateObject({
    model: openai.chat("gpt-4o-mini"),
    schema: z.object({ city: z.string(), degrees: z.number() }),
    prompt: "Bern",
    experimental_telemetry: telemetry("object"),
  });
  assert.deepEqual(object, { city: "Bern", degrees: 21 });
  const model = openai.embedding("text-embedding-3-small");
  assert.deepEqual(
    (await embed({ model, value: "eins", experimental_telemetry: telemetry("embed") })).embedding,
    [0, 0.5, -1],
  );
  await embedMany({ model, values: ["eins", "zwei"], experimental_telemetry: telemetry("embed-many") });
  const refused = { model: openai.chat("ratelimited"), prompt: "x", maxRetries: 0 };
  await fails(generateText({ ...refused, experimental_telemetry: telemetry("failing") }), "Rate limit");
});
stub.close();

const of = (id) => traceWhere({ "metadata.thread_id": [id] });
const agent = await of("agent");
assert.deepEqual(tree(agent), {
  "agent:ai.generateText": { "agent:ai.generateText.doGenerate": {}, get_weather: {} },
});
contains(spanOf(agent, "get_weather"), {
  type: "tool",
  input: { type: "json", value: { city: "Zürich" } },
  output: { type: "json", value: { city: "Zürich", temp: 21, text: "sunny ☀️" } },
});
const steps = agent.spans.filter((s) => s.name === "agent:ai.generateText.doGenerate");
assert.equal(steps.length, 2);
contains(agent, { metrics: { prompt_tokens: 40, completion_tokens: 10 } });
const asks = one(steps, (s) => JSON.stringify(s.output).includes("call-1"), "the step that asks for the tool");
contains(asks.output.value, [{ toolCallId: "call-1", toolName: "get_weather" }]);
contains(
  one(steps, (s) => s !== asks, "the step that answers"),
  {
    output: { type: "text", value: 'Echo: {"city":"Zürich","temp":21,"text":"sunny ☀️"}' },
  },
);

const object = await of("object");
contains(spanOf(object, "object:ai.generateObject.doGenerate"), {
  type: "llm",
  output: { type: "json", value: { city: "Bern", degrees: 21 } },
});
const embedded = await of("embed");
contains(spanOf(embedded, "embed:ai.embed.doEmbed"), {
  type: "component",
  model: "text-embedding-3-small",
  metrics: { prompt_tokens: 3 },
});
contains(embedded, { metrics: { prompt_tokens: 3 } });
contains(await of("embed-many"), { metrics: { prompt_tokens: 6 } });
const failing = await of("failing");
contains(failing, { error: { has_error: true, message: "Rate limit reached – größer Fehler 🚦" } });
contains(spanOf(failing, "failing:ai.generateText.doGenerate"), { error: { has_error: true } });
contains(await langwatch.search({}), { pagination: { totalHits: 5 } });
