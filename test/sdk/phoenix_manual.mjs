// Phoenix: spans of one's own: decorated functions, a model call by attributes, a retriever with documents, metadata and tags, an error.
import {
  getLLMAttributes,
  register,
  setMetadata,
  setTags,
  trace,
  traceAgent,
  traceChain,
  traceTool,
  withSpan,
} from "@arizeai/phoenix-otel";
import { context } from "@opentelemetry/api";
import { assert, contains, fails, key, langwatch, spanOf, traceWhere, tree, url } from "./helper.mjs";

const provider = register({ projectName: "sdk-test", url, apiKey: key, batch: false });
const lookup = traceTool(async (city) => ({ city, degrees: 21 }), { name: "get_weather" });
const model = withSpan(async (question) => `${question} Antwort ☀️`, {
  name: "model",
  kind: "LLM",
  attributes: getLLMAttributes({
    provider: "openai",
    modelName: "gpt-4o",
    invocationParameters: { temperature: 0.1 },
    inputMessages: [{ role: "user", content: "Grüezi" }],
    outputMessages: [{ role: "assistant", content: "Hallo 👋" }],
    tokenCount: { prompt: 3, completion: 2, total: 5, promptDetails: { cacheRead: 1 } },
  }),
});
const agent = traceAgent(
  async (question) => {
    await lookup("Zürich");
    trace.getTracer("own").startActiveSpan("retrieve", (span) => {
      span.setAttributes({
        "openinference.span.kind": "RETRIEVER",
        "input.value": "Regen",
        "retrieval.documents.0.document.id": "d1",
        "retrieval.documents.0.document.content": "Bergen ist nass.",
        "retrieval.documents.0.document.score": 0.75,
      });
      span.end();
    });
    return model(question);
  },
  { name: "agent" },
);
const described = setTags(setMetadata(context.active(), { plan: "pro", level: 3 }), ["größe", "🏷️"]);
assert.equal(await context.with(described, () => agent("Grüezi?")), "Grüezi? Antwort ☀️");
const bad = traceChain(
  async () => {
    throw new TypeError("größer Fehler 🧨");
  },
  { name: "bad-chain" },
);
await fails(bad("x"), "größer Fehler");
await provider.forceFlush();
await provider.shutdown();

const got = await traceWhere({ "metadata.labels": ["🏷️"] });
assert.deepEqual(tree(got), { agent: { get_weather: {}, retrieve: {}, model: {} } });
contains(got, {
  input: { value: "Grüezi?" },
  output: { value: "Grüezi? Antwort ☀️" },
  metadata: { labels: ["größe", "🏷️"], plan: "pro", level: 3 },
  metrics: { prompt_tokens: 2, completion_tokens: 2, cache_read_input_tokens: 1 },
});
contains(spanOf(got, "agent"), { type: "agent" });
contains(spanOf(got, "get_weather"), {
  type: "tool",
  output: { type: "json", value: { city: "Zürich", degrees: 21 } },
});
contains(spanOf(got, "model"), {
  type: "llm",
  model: "gpt-4o",
  vendor: "openai",
  output: { type: "text", value: "Grüezi? Antwort ☀️" },
});
contains(spanOf(got, "retrieve"), { type: "rag", contexts: [{ document_id: "d1", content: "Bergen ist nass." }] });

const failed = await traceWhere({ "traces.error": ["true"] });
contains(failed, { error: { has_error: true, message: "größer Fehler 🧨" } });
contains(spanOf(failed, "bad-chain"), { type: "chain", error: { message: "größer Fehler 🧨" } });
contains(await langwatch.search({}), { pagination: { totalHits: 2 } });
