"""Random load of both dialects, and the check that what was acknowledged is there, once, whole, through both.

A worker sends one request at a time about ids of its own, so after a crash at most one request of each worker is in doubt:
then either none or all of it must be there.
"""
import copy
import http.client
import random
import threading

from lib import model_langwatch as lwm
from lib import model_llmonitor as llm
from lib.check import first_difference, show
from lib.http import Client
from lib.langwatch import by_id, span, text
from lib.lunary import end, start
from lib.suite import Failure

T = 1_790_000_000_000
WORDS = "rain Bergen größe 日本語 🤖 model answer question tool agent weather kaputt".split()


class Sent:
    """One request: which way it went, its body, and what came back."""
    def __init__(self, way, body):
        self.way, self.body, self.acknowledged, self.at = way, body, False, None


class Worker(threading.Thread):
    def __init__(self, base, project_of, number, seed, retry=False, on_ack=None, payload=400):
        super().__init__(daemon=True)
        self.p, self.number, self.retry, self.on_ack, self.payload = project_of(Client(
            base, timeout=20)), number, retry, on_ack, payload
        self.random = random.Random(f"{seed}-{number}")
        self.stopping = threading.Event()
        self.log, self.traces, self.open_runs = [], [], []
        self.odd, self.refused = None, 0
        self.count = 0

    # ---- what is sent ----

    def run(self):
        while not self.stopping.is_set() and self.odd is None:
            for sent in self.next_requests():
                if not self.send(sent):
                    return

    def next_requests(self):
        r = self.random.random()
        if r < 0.30 or not self.log:
            return [self.new_trace()]
        if r < 0.45 and self.traces:
            return [self.longer_trace()]
        if r < 0.60:
            return [Sent(*self.again())]
        if r < 0.80:
            return [self.run_tree()]
        return [self.half_run()]

    def name(self):
        self.count += 1
        return f"w{self.number}-{self.count}"

    def words(self):
        n = self.random.choice([1, 5, 20, self.payload])
        if n > 1000:  # what does not compress fills a disk faster
            return self.random.randbytes(n * 2).hex()
        return " ".join(self.random.choice(WORDS) for _ in range(n))

    def time(self):
        return T + self.count * 100 + self.random.randrange(50)

    def new_trace(self):
        id, at = self.name(), self.time()
        spans = [span(f"{id}-root", at, at + 50, type="agent", name=f"agent {id}", input=text(self.words()))]
        for i in range(self.random.randrange(3)):
            spans.append(
                span(f"{id}-{i}", at + i + 1, at + i + 20, type="llm", parent_id=f"{id}-root", name=f"call {i}",
                     model="m", output={"type": "json", "value": {"answer": self.words(), "n": i}},
                     metrics={"prompt_tokens": i + 1, "completion_tokens": 2}))
        body = {
            "trace_id": id, "spans": spans, "metadata": {"user_id": f"u{self.number}", "labels": [id]},
            "evaluations": [{"evaluation_id": f"{id}-e", "name": "quality", "score": self.count / 7}]
        }
        self.traces.append(body)
        return Sent("collect", body)

    def longer_trace(self):
        body = copy.deepcopy(self.random.choice(self.traces[-5:]))
        at = body["spans"][0]["timestamps"]["finished_at"] + 1 + self.count
        body["spans"][0]["timestamps"]["finished_at"] = at
        body["spans"][0]["output"] = text(self.words())
        body["spans"].append(
            span(f"{body['trace_id']}-late-{self.name()}", at - 1, at, type="tool",
                 parent_id=body["spans"][0]["span_id"], name="late"))
        body["metadata"]["labels"] = body["metadata"]["labels"][:1] + [f"again-{self.count}"]
        self.traces[[t["trace_id"] for t in self.traces].index(body["trace_id"])] = body
        return Sent("collect", body)

    def again(self):
        old = self.random.choice(self.log[-20:])
        return old.way, old.body

    def run_tree(self):
        id, at = self.name(), self.time()
        return Sent("report", [
            start(id, at, "agent", name=f"agent {id}", input=self.words(), userId=f"u{self.number}", tags=[id]),
            start(f"{id}-llm", at + 1, name="m", parentRunId=id, input=[{"role": "user", "text": self.words()}]),
            end(f"{id}-llm", at + 20, output={"role": "ai", "text": self.words()},
                tokensUsage={"prompt": 3, "completion": 4}),
            end(id, at + 30, "agent", output=self.words())
        ])

    def half_run(self):
        """A start now and its end in a later request, sometimes the end first."""
        if self.open_runs and self.random.random() < 0.7:
            return Sent("report", [self.open_runs.pop()])
        id, at = self.name(), self.time()
        halves = [
            start(id, at, name="m", input=self.words(), tags=[id]),
            end(id, at + 40, output=self.words(), tokensUsage={"prompt": 5, "completion": 6})
        ]
        if self.random.random() < 0.3:
            halves.reverse()
        self.open_runs.insert(0, halves[1])
        return Sent("report", [halves[0]])

    # ---- sending ----

    def send(self, sent):
        """False: stop. A request that was refused with 503 is tried again when this worker retries."""
        self.log.append(sent)
        while True:
            try:
                reply = self.post(sent)
            except (OSError, http.client.HTTPException, Failure):
                if self.retry and not self.stopping.wait(0.05):
                    continue
                return False  # the server is gone
            if reply.status == 200:
                sent.acknowledged = True
                if self.on_ack:
                    self.on_ack(sent)
                return True
            if reply.status != 503:
                self.odd = f"{reply.what} answered {reply.status}: {reply.text[:300]}"
                return False
            self.refused += 1
            if not self.retry or self.stopping.wait(0.02):
                return False

    def post(self, sent):
        if sent.way == "collect":
            return self.p.client.post("/api/collector", sent.body, self.p.lw.headers())
        return self.p.client.post("/api/report", {"events": [self.p.lunary.own(e) for e in sent.body]})

    def view(self, until=None):
        """(acknowledged requests, the one in doubt or None); `until`: only acknowledgements at most there (Sent.at)."""
        fine = [s for s in self.log if s.acknowledged and (until is None or s.at <= until)]
        rest = [s for s in self.log if s not in fine]
        return fine, rest[0] if rest else None


