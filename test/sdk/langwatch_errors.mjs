// LangWatch 0.16: a thrown error inside a span; reading a trace back through the SDK; a wrong key, a trace that is not there.
// Needs Node 20: langwatch 0.16 does.
import { LangWatch, LangWatchExporter, getLangWatchTracer } from "langwatch";
import { setupObservability } from "langwatch/observability/node";
import { assert, contains, fails, finished, langwatch, spanOf } from "./helper.mjs";

const observability = setupObservability({
  langwatch: { processorType: "simple" },
  serviceName: "sdk-test",
  debug: { logLevel: "warn" },
  advanced: { disableAutoShutdown: true },
});
const tracer = getLangWatchTracer("failing");
let traceId;
await fails(
  tracer.withActiveSpan("outer", async (outer) => {
    traceId = outer.spanContext().traceId;
    await tracer.withActiveSpan("inner", async (inner) => {
      inner.setType("tool").setInput("x");
      throw new Error("kaputt 🧨");
    });
  }),
  "kaputt",
);
await finished(observability);

const got = await langwatch.trace(traceId);
contains(got, { error: { has_error: true, message: "kaputt 🧨" } });
const inner = spanOf(got, "inner");
contains(inner, { type: "tool", parent_id: spanOf(got, "outer").span_id, error: { message: "kaputt 🧨" } });
assert.match(inner.error.stacktrace.join("\n"), /kaputt 🧨\n\s+at .*langwatch_errors\.mjs/);
contains(await langwatch.search({ filters: { "traces.error": ["true"] } }), { pagination: { totalHits: 1 } });

const client = new LangWatch();
const read = await client.traces.get(traceId);
contains(read, { trace_id: traceId, error: { has_error: true }, spans: got.spans });
await fails(client.traces.get("00000000000000000000000000000001"), "Trace not found");
await fails(new LangWatch({ apiKey: "sk-lw-wrong" }).traces.get(traceId), "Invalid auth token");

const stranger = new LangWatchExporter({ apiKey: "sk-lw-wrong" });
const refused = await new Promise((resolve) => stranger.export([], resolve));
assert.equal(refused.code, 1, "an exporter with a wrong key is told so");
assert.equal(refused.error.code, 401);
