// LangWatch 0.16: the messages of a chat as log records.
// Needs Node 20: langwatch 0.16 does.
import { getLangWatchLogger, getLangWatchTracer } from "langwatch";
import { setupObservability } from "langwatch/observability/node";
import { contains, langwatch, spanOf } from "./helper.mjs";

const observability = setupObservability({
  langwatch: { processorType: "batch" },
  serviceName: "sdk-test",
  advanced: { disableAutoShutdown: true },
});
const log = getLangWatchLogger("chatting");
const apart = () => new Promise((resolve) => setTimeout(resolve, 3)); // messages are put in order by their times
const traceId = await getLangWatchTracer("chatting").withActiveSpan("chat", async (span) => {
  span.setType("llm").setRequestModel("gpt-4o-mini");
  log.emitGenAISystemMessageEvent({ content: "Kurz." });
  await apart();
  log.emitGenAIUserMessageEvent({ content: "Grüezi 👋" });
  await apart();
  log.emitGenAIAssistantMessageEvent({
    tool_calls: [{ id: "call-1", type: "function", function: { name: "time", arguments: '{"zone":"CET"}' } }],
  });
  await apart();
  log.emitGenAIToolMessageEvent({ id: "call-1", content: "12:00" });
  await apart();
  log.emitGenAIChoiceEvent({ index: 0, finish_reason: "stop", message: { content: "Mittag." } });
  return span.spanContext().traceId;
});
await observability.shutdown();

const got = await langwatch.trace(traceId);
const span = spanOf(got, "chat");
contains(span.input.value, [
  { role: "system", content: "Kurz." },
  { role: "user", content: "Grüezi 👋" },
  { role: "assistant", tool_calls: [{ id: "call-1", function: { name: "time", arguments: '{"zone":"CET"}' } }] },
  { role: "tool", id: "call-1", content: "12:00" },
]);
contains(span.output.value, { finish_reason: "stop", message: { content: "Mittag." } });
contains(got, { output: { value: "Mittag." } });
