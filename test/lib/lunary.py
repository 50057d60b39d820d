"""The calls LLMonitor's and Lunary's clients make, with one project's two keys."""
import hashlib
import re

from lib.check import status
from lib.http import query, quote


class Lunary:
    def __init__(self, client, public, private):
        self.client, self.public, self.private = client, public, private

    def call(self, method, path, body=None, key=None, headers=None, **more):
        return self.client.request(method, path, body,
                                   {"Authorization": f"Bearer {key or self.private}", **(headers or {})}, **more)

    def report(self, events, expect=200):
        """POST /api/report, LLMonitor's way: no key, the app id in each event."""
        if isinstance(events, list):
            events = [self.own(e) for e in events]
        elif isinstance(events, dict):
            events = self.own(events)
        reply = status(self.client.post("/api/report", {"events": events}), expect)
        return reply.json["results"] if expect == 200 else reply

    def own(self, event):
        return {"app": self.public, **event} if isinstance(event, dict) else event

    def ingest(self, events, expect=200, key=None):
        """POST /v1/runs/ingest, Lunary's way."""
        reply = status(self.call("POST", "/v1/runs/ingest", {"events": events}, key or self.public), expect)
        return reply.json["results"] if expect == 200 else reply

    def run(self, id, expect=200):
        reply = status(self.call("GET", f"/v1/runs/{quote(id)}"), expect)
        return reply.json if expect == 200 else reply

    def page(self, **filters):
        return status(self.call("GET", "/v1/runs?" + query(**filters)), 200).json

    def runs(self, **filters):
        """All runs that match, over all pages."""
        found, page = [], 0
        filters.setdefault("limit", 100)
        while True:
            got = self.page(page=page, **filters)
            found += got["data"]
            if len(got["data"]) < filters["limit"]:
                return found
            page += 1

    def count(self, **filters):
        return status(self.call("GET", "/v1/runs/count?" + query(**filters)), 200).json

    def related(self, id):
        return status(self.call("GET", f"/v1/runs/{quote(id)}/related"), 200).json

    def feedback(self, id, key=None):
        return status(self.call("GET", f"/v1/runs/{quote(id)}/feedback", key=key or self.public), 200).json

    def score(self, id, label, value, expect=200, **more):
        return status(self.call("PATCH", f"/v1/runs/{quote(id)}/score", {"label": label, "value": value, **more}),
                      expect)

    def users(self, **filters):
        return status(self.call("GET", "/v1/external-users?" + query(**filters)), 200).json

    def template(self, slug, content, mode="text", extra=None, draft=False):
        body = {"slug": slug, "mode": mode, "content": content, "extra": extra or {}, "isDraft": draft}
        return status(self.call("POST", "/v1/templates", body), 200, 201).json

    def latest(self, slug, key=None, expect=200):
        reply = status(self.call("GET", "/v1/template_versions/latest?" + query(slug=slug), key=key or self.public),
                       expect)
        return reply.json if expect == 200 else reply


UUID = re.compile(r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}")


def run_id(id):
    """What llmonitor.md 3.4 makes of a run id: a UUID stays, any other text is hashed into one."""
    if UUID.fullmatch(id):
        return id
    h = hashlib.sha256(id.encode()).hexdigest()
    return f"{h[0:8]}-{h[8:12]}-4{h[13:16]}-a{h[17:20]}-{h[20:32]}"


def camel(value):
    """llmonitor.md 3.3: every object key at every depth in camelCase."""
    if isinstance(value, dict):
        return {re.sub(r"[_-]([A-Za-z])", lambda m: m.group(1).upper(), k): camel(v) for k, v in value.items()}
    if isinstance(value, list):
        return [camel(v) for v in value]
    return value


def start(id, at, type="llm", **more):
    return {"type": type, "event": "start", "runId": id, "timestamp": at, **more}


def end(id, at, type="llm", **more):
    return {"type": type, "event": "end", "runId": id, "timestamp": at, **more}
