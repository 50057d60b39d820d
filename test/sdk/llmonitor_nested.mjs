// LLMonitor 0.6: an agent that calls a tool that calls a model, users, tags and a failing tool.
import monitor from "llmonitor";
import { assert, contains, fails, langwatch, lunary, one, publicKey, sent, url } from "./helper.mjs";

monitor.init({ appId: publicKey, apiUrl: url });
const model = monitor.wrapModel(async (city) => `${city}: sunny ☀️`, {
  name: "gpt-4o-mini",
  nameParser: () => "gpt-4o-mini",
  inputParser: (city) => [{ role: "user", text: city }],
  extra: { temperature: 0.5, max_tokens: 9 },
  outputParser: (text) => ({ role: "assistant", text }),
  tokensUsageParser: async () => ({ prompt: 9, completion: 3 }),
});
const tool = monitor.wrapTool(
  async (city, unit) => {
    return { temp: 21, unit, text: await model(city) };
  },
  { name: "get_weather" },
);
const broken = monitor.wrapTool(
  async () => {
    throw new Error("kaputt 🧨");
  },
  { name: "broken" },
);
const agent = monitor.wrapAgent(
  async (question) => {
    await fails(broken(), "kaputt");
    return (await tool("Zürich", "celsius")).text;
  },
  { name: "weather-agent", tags: ["nested"] },
);
assert.equal(await agent("weather"), "Zürich: sunny ☀️");
await sent(monitor);

const [root] = await lunary.runs("type=agent");
contains(await lunary.run(root.id), {
  name: "weather-agent",
  input: "weather",
  output: "Zürich: sunny ☀️",
  status: "success",
  tags: ["nested"],
});
const rows = await lunary.call(`/v1/runs/${root.id}/related`);
assert.equal(rows.length, 4);
const row = (name) => one(rows, (r) => r.name === name, name);
contains(await lunary.run(row("get_weather").id), {
  type: "tool",
  input: { city: "Zürich", unit: "celsius" },
  output: { temp: 21, unit: "celsius", text: "Zürich: sunny ☀️" },
  traceId: root.id,
});
contains(await lunary.run(row("gpt-4o-mini").id), {
  type: "llm",
  input: [{ role: "user", text: "Zürich" }],
  params: { temperature: 0.5, maxTokens: 9 },
  tokens: { prompt: 9, completion: 3, total: 12 },
  traceId: root.id,
});
contains(await lunary.run(row("broken").id), { status: "error", error: { message: "kaputt 🧨" } });
assert.equal(row("gpt-4o-mini").parentRunId, row("get_weather").id);
assert.equal(row("get_weather").parentRunId, root.id);
const trace = await langwatch.trace(root.id);
contains(trace, {
  input: { value: "weather" },
  output: { value: "Zürich: sunny ☀️" },
  metadata: { labels: ["nested"] },
  metrics: { prompt_tokens: 9, completion_tokens: 3 },
  error: { message: "kaputt 🧨" },
});
assert.equal(trace.spans.length, 4);
