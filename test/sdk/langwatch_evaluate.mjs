// LangWatch 0.16: evaluators run on a span, as guardrail too; one that is not there; saved evaluators; a dataset read row by row.
// Needs Node 20: langwatch 0.16 does.
import { EvaluatorsApiService, LangWatch, getLangWatchTracer } from "langwatch";
import { setupObservability } from "langwatch/observability/node";
import { assert, contains, fails, langwatch, one, spanOf, traceWhere, tree, url } from "./helper.mjs";

const observability = setupObservability({
  langwatch: { processorType: "batch" },
  serviceName: "sdk-test",
  advanced: { disableAutoShutdown: true },
});
const client = new LangWatch();
const data = { input: "q", output: "Zürich ", expected_output: "zürich" };
await getLangWatchTracer("app").withActiveSpan("evaluated", async (span) => {
  span.setAttribute("langwatch.user.id", "user-42");
  contains(await client.evaluations.evaluate("langevals/exact_match", { name: "Exact", data }), {
    status: "processed",
    passed: true,
  });
  const strict = { name: "Strict", data, settings: { case_sensitive: true } };
  contains(await client.evaluations.evaluate("langevals/exact_match", strict), { status: "processed", passed: false });
  const rules = [{ field: "output", rule: "not_contains", value: "Bern" }];
  const guard = { name: "Guard", data, settings: { rules }, asGuardrail: true };
  contains(await client.evaluations.evaluate("langevals/basic", guard), { status: "processed", passed: true });
});
await fails(client.evaluations.evaluate("langevals/missing", { data: {} }), "Evaluator not found: langevals/missing");

const evaluators = new EvaluatorsApiService({ langwatchApiClient: client.apiClient });
const config = { evaluatorType: "langevals/exact_match", settings: { case_sensitive: true } };
const saved = await evaluators.create({ name: "Genau ü", config });
contains(saved, { name: "Genau ü", config });
contains(await evaluators.get(saved.id), { id: saved.id, slug: saved.slug });
assert.deepEqual((await evaluators.getAll()).map((e) => e.id), [saved.id]); // prettier-ignore

const post = (path, body) =>
  fetch(url + path, {
    method: "POST",
    headers: { "X-Auth-Token": process.env.LANGWATCH_API_KEY, "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
const columnTypes = ["input", "expected_output"].map((name) => ({ name, type: "string" }));
assert.equal((await post("/api/dataset", { name: "Questions", columnTypes })).status, 201);
const entries = [
  { input: "What is 2+2?", expected_output: "4" },
  { input: "Hauptstadt der Schweiz? 🇨🇭", expected_output: "Bern" },
];
assert.equal((await post("/api/dataset/questions/entries", { entries })).status, 200);
const dataset = await client.datasets.get("questions");
assert.deepEqual(
  dataset.entries.map((e) => e.entry),
  entries,
);
await fails(client.datasets.get("missing"), "Dataset not found: missing");
await observability.shutdown();

const got = await traceWhere({ "metadata.user_id": ["user-42"] });
const spans = tree(got);
assert.deepEqual(Object.keys(spans), ["evaluated"]);
for (const name of ["Exact", "Strict", "Guard"])
  assert.ok(name in spans.evaluated, `${name} of ${JSON.stringify(spans)}`);
contains(spanOf(got, "Exact"), { type: "evaluation" });
contains(spanOf(got, "Guard"), { type: "guardrail" });
const root = spanOf(got, "evaluated").span_id;
const evaluation = (name) => one(got.evaluations, (e) => e.name === name, name);
contains(evaluation("Exact"), { type: "langevals/exact_match", status: "processed", passed: true, span_id: root });
contains(evaluation("Strict"), { status: "processed", passed: false });
contains(evaluation("Guard"), { passed: true, is_guardrail: true });
contains(await langwatch.search({ filters: { "evaluations.passed": { customeval_exact: ["true"] } } }), {
  pagination: { totalHits: 1 },
});
