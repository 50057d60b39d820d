// AI SDK 7 with @ai-sdk/otel (GenAI conventions): generateText, streamText and an object below a span of one's own; a refused call.
// With: http, proto
// Needs Node 20: ai 7 says 22; it was recorded with 20 and runs there.
import { createOpenAI } from "@ai-sdk/openai";
import { OpenTelemetry } from "@ai-sdk/otel";
import { trace } from "@opentelemetry/api";
import { generateObject, generateText, registerTelemetry, streamText } from "ai";
import { z } from "zod";
import { assert, contains, fails, langwatch, one, spanOf, traceWhere, tree } from "./helper.mjs";
import { openaiStub } from "./openai_stub.mjs";
import { text, traced } from "./otel.mjs";

const stub = await openaiStub();
const openai = createOpenAI({ apiKey: "none", baseURL: stub.baseURL });
registerTelemetry(new OpenTelemetry({ runtimeContext: true }));
const within = (session, work) =>
  trace
    .getTracer("app")
    .startActiveSpan(session, { attributes: { "user.id": "user-42", "session.id": session } }, async (span) => {
      await work();
      span.end();
    });
await traced(async () => {
  await within("whole", () =>
    generateText({
      model: openai.chat("gpt-4o"),
      instructions: "Kurz.",
      prompt: "Grüezi 👋",
      temperature: 0.2,
      maxOutputTokens: 64,
      runtimeContext: { plan: "pro" },
      telemetry: { functionId: "greet", includeRuntimeContext: { plan: true } },
    }),
  );
  await within("streamed", async () => {
    const result = streamText({
      model: openai.responses("gpt-4o"),
      prompt: "stream this please",
      telemetry: { functionId: "stream" },
    });
    let streamed = "";
    for await (const part of result.textStream) streamed += part;
    assert.equal(streamed, "Echo: stream this please");
  });
  await within("object", async () => {
    const schema = z.object({ city: z.string(), degrees: z.number() });
    const { object } = await generateObject({ model: openai.chat("gpt-4o-mini"), schema, prompt: "Bern" });
    assert.deepEqual(object, { city: "Bern", degrees: 21 });
  });
  await within("failing", () =>
    fails(generateText({ model: openai.chat("ratelimited"), prompt: "x", maxRetries: 0 }), "Rate limit"),
  );
});
stub.close();

const of = (session) => traceWhere({ "metadata.thread_id": [session] });
const whole = await of("whole");
assert.deepEqual(tree(whole), { whole: { "invoke_agent gpt-4o": { "step 1": { "chat gpt-4o": {} } } } });
contains(whole, {
  metadata: { user_id: "user-42" },
  metrics: { prompt_tokens: 16, completion_tokens: 5, cache_read_input_tokens: 4 },
  error: null,
});
const chat = spanOf(whole, "chat gpt-4o");
contains(chat, {
  type: "llm",
  model: "gpt-4o-2024-08-06",
  vendor: "openai",
  input: { type: "chat_messages", value: [{ role: "system", content: "Kurz." }, text("user", "Grüezi 👋")] },
  output: { type: "chat_messages", value: [{ ...text("assistant", "Echo: Grüezi 👋"), finish_reason: "stop" }] },
  metrics: { prompt_tokens: 16, completion_tokens: 5, cache_read_input_tokens: 4 },
  params: { gen_ai: { request: { temperature: 0.2, max_tokens: 64 } } },
});
const agent = spanOf(whole, "invoke_agent gpt-4o");
contains(agent, {
  type: "agent",
  params: { gen_ai: { agent: { name: "greet" } }, ai: { settings: { context: { plan: "pro" } } } },
});
assert.equal(agent.metrics?.prompt_tokens ?? null, null, "an agent's usage is the sum of its calls: it counts once");

const streamed = await of("streamed");
contains(
  one(streamed.spans, (s) => s.type === "llm", "the streamed call"),
  {
    name: "chat gpt-4o",
    output: { value: [text("assistant", "Echo: stream this please")] },
    metrics: { prompt_tokens: 6, completion_tokens: 5 },
  },
);
const object = await of("object");
contains(
  one(object.spans, (s) => s.type === "llm", "the object's call"),
  {
    output: { value: [{ role: "assistant", parts: [{ type: "text", content: '{"city":"Bern","degrees":21}' }] }] },
  },
);
const failing = await of("failing");
contains(failing, { error: { has_error: true, message: "Rate limit reached – größer Fehler 🚦" } });
contains(spanOf(failing, "chat ratelimited"), { type: "llm", error: { has_error: true } });
contains(await langwatch.search({ filters: { "metadata.user_id": ["user-42"] } }), { pagination: { totalHits: 4 } });
