// LangWatch 0.16: span events that are an evaluation, feedback, the messages of a chat and the first token.
// Needs Node 20: langwatch 0.16 does.
import { getLangWatchTracer } from "langwatch";
import { setupObservability } from "langwatch/observability/node";
import { assert, contains, langwatch, one, spanOf } from "./helper.mjs";

const observability = setupObservability({
  langwatch: { processorType: "batch" },
  serviceName: "sdk-test",
  advanced: { disableAutoShutdown: true },
});
const tracer = getLangWatchTracer("events");
const { traceId, spanId } = await tracer.withActiveSpan("chat", async (span) => {
  span.setType("llm").setRequestModel("gpt-4o-mini");
  span.addEvent("gen_ai.system.message", { content: "Kurz." });
  span.addEvent("gen_ai.user.message", { content: "Grüezi 👋" });
  await new Promise((resolve) => setTimeout(resolve, 30));
  span.addEvent("first_token");
  const evaluation = {
    evaluation_id: "ev-1",
    name: "My Metric!",
    passed: true,
    score: 0.85,
    label: "gut",
    details: "gut 👍",
  };
  span.addEvent("langwatch.evaluation.custom", { json_encoded_event: JSON.stringify(evaluation) });
  span.addEvent("langwatch.event", {
    "event.type": "thumbs_up_down",
    "event.id": "event-1",
    "event.metrics.vote": 1,
    "event.details.feedback": "prima",
  });
  span.addEvent("gen_ai.choice", { index: 0, message: JSON.stringify({ role: "assistant", content: "Hallo!" }) });
  return span.spanContext();
});
await observability.shutdown();

const got = await langwatch.trace(traceId);
const span = spanOf(got, "chat");
contains(span.input.value, [
  { role: "system", content: "Kurz." },
  { role: "user", content: "Grüezi 👋" },
]);
contains(span.output.value, { message: { role: "assistant", content: "Hallo!" } });
contains(got, { input: { value: "Grüezi 👋" }, output: { value: "Hallo!" } });
assert.ok(got.metrics.first_token_ms >= 20 && got.metrics.first_token_ms < 5000, `${got.metrics.first_token_ms} ms`);
contains(
  one(got.evaluations, (e) => e.name === "My Metric!", "the evaluation"),
  {
    evaluation_id: "ev-1",
    evaluator_id: "customeval_my_metric",
    passed: true,
    score: 0.85,
    label: "gut",
    details: "gut 👍",
    status: "processed",
    span_id: spanId,
  },
);
contains(got.events, [
  { event_type: "thumbs_up_down", metrics: { vote: 1 }, event_details: { feedback: "prima" }, trace_id: traceId },
]);
contains(await langwatch.search({ filters: { "events.event_type": ["thumbs_up_down"] } }), {
  pagination: { totalHits: 1 },
});
