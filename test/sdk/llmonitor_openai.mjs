// LLMonitor 0.6 around the OpenAI client: a plain call, a tool call, a streamed one, a refused one.
import { monitorOpenAI } from "llmonitor/openai";
import monitor from "llmonitor";
import OpenAI from "openai-4";
import { assert, contains, fails, lunary, one, publicKey, sent, url } from "./helper.mjs";
import { openaiStub } from "./openai_stub.mjs";

const stub = await openaiStub();
monitor.init({ appId: publicKey, apiUrl: url });
const openai = monitorOpenAI(new OpenAI({ apiKey: "none", baseURL: stub.baseURL, maxRetries: 0 }));
const call = (request) => openai.chat.completions.create({ model: "gpt-4o-mini", ...request });
await call({
  messages: [{ role: "user", content: "Hallo Welt" }],
  temperature: 0.5,
  max_tokens: 50,
  user: "user-42",
  userProps: { name: "Änne" },
  tags: ["support"],
});
await call({
  messages: [{ role: "user", content: "weather?" }],
  tools: [{ type: "function", function: { name: "get_weather", parameters: { type: "object", properties: {} } } }],
});
const stream = await call({ messages: [{ role: "user", content: "stream this please" }], stream: true });
let streamed = "";
for await (const part of stream) streamed += part.choices[0]?.delta?.content ?? "";
assert.equal(streamed, "Echo: stream this please");
await fails(call({ model: "ratelimited", messages: [{ role: "user", content: "fail" }] }), "429");
await new Promise((resolve) => setTimeout(resolve, 100));
await sent(monitor);
stub.close();

const runs = await lunary.runs("type=llm");
assert.equal(runs.length, 4);
const byInput = async (text) => lunary.run(one(runs, (r) => JSON.stringify(r.input).includes(text), text).id);
contains(await byInput("Hallo Welt"), {
  name: "gpt-4o-mini",
  status: "success",
  input: [{ role: "user", text: "Hallo Welt" }],
  output: { role: "assistant", text: "Echo: Hallo Welt" },
  tags: ["support"],
  params: { temperature: 0.5, maxTokens: 50 },
  tokens: { prompt: 10, completion: 5, total: 15 },
  user: { externalId: "user-42", props: { name: "Änne" } },
});
contains(await byInput("weather?"), {
  output: {
    role: "assistant",
    toolCalls: [{ id: "call-1", function: { name: "get_weather", arguments: '{"city":"Zürich"}' } }],
  },
});
contains(await byInput("stream this"), {
  output: { role: "assistant", text: "Echo: stream this please" },
  status: "success",
});
const refused = await byInput("fail");
contains(refused, { name: "ratelimited", status: "error" });
assert.match(refused.error.message, /429.*Rate limit reached – größer Fehler 🚦/s);
