// OpenTelemetry logs: what a model was asked and said, as log records of its span, sent before the span and after it; an evaluation.
// With: http, proto, grpc
import { trace } from "@opentelemetry/api";
import { BatchLogRecordProcessor, LoggerProvider } from "@opentelemetry/sdk-logs";
import { assert, contains, langwatch, one, spanOf } from "./helper.mjs";
import { exporterOf, text, traced } from "./otel.mjs";

const messages = [
  ["gen_ai.system.message", { content: "Kurz." }],
  ["gen_ai.user.message", { content: "Grüezi 👋" }],
  ["gen_ai.choice", { index: 0, finish_reason: "stop", message: { role: "assistant", content: "Hallo!" } }],
];
const details = {
  "gen_ai.operation.name": "chat",
  "gen_ai.input.messages": [text("user", "Was?")],
  "gen_ai.output.messages": [text("assistant", "Das. ✅")],
};

const provider = new LoggerProvider({
  processors: [new BatchLogRecordProcessor({ exporter: await exporterOf("logs") })],
});
const logger = provider.getLogger("gen-ai", "0.1");

function chat(name, records) {
  const attributes = { "gen_ai.operation.name": "chat", "gen_ai.request.model": "gpt-4o-mini" };
  return trace.getTracer("gen-ai").startActiveSpan(name, { attributes }, (span) => {
    // Messages are put in order by their times, and this SDK stamps with whole milliseconds.
    records.forEach((record, i) => logger.emit({ severityNumber: 9, timestamp: Date.now() + i, ...record }));
    span.end();
    return span.spanContext();
  });
}

const byEventName = messages.map(([eventName, body]) => ({
  eventName,
  body,
  attributes: { "gen_ai.system": "openai" },
}));
const byAttribute = messages.map(([name, body]) => ({ body, attributes: { "event.name": name } }));
const current = [
  { eventName: "gen_ai.client.inference.operation.details", attributes: details },
  {
    eventName: "gen_ai.evaluation.result",
    attributes: {
      "gen_ai.evaluation.name": "Relevance",
      "gen_ai.evaluation.score.value": 0.75,
      "gen_ai.evaluation.score.label": "good",
      "gen_ai.evaluation.explanation": "trifft zu",
    },
  },
];
const [early, late, modern] = await traced(async (flush) => {
  const before = chat("early", byEventName);
  await provider.forceFlush();
  await flush();
  const after = [chat("late", byAttribute), chat("modern", current)];
  await flush();
  await provider.shutdown();
  return [before, ...after];
});

for (const { traceId } of [early, late]) {
  const got = await langwatch.trace(traceId);
  const [span] = got.spans;
  assert.equal(got.spans.length, 1);
  assert.equal(span.input.type, "chat_messages");
  contains(span.input.value, [
    { role: "system", content: "Kurz." },
    { role: "user", content: "Grüezi 👋" },
  ]);
  contains(span.output.value, { finish_reason: "stop", message: { role: "assistant", content: "Hallo!" } });
  contains(got, { input: { value: "Grüezi 👋" }, output: { value: "Hallo!" } });
}

const got = await langwatch.trace(modern.traceId);
contains(spanOf(got, "modern"), {
  type: "llm",
  model: "gpt-4o-mini",
  input: { type: "chat_messages", value: [text("user", "Was?")] },
  output: { type: "chat_messages", value: [text("assistant", "Das. ✅")] },
});
contains(
  one(got.evaluations, (e) => e.name === "Relevance", "the evaluation"),
  {
    score: 0.75,
    label: "good",
    details: "trifft zu",
    status: "processed",
    span_id: modern.spanId,
  },
);
contains(await langwatch.search({}), { pagination: { totalHits: 3 } });
