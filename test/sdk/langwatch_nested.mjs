// LangWatch 0.16: an agent with a RAG step, a tool and a model call; typed values, metrics, user, thread, labels and own metadata.
// Needs Node 20: langwatch 0.16 does.
import { getLangWatchTracer } from "langwatch";
import { setupObservability } from "langwatch/observability/node";
import { assert, contains, langwatch, lunary, spanOf, tree } from "./helper.mjs";

const observability = setupObservability({
  langwatch: { processorType: "batch" },
  serviceName: "sdk-test",
  debug: { logLevel: "warn" },
  advanced: { disableAutoShutdown: true },
});
const tracer = getLangWatchTracer("weather", "2.0.0");
const messages = [
  { role: "system", content: "Kurz." },
  { role: "user", content: "Wo regnet es?" },
];
const traceId = await tracer.withActiveSpan("answer", async (agent) => {
  agent.setType("agent");
  agent.setInput({ goal: "weather", cities: ["Zürich", "Bergen"] });
  agent.setAttributes({
    "langwatch.user.id": "user-42",
    "langwatch.thread.id": "thread-1",
    "langwatch.customer.id": "customer-1",
    "langwatch.labels": JSON.stringify(["alpha", "größe", "🏷️"]),
    metadata: JSON.stringify({ plan: "pro", nested: { a: [1, 2.5, null, true] } }),
    "custom.flag": true,
  });
  await tracer.withActiveSpan("retrieve", async (span) => {
    span.setType("rag");
    span.setInput("Regen");
    span.setRAGContexts([{ document_id: "d1", chunk_id: "c1", content: "Bergen ist nass." }]);
  });
  await tracer.withActiveSpan("get_weather", async (span) => {
    span.setType("tool");
    span.setInput({ city: "Zürich" });
    span.setOutput({ temp: 21 });
    await tracer.withActiveSpan("chat", async (llm) => {
      llm.setType("llm");
      llm.setRequestModel("gpt-4o-mini");
      llm.setResponseModel("gpt-4o-mini-2024-07-18");
      llm.setInput("chat_messages", messages);
      llm.setOutput("chat_messages", [{ role: "assistant", content: "In Bergen. 🌧️" }]);
      llm.setMetrics({ promptTokens: 19, completionTokens: 3, cost: 0.25 });
    });
  });
  await tracer.withActiveSpan("list", async (span) => {
    span.setType("chain");
    span.setOutput("list", [
      { type: "text", value: "1" },
      { type: "json", value: { three: 3 } },
    ]);
  });
  agent.setOutput("In Bergen.");
  return agent.spanContext().traceId;
});
await observability.shutdown();

const got = await langwatch.trace(traceId);
assert.deepEqual(tree(got), { answer: { retrieve: {}, get_weather: { chat: {} }, list: {} } });
contains(got, {
  output: { value: "In Bergen." },
  error: null,
  metadata: {
    user_id: "user-42",
    thread_id: "thread-1",
    customer_id: "customer-1",
    labels: ["alpha", "größe", "🏷️"],
    plan: "pro",
    nested: { a: [1, 2.5, null, true] },
  },
  metrics: { prompt_tokens: 19, completion_tokens: 3, total_cost: 0.25 },
});
contains(spanOf(got, "answer"), {
  type: "agent",
  input: { type: "json", value: { goal: "weather", cities: ["Zürich", "Bergen"] } },
  output: { type: "text", value: "In Bergen." },
  params: { custom: { flag: true } },
});
contains(spanOf(got, "chat"), {
  type: "llm",
  model: "gpt-4o-mini-2024-07-18",
  input: { type: "chat_messages", value: messages },
  output: { type: "chat_messages", value: [{ role: "assistant", content: "In Bergen. 🌧️" }] },
  metrics: { prompt_tokens: 19, completion_tokens: 3, cost: 0.25 },
});
contains(spanOf(got, "get_weather"), {
  type: "tool",
  input: { type: "json", value: { city: "Zürich" } },
  output: { type: "json", value: { temp: 21 } },
});
contains(spanOf(got, "retrieve"), {
  type: "rag",
  input: { type: "text", value: "Regen" },
  contexts: [{ document_id: "d1", chunk_id: "c1", content: "Bergen ist nass." }],
});
contains(spanOf(got, "list"), {
  type: "chain",
  output: {
    type: "list",
    value: [
      { type: "text", value: "1" },
      { type: "json", value: { three: 3 } },
    ],
  },
});
contains(got.contexts, [{ document_id: "d1", chunk_id: "c1", content: "Bergen ist nass." }]);
contains(await langwatch.thread("thread-1"), { traces: [{ trace_id: traceId }] });
contains(await langwatch.search({ filters: { "metadata.customer_id": ["customer-1"] } }), {
  pagination: { totalHits: 1 },
});
contains(await lunary.runs("type=llm"), [
  { name: "gpt-4o-mini-2024-07-18", tokens: { prompt: 19, completion: 3 }, user: { externalId: "user-42" } },
]);
