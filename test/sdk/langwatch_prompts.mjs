// LangWatch 0.16: prompts made, read, compiled, given a new version, listed, refused twice, deleted; a call that names its prompt.
// Needs Node 20: langwatch 0.16 does.
import { FetchPolicy, LangWatch, getLangWatchTracer } from "langwatch";
import { setupObservability } from "langwatch/observability/node";
import { assert, contains, fails, traceWhere } from "./helper.mjs";

const observability = setupObservability({
  langwatch: { processorType: "batch" },
  serviceName: "sdk-test",
  advanced: { disableAutoShutdown: true },
});
const client = new LangWatch();
const fresh = { fetchPolicy: FetchPolicy.ALWAYS_FETCH };
const made = await client.prompts.create({
  handle: "greeting",
  scope: "PROJECT",
  model: "openai/gpt-4o-mini",
  prompt: "You are {{persona}}.",
  messages: [{ role: "user", content: "Tell {{name}} about {{topic}} 🧐" }],
  temperature: 0.3,
  maxTokens: 100,
});
contains(made, { handle: "greeting", version: 1, model: "openai/gpt-4o-mini" });
const read = await client.prompts.get("greeting", fresh);
contains(read, { id: made.id, version: 1, versionId: made.versionId, temperature: 0.3, maxTokens: 100 });
const compiled = read.compile({ persona: "ein Pirat", name: "Änne", topic: "Zürich" });
assert.deepEqual(compiled.messages, [
  { role: "system", content: "You are ein Pirat." },
  { role: "user", content: "Tell Änne about Zürich 🧐" },
]);
assert.throws(() => read.compileStrict({ persona: "x" }));

const second = await client.prompts.update("greeting", {
  prompt: "You are now {{persona}}!",
  commitMessage: "second version",
});
contains(second, { id: made.id, version: 2 });
assert.notEqual(second.versionId, made.versionId);
contains(await client.prompts.get(made.id, fresh), { version: 2, prompt: "You are now {{persona}}!" });
await client.prompts.create({ handle: "folder/other", prompt: "Plain." });
assert.deepEqual((await client.prompts.getAll()).map((p) => p.handle).sort(), ["folder/other", "greeting"]);
await fails(client.prompts.create({ handle: "greeting", prompt: "again" }), "greeting");
await fails(client.prompts.get("missing", fresh), "not found");

await getLangWatchTracer("app").withActiveSpan("chat", async (span) => {
  span.setType("llm").setSelectedPrompt(second);
  span.setAttribute("langwatch.user.id", "user-42");
});
await observability.shutdown();
const got = await traceWhere({ "metadata.user_id": ["user-42"] });
contains(got.spans, [
  { type: "llm", params: { langwatch: { prompt: { id: made.id, version: { id: second.versionId, number: 2 } } } } },
]);

assert.deepEqual(await client.prompts.delete("greeting"), { success: true });
await fails(client.prompts.get("greeting", fresh), "not found");