# ---- checking ----


class Expected:
    """Traces with spans, as LangWatch's search must show them, of some requests."""
    def __init__(self, requests):
        bodies = {}
        for sent in requests:
            if sent.way == "collect":
                bodies.setdefault(sent.body["trace_id"], []).append(sent.body)
        self.traces = {}
        for id, list_ in bodies.items():
            trace = lwm.fold(list_)
            want = lwm.expected(trace)
            labels = set(trace.labels)
            want["metadata"]["labels"] = lambda v, labels=labels: set(v) == labels and len(v) == len(labels)
            want.pop("indexing_md5s")
            want["evaluations"] = lambda v, trace=trace: sorted(e["evaluation_id"]
                                                                for e in v) == sorted(trace.evaluations)
            self.traces[id] = (want, [lwm.expected_span(s) for s in trace.spans.values()])
        self.model = llm.fold([s.body for s in requests if s.way == "report"])
        for run in self.model.runs.values():
            wanted = self.traces.setdefault(llm.trace_of(self.model, run), ({}, []))
            span_ = llm.as_span(self.model, run)
            want = lwm.expected_span(span_)
            if run.started is None:
                want.pop("timestamps")
            wanted[1].append(want)

    def difference(self, shown):
        """What is wrong with the traces shown (id -> trace) as far as these requests say, or None."""
        for id, (want, spans) in self.traces.items():
            got = shown.get(id)
            if got is None:
                return f"the trace {id} is lost"
            found = first_difference(got, want, whole=False)
            if found:
                return f"{id}{found[0]} is {show(found[1])}, should be {show(found[2])}"
            have = by_id(got)
            if sorted(have) != sorted(s["span_id"] for s in spans):
                return f"{id} has the spans {sorted(have)}, should have {sorted(s['span_id'] for s in spans)}"
            for span_ in spans:
                found = first_difference(have[span_["span_id"]], span_, whole=False)
                if found:
                    return f"span {span_['span_id']}{found[0]} is {show(found[1])}, should be {show(found[2])}"
        return None


