// AI SDK 6 with its telemetry on: generateText and streamText through @ai-sdk/openai, with user, session, tags and own metadata.
// With: http, proto
import { createOpenAI } from "@ai-sdk/openai-for-6";
import { trace } from "@opentelemetry/api";
import { generateText, streamText } from "ai-6";
import { assert, bigText, contains, langwatch, one, spanOf, traceWhere, tree } from "./helper.mjs";
import { openaiStub } from "./openai_stub.mjs";
import { traced } from "./otel.mjs";

const stub = await openaiStub();
const openai = createOpenAI({ apiKey: "none", baseURL: stub.baseURL });
const telemetry = (functionId, metadata) => ({ isEnabled: true, functionId, metadata });
const metadata = {
  userId: "user-42",
  sessionId: "session-1",
  tags: ["alpha", "größe", "🏷️"],
  plan: "pro",
  n: 7,
  flag: true,
};
await traced(async () => {
  await trace.getTracer("app").startActiveSpan("handle-request", async (span) => {
    const { text } = await generateText({
      model: openai.chat("gpt-4o"),
      system: "Kurz.",
      prompt: "Grüezi 👋",
      temperature: 0.2,
      maxOutputTokens: 64,
      experimental_telemetry: telemetry("greet", metadata),
    });
    assert.equal(text, "Echo: Grüezi 👋");
    span.end();
  });
  const { textStream } = streamText({
    model: openai.chat("gpt-4o"),
    prompt: "stream this please",
    experimental_telemetry: telemetry("stream", { userId: "user-43" }),
  });
  let streamed = "";
  for await (const part of textStream) streamed += part;
  assert.equal(streamed, "Echo: stream this please");
  await generateText({
    model: openai.responses("gpt-4o"),
    prompt: bigText,
    experimental_telemetry: telemetry("large", {}),
  });
});
stub.close();

const got = await traceWhere({ "metadata.user_id": ["user-42"] });
assert.deepEqual(tree(got), {
  "handle-request": { "greet:ai.generateText": { "greet:ai.generateText.doGenerate": {} } },
});
contains(got, {
  metadata: {
    user_id: "user-42",
    thread_id: "session-1",
    labels: ["alpha", "größe", "🏷️"],
    plan: "pro",
    n: 7,
    flag: true,
  },
  metrics: { prompt_tokens: 16, completion_tokens: 5, cache_read_input_tokens: 4 },
  error: null,
});
const llm = spanOf(got, "greet:ai.generateText.doGenerate");
contains(llm, {
  type: "llm",
  model: "gpt-4o-2024-08-06",
  vendor: "openai.chat",
  input: {
    type: "chat_messages",
    value: [
      { role: "system", content: "Kurz." },
      { role: "user", content: [{ type: "text", text: "Grüezi 👋" }] },
    ],
  },
  output: { type: "text", value: "Echo: Grüezi 👋" },
  metrics: { prompt_tokens: 16, completion_tokens: 5, cache_read_input_tokens: 4 },
  params: { ai: { settings: { temperature: 0.2, maxOutputTokens: 64 } } },
});
assert.ok(llm.metrics.cost > 0, "a known model is priced");
const outer = spanOf(got, "greet:ai.generateText");
contains(outer, {
  type: "span",
  input: { type: "json", value: { system: "Kurz.", prompt: "Grüezi 👋" } },
  output: { type: "text", value: "Echo: Grüezi 👋" },
});
assert.equal(
  outer.metrics?.prompt_tokens ?? null,
  null,
  "the outer span repeats the inner one's usage: it counts once",
);

const streamed = await traceWhere({ "metadata.user_id": ["user-43"] });
contains(spanOf(streamed, "stream:ai.streamText.doStream"), {
  type: "llm",
  output: { type: "text", value: "Echo: stream this please" },
  metrics: { prompt_tokens: 6, completion_tokens: 5 },
});
assert.ok(streamed.metrics.first_token_ms >= 0, "the first token's time");
contains(streamed, { output: { value: "Echo: stream this please" } });

const { traces } = await langwatch.search({ includeSpans: true });
assert.equal(traces.length, 3);
const large = one(
  traces.flatMap((t) => t.spans),
  (s) => s.name === "large:ai.generateText.doGenerate",
  "the large call",
);
contains(large, {
  vendor: "openai.responses",
  input: { value: [{ role: "user", content: [{ type: "text", text: bigText }] }] },
  output: { value: `Echo: ${bigText}` },
});
