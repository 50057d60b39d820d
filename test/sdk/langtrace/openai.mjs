// Langtrace 6.3 around the OpenAI client, below a root span: a plain call, tools, a stream, a refused call. Read back as traces of
// Langtrace's own API and through LangWatch.
import http from "node:http";
import { createRequire } from "node:module";
import { assert, contains, fails, langtraceSpans, langwatch, one } from "../helper.mjs";
import { openaiStub } from "../openai_stub.mjs";

const require = createRequire(import.meta.url);
const Langtrace = require("@langtrase/typescript-sdk");
const OpenAI = require("openai-4");
Langtrace.init({ instrumentations: { openai: OpenAI }, disable_latest_version_check: true, service_name: "tracewell-test", logging: { disable: true } });

const stub = await openaiStub();
// The SDK counts a stream's tokens in between, which takes longer than the stub keeps a connection.
const httpAgent = new http.Agent({ keepAlive: false });
const openai = new OpenAI({ apiKey: "none", baseURL: stub.baseURL, maxRetries: 0, httpAgent });
const call = (request) => openai.chat.completions.create({ model: "gpt-4o-mini", ...request });
const messages = [
  { role: "system", content: "Be terse" },
  { role: "user", content: "Grüezi Zürich ☀️" },
];
const tools = [
  {
    type: "function",
    function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
  },
];
let ids;
const answer = await Langtrace.withLangTraceRootSpan(async (spanId, traceId) => {
  ids = { spanId, traceId };
  return Langtrace.withAdditionalAttributes(
    async () => (await call({ messages, temperature: 0.5, max_tokens: 50 })).choices[0].message.content,
    { user_id: "user-42", "session.id": "talk-1", "my.flag": true, "my.ratio": 0.25 },
  );
}, "root-of-it");
assert.equal(answer, "Echo: Grüezi Zürich ☀️");
await call({ messages: [{ role: "user", content: "weather?" }], tools });
let streamed = "";
for await (const part of await call({ messages: [{ role: "user", content: "stream this" }], stream: true }))
  streamed += part.choices[0]?.delta?.content ?? "";
assert.equal(streamed, "Echo: stream this");
await fails(call({ model: "ratelimited", messages: [{ role: "user", content: "fail" }] }), "429");

const spans = await langtraceSpans(5);
stub.close();
assert.equal(spans.length, 5);
const root = one(spans, (s) => s.name === "root-of-it", "root span");
contains(root, { trace_id: ids.traceId, span_id: ids.spanId, parent_id: "", kind: "1", status_code: "OK" });
const prompt = (s) => s.events.find((e) => e.name === "gen_ai.content.prompt")?.attributes["gen_ai.prompt"] ?? "";
const completion = (s) =>
  s.events.find((e) => e.name === "gen_ai.content.completion")?.attributes["gen_ai.completion"];
const about = (text) => one(spans, (s) => prompt(s).includes(text), text);

const plain = about("Grüezi");
contains(plain, { trace_id: ids.traceId, parent_id: ids.spanId, kind: "3", status_code: "OK" });
contains(plain.attributes, {
  "langtrace.service.type": "llm",
  "gen_ai.request.model": "gpt-4o-mini",
  "gen_ai.request.temperature": 0.5,
  "gen_ai.request.max_tokens": 50,
  "gen_ai.usage.input_tokens": 20,
  "gen_ai.usage.output_tokens": 5,
  user_id: "user-42",
  "session.id": "talk-1",
  "my.flag": true,
  "my.ratio": 0.25,
});
assert.deepEqual(JSON.parse(prompt(plain)), messages);
assert.deepEqual(JSON.parse(completion(plain)), [{ role: "assistant", content: answer }]);
contains(JSON.parse(about("weather?").attributes["gen_ai.request.tools"]), tools);
assert.ok(JSON.stringify(JSON.parse(completion(about("stream this")))).includes("stream this"));
const refused = one(spans, (s) => s.status_code === "ERROR", "the refused call");
contains(refused.attributes, { "gen_ai.request.model": "ratelimited" });

const trace = await langwatch.trace(ids.traceId);
contains(trace, { metadata: { user_id: "user-42", thread_id: "talk-1" }, error: null });
const llm = one(trace.spans, (s) => s.type === "llm", "model call in LangWatch");
contains(llm, {
  parent_id: ids.spanId,
  model: "gpt-4o-mini",
  input: { type: "chat_messages", value: messages },
  output: { type: "chat_messages", value: [{ role: "assistant", content: answer }] },
  metrics: { prompt_tokens: 20, completion_tokens: 5 },
});
const found = await langwatch.search({ query: "Grüezi" });
assert.deepEqual(
  found.traces.map((t) => t.trace_id),
  [ids.traceId],
);
const failed = await langwatch.search({ filters: { "traces.error": ["true"] } });
assert.equal(failed.traces.length, 1);
assert.ok(failed.traces[0].error.message.includes("Rate limit reached – größer Fehler 🚦"));
