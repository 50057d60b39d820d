// Phoenix: OpenInference around the OpenAI client: a plain call, tools, a stream, the Responses API, embeddings, a refused call.
import { OpenAIInstrumentation } from "@arizeai/openinference-instrumentation-openai";
import { SemanticConventions, register, setSession, setUser, trace } from "@arizeai/phoenix-otel";
import { context } from "@opentelemetry/api";
import OpenAI from "openai";
import { assert, bigText, contains, fails, key, langwatch, one, url } from "./helper.mjs";
import { openaiStub } from "./openai_stub.mjs";

const stub = await openaiStub();
const provider = register({ projectName: "sdk-test", url, apiKey: key });
const instrumentation = new OpenAIInstrumentation({ tracerProvider: provider });
instrumentation.manuallyInstrument(OpenAI);
const openai = new OpenAI({ apiKey: "none", baseURL: stub.baseURL, maxRetries: 0 });
const call = (request) => openai.chat.completions.create({ model: "gpt-4o", ...request });
const messages = [
  { role: "system", content: "Kurz." },
  { role: "user", content: "Hallo Welt" },
];
const identified = setSession(setUser(context.active(), { userId: "user-42" }), { sessionId: "session-1" });
await context.with(identified, () => call({ messages, temperature: 0.5, max_tokens: 50 }));
const tools = [
  {
    type: "function",
    function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
  },
];
await call({ messages: [{ role: "user", content: "weather?" }], tools, tool_choice: "auto" });
const stream = await call({
  messages: [{ role: "user", content: "stream this please" }],
  stream: true,
  stream_options: { include_usage: true },
});
let streamed = "";
for await (const part of stream) streamed += part.choices[0]?.delta?.content ?? "";
assert.equal(streamed, "Echo: stream this please");
await openai.responses.create({ model: "gpt-4o", instructions: "Kurz.", input: "via responses" });
await openai.embeddings.create({ model: "text-embedding-3-small", input: ["eins", "zwei"] });
await call({ messages: [{ role: "user", content: bigText }] });
const tracer = trace.getTracer("own");
await tracer.startActiveSpan("chain", async (span) => {
  span.setAttributes({ [SemanticConventions.OPENINFERENCE_SPAN_KIND]: "CHAIN", "input.value": "x" });
  await fails(call({ model: "ratelimited", messages: [{ role: "user", content: "fail" }] }), "429");
  span.end();
});
await provider.forceFlush();
await provider.shutdown();
stub.close();

const { traces } = await langwatch.search({ includeSpans: true });
const spans = traces.flatMap((t) => t.spans);
const about = (text) => one(spans, (s) => JSON.stringify(s.input ?? "").includes(text), text);

const plain = about("Hallo Welt");
contains(plain, {
  name: "OpenAI Chat Completions",
  type: "llm",
  model: "gpt-4o-2024-08-06",
  vendor: "openai",
  parent_id: null,
  input: { type: "json", value: { model: "gpt-4o", messages, temperature: 0.5, max_tokens: 50 } },
  output: { value: { choices: [{ message: { role: "assistant", content: "Echo: Hallo Welt" } }] } },
  metrics: { prompt_tokens: 16, completion_tokens: 5, cache_read_input_tokens: 4 },
});
assert.ok(plain.metrics.cost > 0, "a known model is priced");
contains(
  one(traces, (t) => t.trace_id === plain.trace_id, "its trace"),
  {
    input: { value: JSON.stringify({ model: "gpt-4o", messages, temperature: 0.5, max_tokens: 50 }) },
    metadata: { user_id: "user-42", thread_id: "session-1" },
  },
);
const withTools = about("weather?");
contains(withTools.output.value.choices[0].message, {
  tool_calls: [{ id: "call-1", function: { name: "get_weather", arguments: '{"city":"Zürich"}' } }],
});
contains(about("stream this please"), {
  type: "llm",
  output: { type: "text", value: "Echo: stream this please" },
});
contains(about("via responses"), {
  name: "OpenAI Responses",
  type: "llm",
  metrics: { prompt_tokens: 6, completion_tokens: 5, cache_read_input_tokens: 4 },
  output: { value: { output: [{ content: [{ text: "Echo: via responses" }] }] } },
});
const embedded = about("eins");
contains(embedded, { type: "component", model: "text-embedding-3-small" });
contains(about("Größe äöüß").input.value, { messages: [{ role: "user", content: bigText }] });
assert.equal(about("Größe äöüß").output.value.choices[0].message.content, `Echo: ${bigText}`);
contains(
  one(spans, (s) => s.name === "chain", "the chain"),
  { type: "chain", input: { type: "text", value: "x" } },
);
