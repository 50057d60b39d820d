// Lunary 1.0: templates rendered by the SDK, and a run that names the version it used.
import lunaryClient from "lunary";
import { assert, contains, fails, lunary, publicKey, sent, url } from "./helper.mjs";

const content = [
  { role: "system", content: "You are {{persona}}." },
  { role: "user", content: "Tell me about {{topic}} 🧐" },
];
await lunary.call("/v1/templates", "POST", {
  slug: "greet",
  mode: "openai",
  content,
  extra: { model: "gpt-4o-mini", temperature: 0.7, max_tokens: 256 },
  isDraft: false,
});
await lunary.call("/v1/templates", "POST", {
  slug: "plain",
  mode: "text",
  content: "Hello {{name}}!",
  extra: { model: "gpt-4o-mini" },
  isDraft: false,
});
lunaryClient.init({ publicKey, apiUrl: url });
const rendered = await lunaryClient.renderTemplate("greet", { persona: "a pirate", topic: "Zürich" });
contains(rendered, {
  model: "gpt-4o-mini",
  temperature: 0.7,
  max_tokens: 256,
  messages: [
    { role: "system", content: "You are a pirate." },
    { role: "user", content: "Tell me about Zürich 🧐" },
  ],
});
assert.equal((await lunaryClient.renderTemplate("plain", { name: "Änne" })).prompt, "Hello Änne!");
await fails(lunaryClient.renderTemplate("missing", {}), "Template not found, is the project ID correct?");

const id = "b94558a5-f4bc-4b3c-e7c2-e21001f65e4d";
lunaryClient.trackEvent("llm", "start", {
  runId: id,
  name: "gpt-4o-mini",
  input: rendered.messages,
  templateId: rendered.templateId,
});
await sent(lunaryClient);
const run = await lunary.run(id);
assert.equal(run.templateSlug, "greet");
assert.equal(String(run.templateVersionId), String(rendered.templateId));
