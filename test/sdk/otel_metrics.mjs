// OpenTelemetry metrics: they are taken with success, so that an exporter of all signals is content, and add nothing to any count.
// With: http, proto, grpc
import { diag, trace } from "@opentelemetry/api";
import { MeterProvider, PeriodicExportingMetricReader } from "@opentelemetry/sdk-metrics";
import { assert, contains, langwatch } from "./helper.mjs";
import { exporterOf, traced } from "./otel.mjs";

const usage = {
  "gen_ai.usage.input_tokens": 7,
  "gen_ai.usage.output_tokens": 2,
  "gen_ai.request.model": "gpt-4o-mini",
};
const { traceId } = await traced(() => {
  const span = trace.getTracer("gen-ai").startSpan("chat", { attributes: usage });
  span.end();
  return span.spanContext();
});

// What is not kept is said in a partial success, which the exporter repeats as a warning: that one alone is expected.
const warnings = [];
const logger = {
  error: (...words) => assert.fail(words.join(" ")),
  warn: (...words) => warnings.push(words.join(" ")),
};
diag.setLogger({ ...logger, info() {}, debug() {}, verbose() {} }, { suppressOverrideMessage: true });

const exporter = await exporterOf("metrics");
const results = [];
const plain = exporter.export.bind(exporter);
exporter.export = (metrics, done) => plain(metrics, (result) => (results.push(result), done(result)));
const reader = new PeriodicExportingMetricReader({ exporter, exportIntervalMillis: 60_000 });
const meters = new MeterProvider({ readers: [reader] });
const meter = meters.getMeter("gen-ai");
meter.createHistogram("gen_ai.client.token.usage").record(1000, { "gen_ai.token.type": "input" });
meter.createCounter("calls").add(3, { "gen_ai.request.model": "gpt-4o-mini" });
meter.createObservableGauge("level").addCallback((result) => result.observe(1.5));
await meters.forceFlush();
assert.deepEqual(
  results.map((r) => r.code),
  [0],
);
for (const warning of warnings) assert.match(warning, /partial success/i);
await meters.shutdown();

contains(await langwatch.trace(traceId), { metrics: { prompt_tokens: 7, completion_tokens: 2 } });
contains(await langwatch.search({}), { pagination: { totalHits: 1 } });
