// LangWatch 0.16: an experiment over rows: two targets, own metrics, an evaluator of the server's, a row that fails; its results.
// Needs Node 20: langwatch 0.16 does.
import { LangWatch } from "langwatch";
import { setupObservability } from "langwatch/observability/node";
import { assert, contains, one, url } from "./helper.mjs";

const observability = setupObservability({
  langwatch: { processorType: "batch" },
  serviceName: "sdk-test",
  advanced: { disableAutoShutdown: true },
});
const quiet = { debug() {}, info() {}, warn() {}, error() {} }; // the row that fails is meant to
const client = new LangWatch({ options: { logger: quiet } });
const rows = [
  { question: "What is 2+2?", expected: "4" },
  { question: "Hauptstadt? 🇨🇭", expected: "Bern" },
  { question: "fail", expected: "" },
];
const experiment = await client.experiments.init("capitals ü");
await experiment.run(rows, async ({ item, index }) => {
  if (item.question === "fail") throw new Error("kaputt 🧨");
  for (const target of ["gpt-4o", "gpt-4o-mini"])
    await experiment.withTarget(target, { model: `openai/${target}`, temperature: 0.5 }, async () => {
      experiment.log("length", { score: item.question.length, details: "Zeichen" });
      const data = { output: item.expected, expected_output: item.expected };
      await experiment.evaluate("langevals/exact_match", { name: "exact", data });
      return index;
    });
});
await observability.shutdown();

const get = async (path) => {
  const reply = await fetch(url + path, { headers: { "X-Auth-Token": process.env.LANGWATCH_API_KEY } });
  const text = await reply.text();
  assert.equal(reply.status, 200, `${path} answered ${reply.status} ${text}`);
  return JSON.parse(text);
};
const slug = encodeURIComponent(experiment.experimentSlug);
const results = await get(
  `/api/experiments/runs/${encodeURIComponent(experiment.runId)}/results?experimentSlug=${slug}`,
);
contains(results, { runId: experiment.runId });
assert.equal(results.dataset.length, 5, JSON.stringify(results.dataset));
assert.equal(results.evaluations.length, 8, JSON.stringify(results.evaluations));
const row = (index, targetId) =>
  one(results.dataset, (d) => d.index === index && d.targetId === targetId, `row ${index} of ${targetId}`);
contains(row(1, "gpt-4o"), { entry: rows[1] });
assert.match(one(results.dataset, (d) => d.index === 2, "the row that fails").error, /kaputt 🧨/);
const metric = (name, index, targetId) =>
  one(
    results.evaluations,
    (e) => (e.name ?? e.evaluator) === name && e.index === index && e.targetId === targetId,
    `${name} of row ${index}, ${targetId}`,
  );
contains(metric("length", 0, "gpt-4o-mini"), { status: "processed", score: 12, details: "Zeichen" });
contains(metric("exact", 1, "gpt-4o"), { status: "processed", passed: true });
const traceId = row(0, "gpt-4o").traceId;
contains(await get(`/api/traces/${traceId}`), { spans: [{ name: "evaluation.target.gpt-4o" }] });
