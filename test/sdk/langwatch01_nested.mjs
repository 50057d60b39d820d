// LangWatch 0.1: a trace with an agent, a RAG step and a model call, with user, thread, labels and own metadata.
import { LangWatch } from "langwatch-0.1";
import { contains, langwatch, lunary, one } from "./helper.mjs";

const client = new LangWatch({ apiKey: process.env.LANGWATCH_API_KEY, endpoint: process.env.TRACEWELL_URL });
const trace = client.getTrace({
  traceId: "sdk-nested",
  metadata: {
    userId: "u-1",
    threadId: "th-1",
    customerId: "c-1",
    labels: ["größe", "🏷️"],
    seatCount: 3,
    isTrial: false,
  },
});
const agent = trace.startSpan({ type: "agent", name: "answer", input: { type: "text", value: "Wo regnet es?" } });
const rag = agent.startRAGSpan({ name: "retrieve", input: { type: "text", value: "Regen" } });
rag.end({
  contexts: [{ documentId: "d1", chunkId: "c1", content: "Bergen ist nass." }],
  output: { type: "text", value: "ein Dokument" },
});
const messages = [
  { role: "system", content: "Kurz." },
  { role: "user", content: "Wo regnet es?" },
];
const llm = agent.startLLMSpan({
  name: "chat",
  model: "gpt-4o-mini",
  input: { type: "chat_messages", value: messages },
  params: { temperature: 0.2 },
});
llm.end({
  output: { type: "chat_messages", value: [{ role: "assistant", content: "In Bergen." }] },
  metrics: { promptTokens: 19, completionTokens: 3, cost: 0.25 },
});
agent.end({ output: { type: "text", value: "In Bergen." } });
await trace.sendSpans();

const got = await langwatch.trace("sdk-nested");
contains(got, {
  trace_id: "sdk-nested",
  input: { value: "Wo regnet es?" },
  output: { value: "In Bergen." },
  metadata: {
    user_id: "u-1",
    thread_id: "th-1",
    customer_id: "c-1",
    labels: ["größe", "🏷️"],
    seatCount: 3,
    isTrial: false,
    sdk_version: "0.1.7",
    sdk_language: "typescript",
  },
  metrics: { prompt_tokens: 19, completion_tokens: 3, total_cost: 0.25 },
  error: null,
});
const span = (name) => one(got.spans, (s) => s.name === name, `span ${name}`);
contains(span("chat"), {
  type: "llm",
  parent_id: agent.spanId,
  model: "gpt-4o-mini",
  input: { type: "chat_messages", value: messages },
  params: { temperature: 0.2 },
  metrics: { prompt_tokens: 19 },
});
contains(span("retrieve"), {
  type: "rag",
  parent_id: agent.spanId,
  contexts: [{ document_id: "d1", chunk_id: "c1", content: "Bergen ist nass." }],
});
contains(span("answer"), { type: "agent", span_id: agent.spanId, input: { type: "text", value: "Wo regnet es?" } });
contains((await langwatch.search({ filters: { "metadata.user_id": ["u-1"] } })).pagination, { totalHits: 1 });
contains(await lunary.runs("type=llm"), [
  { name: "gpt-4o-mini", tokens: { prompt: 19, completion: 3, total: 22 }, user: { externalId: "u-1" } },
]);
