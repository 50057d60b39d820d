// LangWatch 0.1: a thrown error on one span of a trace; a wrong key is retried and never stored.
import { LangWatch } from "langwatch-0.1";
import { assert, contains, langwatch } from "./helper.mjs";

const client = new LangWatch({ apiKey: process.env.LANGWATCH_API_KEY, endpoint: process.env.TRACEWELL_URL });
const trace = client.getTrace({ traceId: "sdk-error" });
const outer = trace.startSpan({ name: "outer" });
const inner = outer.startSpan({ name: "inner", type: "tool" });
try {
  throw new Error("kaputt 🧨");
} catch (error) {
  inner.end({ error });
}
outer.end();
await trace.sendSpans();

const got = await langwatch.trace("sdk-error");
contains(got, { error: { has_error: true, message: "kaputt 🧨" } });
const failed = got.spans.find((s) => s.name === "inner");
contains(failed, { error: { has_error: true, message: "kaputt 🧨" }, type: "tool" });
assert.ok(failed.error.stacktrace.length > 0, "the stack trace is kept");
contains(await langwatch.search({ filters: { "traces.error": ["true"] } }), {
  pagination: { totalHits: 1 },
  traces: [{ trace_id: "sdk-error" }],
});

const stranger = new LangWatch({ apiKey: "sk-lw-wrong", endpoint: process.env.TRACEWELL_URL });
const refused = new Promise((resolve) => stranger.on("error", resolve));
stranger.getTrace({ traceId: "sdk-stranger" });
await assert.rejects(stranger._sendTrace({ trace_id: "sdk-stranger", spans: got.spans, evaluations: [] }), /401/);
assert.match((await refused).message, /401/);
