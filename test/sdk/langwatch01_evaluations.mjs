// LangWatch 0.1: evaluations added on a trace and on a span.
import { LangWatch } from "langwatch-0.1";
import { contains, langwatch, one } from "./helper.mjs";

const client = new LangWatch({ apiKey: process.env.LANGWATCH_API_KEY, endpoint: process.env.TRACEWELL_URL });
const trace = client.getTrace({ traceId: "sdk-evaluations" });
const span = trace.startSpan({ name: "judged" });
span.addEvaluation({ evaluationId: "ev-1", name: "My Metric!", passed: true, score: 0.85, details: "gut 👍" });
trace.addEvaluation({ name: "label only", label: "très bien", isGuardrail: true });
span.end();
await trace.sendSpans();

const got = await langwatch.trace("sdk-evaluations");
const evaluation = (name) => one(got.evaluations, (e) => e.name === name, name);
contains(evaluation("My Metric!"), {
  evaluation_id: "ev-1",
  evaluator_id: "customeval_my_metric",
  passed: true,
  score: 0.85,
  details: "gut 👍",
  status: "processed",
  label: null,
});
contains(evaluation("label only"), { label: "très bien", is_guardrail: true, score: null, passed: null });
contains(await langwatch.search({ filters: { "evaluations.passed": { customeval_my_metric: ["true"] } } }), {
  pagination: { totalHits: 1 },
});