def verify(project, views, sample=25, rng=random):
    """Every acknowledged request is there, exactly once, whole; a request in doubt is there whole or not at all.

    `views`: what Worker.view() gave, one a worker. Gives the number of acknowledged requests.
    """
    traces = project.lw.walk(includeSpans=True, pageSize=500)
    shown = {t["trace_id"]: t for t in traces}
    if len(shown) != len(traces):
        raise Failure(f"{len(traces) - len(shown)} traces are listed twice")
    total = project.lw.total()
    if total != len(shown):
        raise Failure(f"totalHits is {total}, the pages hold {len(shown)}")
    wanted, models = set(), []
    shown.update(startless(project, views, shown))
    for fine, doubt in views:
        without = Expected(fine)
        fault, right = without.difference(shown), without
        if doubt is not None and (fault or extra(shown, without, fine, doubt)):
            with_it = Expected(fine + [doubt])
            again = with_it.difference(shown)
            if again is None:
                fault, right = None, with_it
            elif fault is None and set(with_it.traces) & set(shown) != set(without.traces) & set(shown):
                fault = f"a request in doubt is there in part: {again}"
        if fault:
            raise Failure(fault)
        wanted |= set(right.traces)
        models.append(right.model)
    if set(shown) - wanted:
        raise Failure(f"there are traces that nobody sent: {sorted(set(shown) - wanted)[:3]}")
    check_runs(project, models, shown, sample, rng)
    return sum(len(fine) for fine, _ in views)


def startless(project, views, shown):
    """Traces of runs whose start did not come yet, read by id: where a list sorts them is not this test's matter."""
    found = {}
    for fine, doubt in views:
        model = llm.fold([s.body for s in fine + ([doubt] if doubt else []) if s.way == "report"])
        for id in {llm.trace_of(model, r) for r in model.runs.values() if r.started is None or doubt} - set(shown):
            reply = project.lw.call("GET", f"/api/trace/{id}")
            if reply.status == 200:
                found[id] = reply.json
    return found


def extra(shown, without, fine, doubt):
    """Traces of the request in doubt that the acknowledged ones do not have are there."""
    with_it = Expected(fine + [doubt])
    return any(id in shown for id in with_it.traces if id not in without.traces)


def check_runs(project, models, shown, sample, rng):
    """The same through Lunary: each run once in the lists, a sample read whole."""
    runs = {r.id: (model, r) for model in models for r in model.runs.values()}
    for type in ("llm", "agent"):
        rows = [r["id"] for r in project.lunary.runs(type=type)]
        spans = [s["span_id"] for t in shown.values() for s in t["spans"] if s["type"] == type]
        if sorted(rows) != sorted(spans):
            odd = sorted(set(rows) ^ set(spans))[:3]
            raise Failure(f"GET /v1/runs?type={type} shows {len(rows)} runs, LangWatch {len(spans)} such spans: {odd}")
    for id in rng.sample(sorted(runs), min(sample, len(runs))):
        model, run = runs[id]
        want = llm.expected_run(model, run)
        duration = want.pop("duration", None)
        want.pop("tokens", None) if run.type != "llm" else None
        got = project.lunary.run(id)
        found = first_difference(got, want, whole=False)
        if found:
            raise Failure(f"run {id}{found[0]} is {show(found[1])}, should be {show(found[2])}")
        if duration is not None and abs(got["duration"] - duration) > 0.002:
            raise Failure(f"run {id}.duration is {got['duration']}, should be {duration}")
