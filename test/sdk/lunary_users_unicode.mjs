// Lunary 1.0: identified users reach all runs below; 60 KB of Unicode comes back unchanged.
import lunaryClient from "lunary";
import { assert, bigText, contains, lunary, one, publicKey, sent, url } from "./helper.mjs";

lunaryClient.init({ publicKey, apiUrl: url });
const tool = lunaryClient.wrapTool(async (text) => ({ echo: text, again_and_again: [text.slice(0, 50)] }), {
  name: "echo 🤖",
});
const agent = lunaryClient.wrapAgent(async (text) => (await tool(text)).echo, { name: "größe" });
assert.equal(await agent(bigText).identify("user-größe", { name: "Zoë", plan: "pro" }), bigText);
await sent(lunaryClient);

const root = await lunary.run((await lunary.runs("type=agent"))[0].id);
assert.equal(root.input, bigText);
assert.equal(root.output, bigText);
contains(root, { name: "größe", user: { externalId: "user-größe", props: { name: "Zoë", plan: "pro" } } });
const below = await lunary.run((await lunary.runs("type=tool"))[0].id);
assert.deepEqual(below.output, { echo: bigText, againAndAgain: [bigText.slice(0, 50)] });
contains(below, { name: "echo 🤖", user: { externalId: "user-größe" } });
const users = (await lunary.call("/v1/external-users")).data;
contains(
  one(users, (u) => u.externalId === "user-größe", "the user"),
  { props: { name: "Zoë", plan: "pro" } },
);
