// OpenTelemetry with the GenAI conventions: an agent that calls a model and a tool, with user, session, tags and attributes of its own.
// With: http, proto, grpc
import { SpanKind, trace } from "@opentelemetry/api";
import { assert, contains, langtraceTraces, langwatch, one, spanOf, traceWhere, tree } from "./helper.mjs";
import { text, traced } from "./otel.mjs";

const question = text("user", "Wo regnet es?");
const answer = { ...text("assistant", "In Bergen 🌧️."), finish_reason: "stop" };

function chat(tracer) {
  const span = tracer.startSpan("chat gpt-4o", {
    kind: SpanKind.CLIENT,
    attributes: {
      "gen_ai.operation.name": "chat",
      "gen_ai.provider.name": "openai",
      "gen_ai.request.model": "gpt-4o",
      "gen_ai.request.temperature": 0.2,
      "gen_ai.request.max_tokens": 64,
      "gen_ai.system_instructions": JSON.stringify([{ type: "text", content: "Kurz." }]),
      "gen_ai.input.messages": JSON.stringify([question]),
    },
  });
  span.setAttributes({
    "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.response.finish_reasons": ["stop"],
    "gen_ai.output.messages": JSON.stringify([answer]),
    "gen_ai.usage.input_tokens": 120,
    "gen_ai.usage.output_tokens": 40,
    "gen_ai.usage.cache_read.input_tokens": 100,
  });
  span.end();
}

function tool(tracer) {
  const attributes = {
    "gen_ai.operation.name": "execute_tool",
    "gen_ai.tool.name": "get_weather",
    "gen_ai.tool.call.id": "call-1",
    "gen_ai.tool.call.arguments": JSON.stringify({ city: "Zürich" }),
    "gen_ai.tool.call.result": JSON.stringify({ degrees: 21, list: [1, null, "☀️"] }),
  };
  tracer.startActiveSpan("execute_tool get_weather", { attributes }, (span) => {
    tracer.startSpan("GET /weather", { attributes: { "http.response.status_code": 200 } }).end();
    span.end();
  });
}

const rootContext = await traced(() => {
  const tracer = trace.getTracer("weather", "1.2.3");
  const attributes = {
    "gen_ai.operation.name": "invoke_agent",
    "gen_ai.agent.name": "weatherman",
    "gen_ai.input.messages": JSON.stringify([question]),
    "gen_ai.output.messages": JSON.stringify([answer]),
    "user.id": "user-größe",
    "session.id": "session-1",
    "tag.tags": ["größe", "🏷️"],
    "custom.flag": true,
    "custom.number": 2.5,
    "custom.list": ["a", "b"],
  };
  return tracer.startActiveSpan("answer", { kind: SpanKind.SERVER, attributes }, (root) => {
    chat(tracer);
    tool(tracer);
    root.end();
    return root.spanContext();
  });
});

const got = await langwatch.trace(rootContext.traceId);
assert.deepEqual(tree(got), { answer: { "chat gpt-4o": {}, get_weather: { "GET /weather": {} } } });
contains(got, {
  trace_id: rootContext.traceId,
  input: { value: "Wo regnet es?" },
  output: { value: "In Bergen 🌧️." },
  error: null,
  metadata: { user_id: "user-größe", thread_id: "session-1", labels: ["größe", "🏷️"] },
  metrics: { prompt_tokens: 20, completion_tokens: 40, cache_read_input_tokens: 100 },
});
contains(spanOf(got, "answer"), {
  span_id: rootContext.spanId,
  type: "agent",
  params: { custom: { flag: true, number: 2.5, list: ["a", "b"] } },
});
const llm = spanOf(got, "chat gpt-4o");
contains(llm, {
  type: "llm",
  model: "gpt-4o-2024-08-06",
  vendor: "openai",
  output: { type: "chat_messages", value: [answer] },
  params: { gen_ai: { request: { temperature: 0.2, max_tokens: 64 } } },
  metrics: { prompt_tokens: 20, completion_tokens: 40, cache_read_input_tokens: 100 },
});
assert.deepEqual(llm.input, { type: "chat_messages", value: [{ role: "system", content: "Kurz." }, question] });
assert.ok(llm.metrics.cost > 0, "a known model is priced");
contains(spanOf(got, "get_weather"), {
  type: "tool",
  input: { type: "json", value: { city: "Zürich" } },
  output: { type: "json", value: { degrees: 21, list: [1, null, "☀️"] } },
});
contains(spanOf(got, "GET /weather"), { type: "span", params: { http: { response: { status_code: 200 } } } });

for (const filters of [
  { "metadata.user_id": ["user-größe"] },
  { "metadata.thread_id": ["session-1"] },
  { "metadata.labels": ["🏷️"] },
  { "spans.model": ["gpt-4o-2024-08-06"] },
  { "spans.type": ["tool"] },
  { "traces.name": ["answer"] },
])
  assert.equal((await traceWhere(filters)).trace_id, rootContext.traceId);

const downloaded = one(await langtraceTraces(), (t) => t.trace_id === rootContext.traceId, "the trace in Langtrace");
contains(downloaded, { name: "answer", status_code: "OK" });
contains(
  one(downloaded.spans, (s) => s.name === "chat gpt-4o", "the model's span"),
  {
    parent_id: rootContext.spanId,
    kind: "3",
    attributes: { "gen_ai.request.model": "gpt-4o", "gen_ai.usage.input_tokens": 120 },
  },
);
