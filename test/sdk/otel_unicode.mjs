// OpenTelemetry: 60 KB of Unicode as message, as attribute and in a name come back unchanged.
// With: http, proto, grpc
import { trace } from "@opentelemetry/api";
import { assert, bigText, langwatch, lunary } from "./helper.mjs";
import { text, traced } from "./otel.mjs";

const { traceId } = await traced(() => {
  const attributes = {
    "gen_ai.operation.name": "chat",
    "gen_ai.request.model": "m",
    "gen_ai.input.messages": JSON.stringify([text("user", bigText)]),
    "gen_ai.output.messages": JSON.stringify([text("assistant", bigText)]),
    "own.größe": bigText,
  };
  const span = trace.getTracer("größe 🤖").startSpan("größe 🤖", { attributes });
  span.end();
  return span.spanContext();
});

const got = await langwatch.trace(traceId);
const [span] = got.spans;
assert.equal(span.name, "größe 🤖");
assert.deepEqual(span.input, { type: "chat_messages", value: [text("user", bigText)] });
assert.deepEqual(span.output, { type: "chat_messages", value: [text("assistant", bigText)] });
assert.equal(span.params.own.größe, bigText);
assert.equal(got.input.value, bigText);
assert.equal(got.output.value, bigText);
assert.deepEqual((await lunary.run((await lunary.runs("type=llm"))[0].id)).input, [text("user", bigText)]);
