// LangWatch 0.1: 60 KB of Unicode in and out, unchanged.
import { LangWatch } from "langwatch-0.1";
import { assert, bigText, langwatch, lunary } from "./helper.mjs";

const client = new LangWatch({ apiKey: process.env.LANGWATCH_API_KEY, endpoint: process.env.TRACEWELL_URL });
const trace = client.getTrace({ traceId: "sdk-größe-🤖" });
const value = { text: bigText, list: [bigText.slice(0, 100), null, 1.5] };
trace
  .startLLMSpan({
    name: "größe 🤖",
    model: "m",
    input: { type: "text", value: bigText },
    output: { type: "json", value },
  })
  .end();
await trace.sendSpans();
const got = await langwatch.trace("sdk-größe-🤖");
assert.equal(got.spans[0].input.value, bigText);
assert.deepEqual(got.spans[0].output.value, value);
assert.equal(got.input.value, bigText);
assert.equal((await lunary.run((await lunary.runs("type=llm"))[0].id)).input, bigText);
