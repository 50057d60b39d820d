// Lunary 1.0: feedback merged and read by the SDK, scores, a wrong key.
import lunaryClient from "lunary";
import { assert, contains, fails, langwatch, lunary, privateKey, sent, url } from "./helper.mjs";

lunaryClient.init({ publicKey: privateKey, privateKey, apiUrl: url });
const id = "5f666565-6462-4163-ab3a-313a66783031";
lunaryClient.trackEvent("llm", "start", { runId: id, name: "gpt-4o-mini", input: "q" });
lunaryClient.trackEvent("llm", "end", { runId: id, output: "a", tokensUsage: { prompt: 1, completion: 1 } });
lunaryClient.trackFeedback(id, { thumb: "up", comment: "sehr gut 👍" });
await sent(lunaryClient);
assert.deepEqual(await lunaryClient.getFeedback(id), { thumb: "up", comment: "sehr gut 👍" });
lunaryClient.trackFeedback(id, { emoji: "🎉", thumb: "down" });
await sent(lunaryClient);
assert.deepEqual(await lunaryClient.getFeedback(id), { thumb: "down", comment: "sehr gut 👍", emoji: "🎉" });
await lunaryClient.score(id, "accuracy", 0.75, "revised");
await lunaryClient.score(id, "tone", "friendly");
await lunaryClient.score(id, "ok", true);
await lunaryClient.score(id, "accuracy", 0.8);

const scores = (await lunary.run(id)).scores.sort((a, b) => a.label.localeCompare(b.label));
contains(scores, [
  { label: "accuracy", value: 0.8 },
  { label: "ok", value: true },
  { label: "tone", value: "friendly" },
]);
const evaluations = Object.fromEntries((await langwatch.trace(id)).evaluations.map((e) => [e.name, e]));
contains(evaluations, {
  accuracy: { score: 0.8 },
  ok: { passed: true },
  tone: { label: "friendly" },
  thumb: { label: "down" },
});
await fails(lunaryClient.score("00000000-0000-4000-8000-000000000000", "x", 1), "404");
await fails(lunaryClient.getFeedback("00000000-0000-4000-8000-000000000000"), "Run not found");
