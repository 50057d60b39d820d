// LangWatch 0.16: 60 KB of Unicode in and out, unchanged.
// Needs Node 20: langwatch 0.16 does.
import { getLangWatchTracer } from "langwatch";
import { setupObservability } from "langwatch/observability/node";
import { assert, bigText, finished, langwatch, lunary } from "./helper.mjs";

const observability = setupObservability({ serviceName: "größe", advanced: { disableAutoShutdown: true } });
const tracer = getLangWatchTracer("größe 🤖");
const value = { text: bigText, list: [bigText.slice(0, 100), null, 1.5] };
const traceId = await tracer.withActiveSpan("größe 🤖", async (span) => {
  span.setType("llm").setRequestModel("m").setInput("text", bigText).setOutput("json", value);
  return span.spanContext().traceId;
});
await finished(observability);

const got = await langwatch.trace(traceId);
assert.equal(got.spans[0].name, "größe 🤖");
assert.deepEqual(got.spans[0].input, { type: "text", value: bigText });
assert.deepEqual(got.spans[0].output, { type: "json", value });
assert.equal(got.input.value, bigText);
assert.equal((await lunary.run((await lunary.runs("type=llm"))[0].id)).input, bigText);
