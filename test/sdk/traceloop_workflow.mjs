// Traceloop: a workflow with an agent, a tool and a task around the OpenAI client; a conversation and association properties.
import * as traceloop from "@traceloop/node-server-sdk";
import OpenAI from "openai-4";
import { assert, contains, langtraceTraces, key, langwatch, one, spanOf, traceWhere, tree, url } from "./helper.mjs";
import { openaiStub } from "./openai_stub.mjs";

const stub = await openaiStub();
traceloop.initialize({
  appName: "sdk-test",
  apiKey: key,
  baseUrl: url,
  instrumentModules: { openAI: OpenAI },
  traceloopSyncEnabled: false,
  silenceInitializationMessage: true,
});
const openai = new OpenAI({ apiKey: "none", baseURL: stub.baseURL, maxRetries: 0 });
const ask = (content) =>
  openai.chat.completions.create({
    model: "gpt-4o",
    temperature: 0.5,
    max_tokens: 50,
    messages: [
      { role: "system", content: "Kurz." },
      { role: "user", content },
    ],
  });
const tool = (city) =>
  traceloop.withTool(
    { name: "get_weather", version: 2 },
    async (c) => (await ask(`${c} ☀️`)).choices[0].message.content,
    city,
  );
const answer = await traceloop.withWorkflow(
  { name: "weather", associationProperties: { user_id: "user-42", session_id: "session-1", plan: "pro" } },
  async (question) => {
    await traceloop.withTask({ name: "prepare" }, async () => ({ cities: ["Zürich"] }));
    return traceloop.withAgent({ name: "weatherman" }, () => tool("Zürich"), question);
  },
  "Wo regnet es?",
);
assert.equal(answer, "Echo: Zürich ☀️");
await traceloop.withConversation("conversation-1", () => ask("Noch was?"));
await traceloop.forceFlush();
stub.close();

const got = await traceWhere({ "metadata.user_id": ["user-42"] });
assert.deepEqual(tree(got), {
  "weather.workflow": {
    "prepare.task": {},
    "weatherman.agent": { "get_weather.tool": { "chat gpt-4o": {} } },
  },
});
contains(got, {
  output: { value: '"Echo: Zürich ☀️"' }, // Traceloop sends JSON text
  error: null,
  metadata: { user_id: "user-42", thread_id: "session-1", plan: "pro" },
  metrics: { prompt_tokens: 20, completion_tokens: 5 },
});
contains(spanOf(got, "weather.workflow"), {
  type: "workflow",
  input: { type: "json", value: { args: ["Wo regnet es?"], kwargs: {} } },
});
contains(spanOf(got, "weatherman.agent"), { type: "agent" });
contains(spanOf(got, "prepare.task"), { type: "span", output: { type: "json", value: { cities: ["Zürich"] } } });
contains(spanOf(got, "get_weather.tool"), {
  type: "tool",
  input: { type: "json", value: { args: ["Zürich"], kwargs: {} } },
  params: { traceloop: { entity: { version: 2 } } },
});
const chat = spanOf(got, "chat gpt-4o");
contains(chat, {
  type: "llm",
  model: "gpt-4o-2024-08-06",
  vendor: "openai",
  input: {
    type: "chat_messages",
    value: [
      { role: "system", parts: [{ type: "text", content: "Kurz." }] },
      { role: "user", parts: [{ type: "text", content: "Zürich ☀️" }] },
    ],
  },
  output: {
    type: "chat_messages",
    value: [{ role: "assistant", finish_reason: "stop", parts: [{ type: "text", content: "Echo: Zürich ☀️" }] }],
  },
  params: { gen_ai: { request: { temperature: 0.5, max_tokens: 50 } } },
});
assert.ok(chat.metrics.cost > 0, "a known model is priced");
const conversation = await traceWhere({ "metadata.thread_id": ["conversation-1"] });
assert.deepEqual(tree(conversation), { "conversation.conversation-1.workflow": { "chat gpt-4o": {} } });
contains(await langwatch.search({}), { pagination: { totalHits: 2 } });

const downloaded = one(await langtraceTraces(), (t) => t.trace_id === got.trace_id, "the trace in Langtrace");
contains(downloaded, { name: "weather.workflow" });
assert.equal(downloaded.spans.length, 5);
