// LangWatch 0.1: first token of a streamed answer, a late span that makes the SDK send the whole list again, labels added later.
import { LangWatch } from "langwatch-0.1";
import { assert, contains, langwatch } from "./helper.mjs";

const client = new LangWatch({ apiKey: process.env.LANGWATCH_API_KEY, endpoint: process.env.TRACEWELL_URL });
const trace = client.getTrace({ traceId: "sdk-stream", metadata: { labels: ["a"] } });
const llm = trace.startLLMSpan({ name: "stream", model: "gpt-4o-mini" });
await new Promise((resolve) => setTimeout(resolve, 30));
llm.update({ timestamps: { ...llm.timestamps, firstTokenAt: Date.now() } });
llm.end({ output: { type: "text", value: "Hello streaming world" } });
await trace.sendSpans();
const first = await langwatch.trace("sdk-stream");
assert.ok(
  first.metrics.first_token_ms >= 20 && first.metrics.first_token_ms < 5000,
  `first token after ${first.metrics.first_token_ms} ms`,
);
contains(first, { output: { value: "Hello streaming world" }, metadata: { labels: ["a"] } });

trace.update({ metadata: { userId: "late", labels: ["b"] } });
trace.startSpan({ name: "late" }).end();
await trace.sendSpans();
await trace.sendSpans();
const second = await langwatch.trace("sdk-stream");
contains(second, {
  metadata: { user_id: "late", labels: ["a", "b"] },
  metrics: { first_token_ms: first.metrics.first_token_ms },
});
assert.deepEqual(second.spans.map((s) => s.name).sort(), ["late", "stream"]);
