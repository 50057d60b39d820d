// Lunary 1.0 around the OpenAI client: a plain call, one with tools, a streamed one, a refused one.
import lunaryClient from "lunary";
import { monitorOpenAI } from "lunary/openai";
import OpenAI from "openai-4";
import { assert, contains, fails, lunary, one, publicKey, sent, url } from "./helper.mjs";
import { openaiStub } from "./openai_stub.mjs";

const stub = await openaiStub();
lunaryClient.init({ publicKey, apiUrl: url });
const openai = monitorOpenAI(new OpenAI({ apiKey: "none", baseURL: stub.baseURL, maxRetries: 0 }));
const call = (request) => openai.chat.completions.create({ model: "gpt-4o-mini", ...request });
const messages = [
  { role: "system", content: "Be terse" },
  { role: "user", content: "Hallo Welt" },
];
await call({
  messages,
  temperature: 0.5,
  max_tokens: 50,
  metadata: { ticket: "123" },
  user: "user-42",
  userProps: { name: "Änne" },
  tags: ["support", "größe"],
});
const tools = [
  {
    type: "function",
    function: { name: "get_weather", parameters: { type: "object", properties: { city: { type: "string" } } } },
  },
];
await call({ messages: [{ role: "user", content: "weather?" }], tools, tool_choice: "auto" });
const stream = await call({ messages: [{ role: "user", content: "stream this please" }], stream: true });
let streamed = "";
for await (const part of stream) streamed += part.choices[0]?.delta?.content ?? "";
assert.equal(streamed, "Echo: stream this please");
await fails(call({ model: "ratelimited", messages: [{ role: "user", content: "fail" }] }), "429");
await new Promise((resolve) => setTimeout(resolve, 100));
await sent(lunaryClient);
stub.close();

const runs = await lunary.runs("type=llm");
assert.equal(runs.length, 4);
const byInput = async (text) => lunary.run(one(runs, (r) => JSON.stringify(r.input).includes(text), text).id);
contains(await byInput("Hallo Welt"), {
  status: "success",
  input: messages,
  output: { role: "assistant", content: "Echo: Hallo Welt" },
  params: { temperature: 0.5, maxTokens: 50 },
  metadata: { ticket: "123" },
  tags: ["support", "größe"],
  tokens: { prompt: 20, completion: 5, total: 25 },
  user: { externalId: "user-42", props: { name: "Änne" } },
});
contains(await byInput("weather?"), {
  output: { toolCalls: [{ id: "call-1", function: { name: "get_weather" } }] },
  params: { tools: [{ type: "function", function: { name: "get_weather" } }], toolChoice: "auto" },
});
contains(await byInput("stream this"), { output: { role: "assistant", content: "Echo: stream this please" } });
contains(await byInput("fail"), { status: "error", name: "ratelimited" });
