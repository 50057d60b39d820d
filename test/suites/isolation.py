"""Two projects with the same ids never see or touch each other's rows: every route of every routes.def with a key.

Project A is filled with one of everything; each route is called as B with each of A's ids and plausible bodies. Afterwards A must
read exactly as before, and none of B's answers may hold A's secret texts.
"""
import os
import re

from lib.check import equal, status, true
from lib.http import quote
from lib.suite import Failure, Skip
from suites.isolation_seed import MARK, Seed, bodies

ROUTE = re.compile(r'^ROUTE\(\s*([A-Z]+)\s*,\s*"([^"]+)"\s*,\s*(\w+)\s*,\s*(\w+)\s*,\s*(\w+)\s*,(.*)\)\s*$')


def routes(environment):
    """(dialect, method, pattern, access) of every row; a dialect that is not built answers for itself."""
    root = os.path.join(environment.root, "src", "dialect")
    for dialect in sorted(os.listdir(root)):
        table = os.path.join(root, dialect, "routes.def")
        if not os.path.exists(table):
            continue
        with open(table, encoding="utf-8") as f:
            rows = [line.strip() for line in f if line.startswith("ROUTE(")]
        for row in rows:
            match = ROUTE.match(row)
            if not match:
                raise Failure(f"{dialect}/routes.def has a row that this test cannot read: {row}")
            yield dialect, match.group(1), match.group(2), match.group(5)


class Pair:
    """A, its seed, and B, made at the first use."""
    def __init__(self):
        self.a = self.b = self.seed = self.before = None

    def ready(self, environment):
        if self.a is None:
            self.a, self.b = environment.project(), environment.project()
            self.seed = Seed(self.a)
            self.before = self.seed.snapshot()
        return self


def key_headers(project, dialect):
    """What a client of that dialect sends with its project's key."""
    if dialect == "langwatch":
        return {"X-Auth-Token": project.langwatch_key}
    if dialect in ("langtrace", ):
        return {"X-API-Key": project.keys["tracewell"]}
    return {"Authorization": f"Bearer {project.private if dialect == 'llmonitor' else project.keys['tracewell']}"}


def paths(pattern, ids):
    """The pattern with each of A's ids in its parameters."""
    names = re.findall(r"\{[^}]+\}", pattern)
    if not names:
        return [pattern]
    found = []
    for id in ids:
        path = pattern
        for name in names:
            path = path.replace(name, quote(str(id)))
        found.append(path)
    return found


def foreign(pair, dialect, method, pattern):
    """Calls the route as B in every way, then looks at A."""
    answers = 0
    for path in paths(pattern, pair.seed.ids):
        for body in bodies(pair, method, pattern):
            query = "?" + pair.seed.query if method == "GET" else ""
            reply = pair.b.client.request(method, path + query, body, key_headers(pair.b, dialect))
            true(reply.status < 500 or reply.status == 501,
                 f"{method} {path} answered {reply.status}: {reply.text[:200]}")
            for mark in (MARK, pair.a.private, pair.a.langwatch_key):
                true(mark not in reply.text, f"B's {method} {path} shows A's text: {reply.text[:300]}")
            answers += 1
    equal(pair.seed.snapshot(), pair.before, f"A's rows after B's {answers} calls of {method} {pattern}")


def keyless(pair, dialect, method, pattern):
    """Without a key, with an unknown key, and with B's revoked-looking one: refused, and A unchanged."""
    path = paths(pattern, pair.seed.ids)[0]
    body = bodies(pair, method, pattern)[0]
    for headers in ({}, {"Authorization": "Bearer 44444444-4444-4444-8444-444444444444"}, {
            "X-Auth-Token": "sk-lw-unknown"
    }, {"X-API-Key": "f" * 64}, {"Authorization": "Basic eDp5"}):
        reply = pair.a.client.request(method, path, body, headers)
        status(reply, 401, 402)
        true(MARK not in reply.text, f"{method} {path} without a key shows A's text")


