// Lunary 1.0: a thread with messages of both sides, backend runs below a message, feedback and a custom event.
import lunaryClient from "lunary";
import { assert, contains, langwatch, lunary, publicKey, sent, url } from "./helper.mjs";

lunaryClient.init({ publicKey, apiUrl: url });
const thread = lunaryClient.openThread({
  id: "5f6d6574-6164-4174-a13a-743a66783031",
  tags: ["beta", "🏷️"],
  userId: "user-42",
  userProps: { name: "Änne" },
});
const question = thread.trackMessage({ role: "user", content: "Grüezi 👋", extra: { lang: "de-CH" } });
const answerer = lunaryClient.wrapAgent(async () => "Hallo!", { name: "answerer" });
await answerer("Grüezi").setParent(question);
const answer = thread.trackMessage({ role: "assistant", content: "Hallo!", feedback: { thumb: "up" } });
thread.trackMessage({ role: "user", content: "Noch was?" });
thread.trackEvent("handover", { to: "human" });
await sent(lunaryClient);

for (const id of [question, answer]) {
  const got = await lunary.run(id);
  contains(got, {
    type: "chat",
    id: answer,
    output: [{ role: "assistant", content: "Hallo!" }],
    user: { externalId: "user-42", props: { name: "Änne" } },
    feedback: { thumb: "up" },
  });
  contains(got.input, [{ role: "user", content: "Grüezi 👋" }]);
}
const [shown] = await lunary.runs("type=thread");
contains(shown, { id: thread.id, tags: ["beta", "🏷️"], user: { externalId: "user-42" } });
assert.equal((await lunary.runs("type=chat")).length, 2);
contains(await lunary.runs("type=agent"), [{ name: "answerer", user: { externalId: "user-42" } }]);
contains(await lunary.runs("type=custom-event"), [{ name: "handover", metadata: { to: "human" } }]);
contains(await langwatch.search({ filters: { "metadata.thread_id": [thread.id] } }), { pagination: { totalHits: 3 } });
