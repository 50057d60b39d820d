// LLMonitor 0.6: a thread with two messages, feedback on one, log lines, identified users.
import monitor from "llmonitor";
import { assert, bigText, contains, langwatch, lunary, one, publicKey, sent, url } from "./helper.mjs";

monitor.init({ appId: publicKey, apiUrl: url });
const thread = monitor.startThread("thread-1");
const message = thread.trackUserMessage("Hallo", { lang: "de" }, "message-1");
const model = monitor.wrapModel(async () => "Grüezi", { nameParser: () => "m" });
await model("Hallo").setParent(message);
thread.trackBotMessage(message, "Grüezi");
thread.trackBotMessage(thread.trackUserMessage("Noch was?"), "Nein");
monitor.trackFeedback(message, { thumbs: "up", comment: "gut 👍" });
monitor.info("a line", { a: 1 });
monitor.error("bad line", new Error("logged"));
const agent = monitor.wrapAgent(async (text) => text.length, { name: "counter" });
await agent(bigText).identify("user-7", { plan: "pro" });
await sent(monitor);

const exchange = await lunary.run("message-1");
contains(exchange, { type: "chat", input: "Hallo", output: "Grüezi", feedback: { thumb: "up", comment: "gut 👍" } });
assert.deepEqual(await lunary.call("/v1/runs/message-1/feedback"), { thumb: "up", comment: "gut 👍" });
assert.equal((await lunary.runs("type=thread")).length, 1);
assert.equal((await lunary.runs("type=chat")).length, 2);
contains(await lunary.runs("type=llm"), [{ name: "m", output: "Grüezi" }]);
assert.deepEqual((await lunary.runs("type=custom-event")).map((r) => r.output).sort(), ["a line", "bad line"]);
const counted = await lunary.run(one(await lunary.runs("type=agent"), (r) => r.name === "counter", "counter").id);
assert.equal(counted.input, bigText);
contains(counted, { output: bigText.length, user: { externalId: "user-7" } });
contains(await langwatch.search({ filters: { "metadata.user_id": ["user-7"] } }), { pagination: { totalHits: 1 } });