def foreign_team(pair, method, pattern):
    """A route that a team's key opens: another project's own key and another team's key do not make or mint anything for A."""
    for key in ("f" * 64, pair.b.keys["langtrace"], pair.b.private):
        for query in (f"?project_id={pair.a.id}", "?team_id=scratch"):
            reply = pair.b.client.request(method, pattern + query, {"teamId": "acme", "name": "stolen"},
                                          {"X-API-Key": key})
            status(reply, 401)
            true("apiKey" not in reply.text, f"{method} {pattern} mints a key for A: {reply.text[:200]}")
    equal(pair.seed.snapshot(), pair.before, f"A's rows after {method} {pattern}")


def body_access(pair, method, pattern):
    """Routes that find their credential in body, query or path: A's data needs A's."""
    for path in paths(pattern, [pair.b.public]):
        for body in bodies(pair, method, pattern):
            for query in ("", f"?app_id={pair.b.public}&slug={pair.seed.slug}",
                          f"?app_id=nonsense&slug={pair.seed.slug}",
                          f"?app_id={pair.b.public}&api_key={pair.b.private}"):
                reply = pair.b.client.request(method, path + query, body)
                true(reply.status < 500, f"{method} {path}{query} answered {reply.status}")
                true(MARK not in reply.text, f"{method} {path}{query} shows A's text: {reply.text[:300]}")
    equal(pair.seed.snapshot(), pair.before, f"A's rows after {method} {pattern}")


def public_half(pair, method, pattern):
    """The public half of Lunary's key does not open a private route."""
    path = paths(pattern, pair.seed.ids)[0]
    reply = pair.a.client.request(method, path,
                                  bodies(pair, method, pattern)[0], {"Authorization": f"Bearer {pair.a.public}"})
    equal(
        status(reply, 401).json["message"], "This route requires a private API key",
        f"{method} {path} with the public key")


def open_route(pair, method, pattern):
    """Routes without a key: whatever the id, nothing of A unless A made it public."""
    for path in paths(pattern, pair.seed.ids):
        for body in bodies(pair, method, pattern):
            reply = pair.b.client.request(method, path, body)
            true(MARK not in reply.text, f"{method} {path} without a key shows A's text: {reply.text[:300]}")
    equal(pair.seed.snapshot(), pair.before, f"A's rows after {method} {pattern}")


def same_ids(environment, pair):
    """A third project sends A's own ids with other contents: both keep theirs. (B has some of them already, from calls that were its own.)"""
    Seed(environment.project(), "other")
    equal(pair.seed.snapshot(), pair.before, "A's rows after another stored everything under the same ids")


def tests(environment):
    pair = Pair()
    found = list(routes(environment))
    if not found:
        yield "isolation/routes", lambda environment: (_ for _ in ()).throw(Skip("src/dialect has no routes.def yet"))
    for dialect, method, pattern, access in found:
        name = f"isolation/{dialect}-{method}-{re.sub(r'[^A-Za-z0-9_{}-]+', '.', pattern).strip('.') or 'root'}"
        if access in ("PRIVATE", "PUBLIC", "TEAM"):
            yield name, lambda e, d=dialect, m=method, p=pattern: foreign(pair.ready(e), d, m, p)
            yield f"{name}-without-key", lambda e, d=dialect, m=method, p=pattern: keyless(pair.ready(e), d, m, p)
        elif access == "BODY":
            yield name, lambda e, m=method, p=pattern: body_access(pair.ready(e), m, p)
        else:
            yield name, lambda e, m=method, p=pattern: open_route(pair.ready(e), m, p)
        if access == "TEAM":
            yield f"{name}-of-another", lambda e, m=method, p=pattern: foreign_team(pair.ready(e), m, p)
        if access == "PRIVATE" and dialect == "llmonitor":
            yield f"{name}-with-public-key", lambda e, m=method, p=pattern: public_half(pair.ready(e), m, p)
    yield "isolation/same-ids-in-both", lambda e: same_ids(e, pair.ready(e))
