// Traceloop around the OpenAI client: tool calls, a streamed answer, 60 KB of Unicode, a refused call, a reported call.
import * as traceloop from "@traceloop/node-server-sdk";
import OpenAI from "openai-4";
import { assert, bigText, contains, fails, key, langwatch, one, url } from "./helper.mjs";
import { openaiStub } from "./openai_stub.mjs";

const stub = await openaiStub();
traceloop.initialize({
  appName: "sdk-test",
  apiKey: key,
  baseUrl: url,
  disableBatch: true,
  instrumentModules: { openAI: OpenAI },
  traceloopSyncEnabled: false,
  silenceInitializationMessage: true,
});
const openai = new OpenAI({ apiKey: "none", baseURL: stub.baseURL, maxRetries: 0 });
const call = (request) => openai.chat.completions.create({ model: "gpt-4o-mini", ...request });
const tools = [
  {
    type: "function",
    function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
  },
];
const asked = [{ role: "user", content: "weather?" }];
const { message } = (await call({ messages: asked, tools })).choices[0];
await call({ messages: [...asked, message, { role: "tool", tool_call_id: "call-1", content: '{"temp":21}' }], tools });
const stream = await call({ messages: [{ role: "user", content: "stream this please" }], stream: true });
let streamed = "";
for await (const part of stream) streamed += part.choices[0]?.delta?.content ?? "";
assert.equal(streamed, "Echo: stream this please");
await call({ messages: [{ role: "user", content: bigText }] });
await fails(
  traceloop.withWorkflow({ name: "failing" }, () => call({ model: "ratelimited", messages: asked })),
  "429",
);
await traceloop.withLLMCall({ vendor: "acme", type: "chat" }, async ({ span }) => {
  span.reportRequest({ model: "own-model", messages: [{ role: "user", content: "Grüezi" }] });
  span.reportResponse({
    model: "own-model-1",
    usage: { prompt_tokens: 7, completion_tokens: 2, total_tokens: 9 },
    completions: [{ finish_reason: "stop", message: { role: "assistant", content: "Hallo" } }],
  });
});
await traceloop.forceFlush();
stub.close();

const { traces } = await langwatch.search({ includeSpans: true });
const spans = traces.flatMap((t) => t.spans);
const about = (text) => one(spans, (s) => s.type === "llm" && JSON.stringify(s.input).includes(text), text);
const part = (content) => [{ type: "text", content }];

const first = one(
  spans,
  (s) => JSON.stringify(s.output ?? "").includes('"tool_call"'),
  "the call that asks for a tool",
);
contains(first, {
  input: { value: [{ role: "user", parts: part("weather?") }] },
  output: {
    value: [{ parts: [{ type: "tool_call", id: "call-1", name: "get_weather", arguments: { city: "Zürich" } }] }],
  },
  metrics: { prompt_tokens: 10, completion_tokens: 5 },
});
assert.match(JSON.stringify(first.params), /get_weather/, "the tool's definition");
contains(about("tool_call_response").input.value[2], {
  role: "tool",
  parts: [{ type: "tool_call_response", id: "call-1", response: '{"temp":21}' }],
});
contains(about("stream this please"), {
  model: "gpt-4o-mini",
  output: { value: [{ role: "assistant", parts: part("Echo: stream this please") }] },
});
contains(about("Größe äöüß"), {
  input: { value: [{ role: "user", parts: part(bigText) }] },
  output: { value: [{ role: "assistant", parts: part(`Echo: ${bigText}`) }] },
});
// Traceloop 0.27 sends no span of what failed: all that is there are the five calls that did not.
assert.deepEqual(spans.map((s) => s.name).sort(), ["acme.chat", ...Array(4).fill("chat gpt-4o-mini")]);
contains(
  one(spans, (s) => s.model === "own-model-1", "the reported call"),
  {
    type: "llm",
    metrics: { prompt_tokens: 7, completion_tokens: 2 },
    input: { value: [{ role: "user", content: "Grüezi" }] },
    output: { value: [{ role: "assistant", content: "Hallo" }] },
  },
);
