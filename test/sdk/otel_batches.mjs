// OpenTelemetry: 600 spans of 20 traces in batches of 100, compressed: each is there once, below its parent.
// With: http, proto, grpc
import { trace } from "@opentelemetry/api";
import { assert, langwatch } from "./helper.mjs";
import { traced } from "./otel.mjs";

process.env.OTEL_EXPORTER_OTLP_COMPRESSION = "gzip";
const traces = await traced(
  async () => {
    const tracer = trace.getTracer("many");
    const contexts = [];
    for (let i = 0; i < 20; i++) {
      await tracer.startActiveSpan(`trace ${i}`, async (root) => {
        contexts.push(root.spanContext());
        for (let n = 1; n < 30; n++)
          tracer.startSpan(`step ${n}`, { attributes: { n, "gen_ai.request.model": "m" } }).end();
        root.end();
      });
      await new Promise((resolve) => setImmediate(resolve));
    }
    return contexts;
  },
  { batchSize: 100 },
);

const { traces: found, pagination } = await langwatch.search({ includeSpans: true });
assert.equal(pagination.totalHits, 20);
for (const [i, { traceId, spanId }] of traces.entries()) {
  const { spans } = found.find((t) => t.trace_id === traceId);
  assert.equal(spans.length, 30, `trace ${i}`);
  const steps = spans.filter((s) => s.span_id !== spanId);
  assert.deepEqual(
    steps.map((s) => [s.name, s.parent_id, s.params.n]).sort((a, b) => a[2] - b[2]),
    Array.from({ length: 29 }, (_, n) => [`step ${n + 1}`, spanId, n + 1]),
  );
}
