// Langtrace 6.3: prompts from the registry with and without variables, and a user's feedback given twice.
import { createRequire } from "node:module";
import { assert, contains, fails, langtrace, langtraceSpans, langwatch } from "../helper.mjs";
import { openaiStub } from "../openai_stub.mjs";

const require = createRequire(import.meta.url);
const Langtrace = require("@langtrase/typescript-sdk");
const OpenAI = require("openai-4");
Langtrace.init({ instrumentations: { openai: OpenAI }, disable_latest_version_check: true, logging: { disable: true } });

// Prompts
const { promptset } = await langtrace.call("/api/promptset", "POST", { name: "greet" });
const prompt = {
  promptsetId: promptset.id,
  value: "Answer ${question} in {language}. {untouched}",
  variables: ["question", "language"],
  model: "gpt-4o-mini",
  modelSettings: { temperature: 0.7 },
};
await langtrace.call("/api/prompt", "POST", { ...prompt, live: true, note: "first" });
await langtrace.call("/api/prompt", "POST", { ...prompt, value: "second", live: false });
contains(await Langtrace.getPromptFromRegistry(promptset.id), {
  value: prompt.value,
  variables: ["question", "language"],
  model: "gpt-4o-mini",
  modelSettings: { temperature: 0.7 },
  version: 1,
  live: true,
  note: "first",
});
const variables = { question: "was ist 2+2?", language: "Züritüütsch" };
const filled = await Langtrace.getPromptFromRegistry(promptset.id, { prompt_version: 1, variables });
assert.equal(filled.value, "Answer was ist 2+2? in Züritüütsch. {untouched}");
contains(await Langtrace.getPromptFromRegistry(promptset.id, { prompt_version: 2 }), { value: "second", version: 2 });
// The SDK's error names the status alone.
await fails(Langtrace.getPromptFromRegistry(promptset.id, { prompt_version: 99 }), "status code 404");
await fails(Langtrace.getPromptFromRegistry(promptset.id, { variables: { question: "x" } }), "status code 400");

// Feedback: the SDK names the root, the score goes to the model call.
const stub = await openaiStub();
const openai = new OpenAI({ apiKey: "none", baseURL: stub.baseURL, maxRetries: 0 });
let ids;
await Langtrace.withLangTraceRootSpan(async (spanId, traceId) => {
  ids = { spanId, traceId };
  await openai.chat.completions.create({ model: "gpt-4o-mini", messages: [{ role: "user", content: "rate me" }] });
});
const spans = await langtraceSpans(2);
stub.close();
const call = spans.find((s) => s.attributes["langtrace.service.type"] === "llm");
const rate = (userScore) => Langtrace.sendUserFeedback({ userId: "user-42", userScore, ...ids });
const evaluations = async () => (await langtrace.call(`/api/evaluation?spanId=${ids.spanId}`)).evaluations;
await rate(1);
contains(await evaluations(), [{ userId: "user-42", userScore: 1, traceId: ids.traceId, spanId: call.span_id }]);
await rate(-1);
contains(await evaluations(), [{ userId: "user-42", userScore: -1, spanId: call.span_id }]);
await rate(1);
contains(await evaluations(), [{ userScore: 1 }]);
contains((await langwatch.trace(ids.traceId)).evaluations, [{ name: "user_feedback", score: 1, span_id: call.span_id }]);
