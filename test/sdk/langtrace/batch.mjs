// Langtrace 6.3 with batch: spans of a tree made by OpenTelemetry's own API arrive in one request, children before parents, large text whole.
import { createRequire } from "node:module";
import { assert, bigText, contains, langtraceSpans, langwatch, one } from "../helper.mjs";

const require = createRequire(import.meta.url);
const Langtrace = require("@langtrase/typescript-sdk");
const { trace, SpanKind, SpanStatusCode } = require("@opentelemetry/api");
Langtrace.init({ batch: true, disable_latest_version_check: true, logging: { disable: true } });

const tracer = trace.getTracer("mine", "1.2.3");
const ours = { "langtrace.sdk.name": "@langtrase/typescript-sdk" }; // others are not exported
const framework = { ...ours, "langtrace.service.type": "framework" };
tracer.startActiveSpan("agent", { kind: SpanKind.SERVER, attributes: framework }, (root) => {
  const attributes = { ...ours, big: bigText, list: ["a", "b"], whole: 3, half: 0.5 };
  tracer.startActiveSpan("tool: weather", { attributes }, (tool) => {
    tool.addEvent("seen", { where: "Zürich" });
    tool.recordException(new TypeError("größer Fehler 🚦"));
    tool.setStatus({ code: SpanStatusCode.ERROR, message: "größer Fehler 🚦" });
    tool.end();
  });
  root.end();
});
await trace.getTracerProvider().getDelegate().forceFlush();

const spans = await langtraceSpans(2);
const root = one(spans, (s) => s.name === "agent", "root");
const tool = one(spans, (s) => s.name === "tool: weather", "tool");
contains(root, { parent_id: "", kind: "2", status_code: "UNSET", events: [] });
contains(tool, { parent_id: root.span_id, trace_id: root.trace_id, kind: "1", status_code: "ERROR" });
assert.equal(tool.attributes.big, bigText);
contains(tool.attributes, { list: ["a", "b"], whole: 3, half: 0.5 });
assert.deepEqual(
  tool.events.map((e) => e.name),
  ["seen", "exception"],
);
contains(tool.events[1].attributes, { "exception.type": "TypeError", "exception.message": "größer Fehler 🚦" });
const { spans: shown, error } = await langwatch.trace(root.trace_id);
contains(one(shown, (s) => s.name === "agent", "agent"), { type: "agent", parent_id: null });
contains(error, { has_error: true, message: "größer Fehler 🚦" });
