// Lunary 1.0: a dataset made through the API is fetched by the SDK, with its variables filled in.
import lunaryClient from "lunary";
import { assert, lunary, publicKey, url } from "./helper.mjs";

const dataset = await lunary.call("/v1/datasets", "POST", { slug: "questions", format: "chat", prompt: null });
const prompt = await lunary.call("/v1/datasets/prompts", "POST", {
  datasetId: dataset.id,
  messages: [{ role: "user", content: "What is {{x}}?" }],
});
await lunary.call("/v1/datasets/variations", "POST", {
  promptId: prompt.id,
  variables: { x: "Zürich 🏔️" },
  idealOutput: "A town",
});
lunaryClient.init({ publicKey, apiUrl: url });
const runs = await lunaryClient.getDataset("questions");
assert.deepEqual(
  runs.filter((r) => r.idealOutput === "A town"),
  [{ input: [{ role: "user", content: "What is Zürich 🏔️?" }], idealOutput: "A town" }],
);
