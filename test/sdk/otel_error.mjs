// OpenTelemetry: an exception recorded on a failed call, a status without one, and a wrong key that stores nothing.
// With: http, proto, grpc
import { SpanStatusCode, trace } from "@opentelemetry/api";
import { assert, contains, langwatch, spanOf } from "./helper.mjs";
import { exporterOf, traced, transport } from "./otel.mjs";

const tracer = trace.getTracer("failing");
const context = await traced(() =>
  tracer.startActiveSpan("outer", (outer) => {
    tracer.startActiveSpan("chat", { attributes: { "gen_ai.request.model": "gpt-4o-mini" } }, (span) => {
      const error = new TypeError("429 größer Fehler 🧨");
      span.recordException(error);
      span.setStatus({ code: SpanStatusCode.ERROR, message: error.message });
      span.end();
    });
    const silent = tracer.startSpan("silent");
    silent.setStatus({ code: SpanStatusCode.ERROR, message: "no exception here" });
    silent.end();
    outer.setStatus({ code: SpanStatusCode.OK });
    outer.end();
    return outer.spanContext();
  }),
);

const got = await langwatch.trace(context.traceId);
contains(got, { error: { has_error: true, message: "429 größer Fehler 🧨" } });
const failed = spanOf(got, "chat");
contains(failed, { type: "llm", error: { has_error: true, message: "429 größer Fehler 🧨" } });
assert.match(failed.error.stacktrace.join("\n"), /TypeError: 429 größer Fehler 🧨\n\s+at .*otel_error\.mjs/);
contains(spanOf(got, "silent"), { error: { has_error: true, message: "no exception here" } });
assert.equal(spanOf(got, "outer").error, null);
contains(await langwatch.search({ filters: { "traces.error": ["true"] } }), { pagination: { totalHits: 1 } });
contains(await langwatch.search({ filters: { "traces.error": ["false"] } }), { pagination: { totalHits: 0 } });

// The same span by a stranger: the exporter is told, at once, that the key is wrong.
process.env.OTEL_EXPORTER_OTLP_HEADERS = "authorization=Bearer%20sk-lw-wrong";
const spans = [];
const { BasicTracerProvider, SimpleSpanProcessor } = await import("@opentelemetry/sdk-trace-node");
const keep = { export: (batch, done) => (spans.push(...batch), done({ code: 0 })), shutdown: async () => {} };
new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(keep)] }).getTracer("x").startSpan("stranger").end();
await new Promise((resolve) => setImmediate(resolve));
assert.equal(spans.length, 1);
const exporter = await exporterOf("trace");
const result = await new Promise((resolve) => exporter.export(spans, resolve));
assert.equal(result.code, 1);
assert.equal(result.error.code, transport === "grpc" ? 16 : 401);
contains(await langwatch.search({}), { pagination: { totalHits: 1 } });
