"""The calls LangWatch's clients make, with one project's key."""
from lib.check import status
from lib.http import quote


class LangWatch:
    def __init__(self, client, key):
        self.client, self.key = client, key

    def headers(self):
        return {"X-Auth-Token": self.key}

    def call(self, method, path, body=None, **more):
        return self.client.request(method, path, body, {**self.headers(), **more.pop("headers", {})}, **more)

    def collect(self, body, expect=200):
        return status(self.call("POST", "/api/collector", body), expect)

    def trace(self, id, expect=200):
        """The trace as GET /api/trace/{id} shows it."""
        reply = status(self.call("GET", f"/api/trace/{quote(id)}"), expect)
        return reply.json if expect == 200 else reply

    def search(self, expect=200, path="/api/traces/search", **body):
        reply = status(self.call("POST", path, body), expect)
        return reply.json if expect == 200 else reply

    def legacy_search(self, expect=200, **body):
        return self.search(expect, "/api/trace/search", **body)

    def ids(self, **body):
        """Ids of all traces that match, over all pages."""
        return [t["trace_id"] for t in self.walk(**body)]

    def walk(self, **body):
        found, scroll = [], None
        while True:
            page = self.search(**body, **({"scrollId": scroll} if scroll else {}))
            found += page["traces"]
            scroll = page["pagination"].get("scrollId")
            if not scroll:
                return found

    def total(self, **body):
        return self.search(pageSize=1, **body)["pagination"]["totalHits"]

    def thread(self, id):
        return status(self.call("GET", f"/api/thread/{quote(id)}"), 200).json["traces"]

    def track(self, body, expect=200, path="/api/track_event"):
        return status(self.call("POST", path, body), expect)

    def patch(self, id, metadata, expect=200):
        return status(self.call("PATCH", f"/api/traces/{quote(id)}/metadata", {"metadata": metadata}), expect)

    def share(self, id):
        return status(self.call("POST", f"/api/trace/{quote(id)}/share"), 200).json

    def unshare(self, id):
        return status(self.call("POST", f"/api/trace/{quote(id)}/unshare"), 200).json


def span(id, start, end=None, type="span", **more):
    """A span of the collector, times in ms."""
    times = {"started_at": start, "finished_at": start + 10 if end is None else end}
    if "first_token_at" in more:
        times["first_token_at"] = more.pop("first_token_at")
    return {"span_id": id, "type": type, "timestamps": times, **more}


def text(value):
    return {"type": "text", "value": value}


def by_id(trace):
    """The spans of a trace by their id; one id twice is an error of the caller's."""
    spans = {s["span_id"]: s for s in trace["spans"]}
    assert len(spans) == len(trace["spans"]), f"a span id is there twice in {trace['trace_id']}"
    return spans
