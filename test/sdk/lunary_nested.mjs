// Lunary 1.0: an agent, a chain, a tool and a model, with metadata, tags and a failing step.
import lunaryClient from "lunary";
import { assert, contains, fails, langwatch, lunary, one, publicKey, sent, url } from "./helper.mjs";

lunaryClient.init({ publicKey, apiUrl: url });
const model = lunaryClient.wrapModel(async (text) => `Echo: ${text}`, {
  nameParser: () => "gpt-4o-mini",
  inputParser: (text) => [{ role: "user", content: text }],
  params: { temperature: 0.2, max_tokens: 64 },
  outputParser: (content) => ({ role: "assistant", content }),
  tokensUsageParser: async () => ({ prompt: 19, completion: 1 }),
});
const broken = lunaryClient.wrapTool(
  async () => {
    throw new TypeError("kaputt 🧨");
  },
  { name: "broken" },
);
const chain = lunaryClient.wrapChain(
  async (text) => {
    await fails(broken(), "kaputt");
    return model(text);
  },
  { name: "steps", metadata: { nested: { a: [1, 2.5, null, true] }, plain: "x" } },
);
const agent = lunaryClient.wrapAgent(async (text) => chain(text), {
  name: "helper",
  tags: ["größe"],
  userId: "u-1",
  userProps: { plan: "pro" },
});
assert.equal(await agent("Zwölf?"), "Echo: Zwölf?");
await sent(lunaryClient);

const [root] = await lunary.runs("type=agent");
contains(await lunary.run(root.id), {
  name: "helper",
  input: "Zwölf?",
  output: "Echo: Zwölf?",
  tags: ["größe"],
  user: { externalId: "u-1", props: { plan: "pro" } },
  status: "success",
});
const rows = await lunary.call(`/v1/runs/${root.id}/related`);
assert.deepEqual(
  rows.map((r) => r.name),
  ["helper", "steps", "broken", "gpt-4o-mini"],
);
const id = (name) => one(rows, (r) => r.name === name, name).id;
contains(await lunary.run(id("steps")), { metadata: { plain: "x" }, user: { externalId: "u-1" }, traceId: root.id });
contains(await lunary.run(id("gpt-4o-mini")), {
  input: [{ role: "user", content: "Zwölf?" }],
  output: { role: "assistant", content: "Echo: Zwölf?" },
  tokens: { prompt: 19, completion: 1, total: 20 },
  params: { temperature: 0.2, maxTokens: 64 },
});
const failed = await lunary.run(id("broken"));
contains(failed, { status: "error", error: { message: "kaputt 🧨" } });
assert.match(failed.error.stack, /TypeError: kaputt/);
contains(await langwatch.trace(root.id), {
  metadata: { user_id: "u-1", labels: ["größe"] },
  output: { value: "Echo: Zwölf?" },
  error: { message: "kaputt 🧨" },
  metrics: { prompt_tokens: 19 },
});
