// What the SDK programs share: where the server is, reading back, and comparing deeply.
import assert from "node:assert/strict";
import { trace } from "@opentelemetry/api";

const { TRACEWELL_URL, TRACEWELL_TEST_KEY, TRACEWELL_TEST_PROJECT } = process.env;
const { LANGWATCH_API_KEY, LUNARY_TEST_PUBLIC_KEY, LUNARY_TEST_PRIVATE_KEY } = process.env;
const { LANGTRACE_API_KEY } = process.env;

export const url = TRACEWELL_URL;
export const key = TRACEWELL_TEST_KEY; // the product's own; any key of the project opens any door
export const publicKey = LUNARY_TEST_PUBLIC_KEY;
export const privateKey = LUNARY_TEST_PRIVATE_KEY;
export { assert };

// A warning of an SDK means that something did not arrive; so does an unhandled rejection.
for (const name of ["error", "warn"]) {
  const plain = console[name];
  console[name] = (...words) => {
    plain(...words);
    process.exitCode = 1;
  };
}

async function read(path, options) {
  const reply = await fetch(url + path, options);
  const text = await reply.text();
  assert.equal(reply.status, 200, `${path} answered ${reply.status} ${text}`);
  return JSON.parse(text);
}

export const langwatch = {
  trace: (id) => read(`/api/trace/${encodeURIComponent(id)}`, { headers: { "X-Auth-Token": LANGWATCH_API_KEY } }),
  thread: (id) => read(`/api/thread/${encodeURIComponent(id)}`, { headers: { "X-Auth-Token": LANGWATCH_API_KEY } }),
  search: (body) =>
    read("/api/traces/search", {
      method: "POST",
      headers: { "X-Auth-Token": LANGWATCH_API_KEY, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
};

// Langtrace's download: all traces of the project, newest first; attributes and events are JSON text there.
export async function langtraceTraces() {
  const body = JSON.stringify({ projectId: TRACEWELL_TEST_PROJECT, page: 1, pageSize: 100 });
  const headers = { "x-api-key": key, "Content-Type": "application/json" };
  const { traces } = await read("/api/traces", { method: "POST", headers, body });
  for (const span of traces.result.flatMap((t) => t.spans)) {
    span.attributes = JSON.parse(span.attributes);
    span.events = JSON.parse(span.events);
  }
  return traces.result;
}

export const lunary = {
  call: (path, method = "GET", body = undefined) =>
    read(path, {
      method,
      headers: { Authorization: `Bearer ${privateKey}`, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    }),
  run: (id) => lunary.call(`/v1/runs/${encodeURIComponent(id)}`),
  runs: async (query) => (await lunary.call(`/v1/runs?${query}`)).data,
};

export const langtrace = {
  call: (path, method = "GET", body = undefined) =>
    read(path, {
      method,
      headers: { "x-api-key": LANGTRACE_API_KEY, "Content-Type": "application/json" },
      body: body && JSON.stringify(body),
    }),
};

// Exports of Langtrace's SDK end after the span has; wait until this many are there.
export async function langtraceSpans(n) {
  for (let i = 0; i < 200; i++) {
    const spans = (await langtraceTraces()).flatMap((t) => t.spans);
    if (spans.length >= n) return spans;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`there are less than ${n} spans: ${JSON.stringify(await langtraceTraces())}`);
}

// Every key of `want` is there and equal, at every depth; lists in full. `got` may have more keys.
export function contains(got, want, where = "value") {
  if (want && typeof want === "object" && !Array.isArray(want)) {
    assert.ok(got && typeof got === "object", `${where} is ${JSON.stringify(got)}, should be ${JSON.stringify(want)}`);
    for (const [key, value] of Object.entries(want)) contains(got[key], value, `${where}.${key}`);
  } else if (Array.isArray(want)) {
    assert.ok(Array.isArray(got), `${where} is ${JSON.stringify(got)}, should be a list`);
    assert.equal(got.length, want.length, `${where} has ${got.length} items: ${JSON.stringify(got).slice(0, 300)}`);
    want.forEach((value, i) => contains(got[i], value, `${where}[${i}]`));
  } else {
    assert.deepEqual(
      got,
      want,
      `${where} is ${JSON.stringify(got)?.slice(0, 300)}, should be ${JSON.stringify(want)?.slice(0, 300)}`,
    );
  }
}

// Lunary's and LLMonitor's SDKs send in the background; wait until their queue is empty and answered.
export async function sent(monitor) {
  await monitor.flush();
  for (let i = 0; i < 200 && (monitor.queue.length || monitor.queueRunning); i++)
    await new Promise((resolve) => setTimeout(resolve, 20));
  assert.equal(monitor.queue.length, 0, "the SDK's queue did not empty");
}

// Ends an OpenTelemetry SDK when all spans are sent: its shutdown alone does not wait for a processor that sends span by span.
export async function finished(sdk) {
  await trace.getTracerProvider().getDelegate().forceFlush();
  await sdk.shutdown();
}

export async function fails(promise, text) {
  await assert.rejects(Promise.resolve(promise), (error) => error.message.includes(text));
}

// 60 KB of many scripts, emoji with joiners, escapes, controls.
export const bigText = Array.from(
  { length: 500 },
  (_, i) => `${i}: “Größe äöüß”, 日本語のテキスト、汉字、한국어 é 👩‍👩‍👧‍👦 🏷️ \\ " \t <script> {"json":[1,2]} \u2028 𝒳`,
).join("\n");
assert.ok(Buffer.byteLength(bigText) > 60 * 1024);

// The one trace of the project that matches, with its spans.
export async function traceWhere(filters, what = JSON.stringify(filters)) {
  const { traces, pagination } = await langwatch.search({ filters, includeSpans: true });
  assert.equal(pagination.totalHits, 1, `traces where ${what}`);
  return traces[0];
}

// A trace's spans as names below names, in order of start: { answer: { "chat gpt-4o": {}, get_weather: {} } }.
export function tree(got, parent = null) {
  const below = got.spans.filter((s) => (s.parent_id ?? null) === parent);
  return Object.fromEntries(below.map((s) => [s.name, tree(got, s.span_id)]));
}

export const spanOf = (got, name) => one(got.spans, (s) => s.name === name, `span ${name}`);

export const one = (list, test, what) => {
  const found = list.filter(test);
  assert.equal(found.length, 1, `${what}: ${found.length} of ${JSON.stringify(list).slice(0, 400)}`);
  return found[0];
};
