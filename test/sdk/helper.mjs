// What the SDK programs share: where the server is, reading back, and comparing deeply.
import assert from "node:assert/strict";

const { TRACEWELL_URL, LANGWATCH_API_KEY, LUNARY_TEST_PUBLIC_KEY, LUNARY_TEST_PRIVATE_KEY } = process.env;
const { LANGTRACE_API_KEY, TRACEWELL_TEST_PROJECT } = process.env;

export const url = TRACEWELL_URL;
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
  search: (body) =>
    read("/api/traces/search", {
      method: "POST",
      headers: { "X-Auth-Token": LANGWATCH_API_KEY, "Content-Type": "application/json" },
      body: JSON.stringify(body),
    }),
};

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
  // Every span of the project, with its JSON texts parsed.
  spans: async () => {
    const body = { projectId: TRACEWELL_TEST_PROJECT, page: 1, pageSize: 100 };
    const { traces } = await langtrace.call("/api/traces", "POST", body);
    const json = ({ attributes, events, links }) => ({
      attributes: JSON.parse(attributes),
      events: JSON.parse(events),
      links: JSON.parse(links),
    });
    return traces.result.flatMap((trace) => trace.spans.map((span) => ({ ...span, ...json(span) })));
  },
};

// Exports of Langtrace's SDK end after the span has; wait until this many are there.
export async function langtraceSpans(n) {
  for (let i = 0; i < 200; i++) {
    const spans = await langtrace.spans();
    if (spans.length >= n) return spans;
    await new Promise((resolve) => setTimeout(resolve, 25));
  }
  throw new Error(`there are ${(await langtrace.spans()).length} spans, should be ${n}`);
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

export async function fails(promise, text) {
  await assert.rejects(Promise.resolve(promise), (error) => error.message.includes(text));
}

// 60 KB of many scripts, emoji with joiners, escapes, controls.
export const bigText = Array.from(
  { length: 500 },
  (_, i) => `${i}: “Größe äöüß”, 日本語のテキスト、汉字、한국어 é 👩‍👩‍👧‍👦 🏷️ \\ " \t <script> {"json":[1,2]} \u2028 𝒳`,
).join("\n");
assert.ok(Buffer.byteLength(bigText) > 60 * 1024);

export const one = (list, test, what) => {
  const found = list.filter(test);
  assert.equal(found.length, 1, `${what}: ${found.length} of ${JSON.stringify(list).slice(0, 400)}`);
  return found[0];
};
