"""Runs *.flow files: stories of requests and replies against the real server. The format is described in test/README.md.

    # A comment.
    >>> POST /api/collector                key=langwatch   body=one_span.json
    <<< 200                                message="Trace received successfully."
    +++ ingest_events_accepted +1
    *** kill

A body is a file of flow/bodies/, JSON behind body=, or JSON on the indented lines below. `$app`, `$project` and names taken
from replies (path=>name) are replaced in paths and bodies.
"""
import json
import os
import re

from lib.check import show
from lib.suite import Failure

CARRIERS = {"langwatch": lambda key: {"X-Auth-Token": key}, "none": lambda key: {}}
ABSENT = object()


class Step:
    def __init__(self, line, mark, text):
        self.line, self.mark, self.text, self.more = line, mark, text, []


def parse(path):
    """Steps of a flow file: [>>> ...] [<<< ...] [+++ ...] [*** ...]. Indented lines belong to the step above."""
    steps = []
    with open(path, encoding="utf-8") as f:
        for number, raw in enumerate(f, 1):
            line = raw.rstrip("\n")
            if not line.strip() or line.startswith("#"):
                continue
            mark = line[:3]
            if mark in (">>>", "<<<", "+++", "***"):
                steps.append(Step(number, mark, line[3:].strip()))
            elif line[0].isspace() and steps:
                steps[-1].more.append(line.strip())
            else:
                raise Failure(
                    f"{os.path.basename(path)}:{number}: a line starts with >>>, <<<, +++, *** or #, or is indented")
    return steps


class Flow:
    def __init__(self, environment, path):
        self.environment, self.path = environment, path
        self.server = environment.shared()
        self.project, self.other = environment.project(), environment.other()
        self.names = {
            "app": self.project.public, "project": self.project.id, "private": self.project.private,
            "other_app": self.other.public
        }
        self.reply, self.sent = None, None
        self.before = self.metrics()

    def run(self):
        for step in parse(self.path):
            try:
                {">>>": self.request, "<<<": self.expect, "+++": self.count, "***": self.act}[step.mark](step)
            except Failure as e:
                raise Failure(f"{os.path.basename(self.path)}:{step.line}: {e}") from e

    # ---- >>> ----

    def request(self, step):
        words = split(self.replaced(step.text))
        method, path, options = words[0], words[1], dict(w.split("=", 1) for w in words[2:])
        headers = self.key(options.pop("key", "langwatch"))
        body = self.body(options.pop("body", None), step)
        self.before = self.metrics()
        self.sent = f"{method} {path}"
        self.reply = self.environment.client.request(method, path, body, {**headers, **options})

    def key(self, name):
        owner = self.project
        if name.startswith("other."):
            owner, name = self.other, name[len("other."):]
        carrier = CARRIERS.get(name, lambda key: {"Authorization": f"Bearer {key}"})
        return carrier(owner.keys.get(name) if name != "none" else None)

    def body(self, given, step):
        text = " ".join(step.more)
        if given and not given.startswith(("{", "[")):
            with open(os.path.join(os.path.dirname(self.path), "bodies", given), encoding="utf-8") as f:
                text = f.read()
        elif given:
            text = given
        text = self.replaced(text)
        if not text:
            return None
        try:
            return json.loads(text)
        except ValueError as e:
            raise Failure(f"the body in the flow is no JSON: {e}") from e

    def replaced(self, text):
        return re.sub(r"\$([a-z_]\w*)", lambda m: str(self.names.get(m.group(1), m.group(0))), text)

    # ---- <<< ----

    def expect(self, step):
        words = split(self.replaced(" ".join([step.text, *step.more])))
        if str(self.reply.status) != words[0]:
            raise Failure(f"{self.sent} answered {self.reply.status}, should be {words[0]}: {self.reply.text[:300]}")
        answer = self.reply.json if len(words) > 1 else None
        for word in words[1:]:
            self.judge(answer, word)

    def judge(self, answer, word):
        """path=value, path~=text (contains), path#=count, path=>name (take), path=* (there), path=- (not there)."""
        path, operator, wanted = re.match(r"(.*?)(=>|~=|#=|=)(.*)$", word, re.S).groups()
        got = look(answer, path)
        if operator == "=>":
            self.names[wanted] = got
        elif operator == "~=":
            self.fail_unless(isinstance(got, str) and value_of(wanted) in got, path, got, f"to contain {wanted}")
        elif operator == "#=":
            self.fail_unless(isinstance(got, (list, dict)) and len(got) == int(wanted), path, got, f"{wanted} items")
        elif wanted == "*":
            self.fail_unless(got is not ABSENT and got is not None, path, got, "anything")
        elif wanted == "-":
            self.fail_unless(got is ABSENT or got is None, path, got, "nothing")
        else:
            self.fail_unless(got == value_of(wanted) and type(got) is type(value_of(wanted)), path, got,
                             value_of(wanted))

    def fail_unless(self, fine, path, got, wanted):
        if not fine:
            raise Failure(
                f"{self.sent}: {path} is {'not there' if got is ABSENT else show(got)}, should be {show(wanted)}")

    # ---- +++ and *** ----

    def count(self, step):
        """Metric deltas of the last request; or absolute with a bare number."""
        now = self.metrics()
        words = step.text.split()
        for name, wanted in zip(words[0::2], words[1::2]):
            got = now.get(name, 0) - (self.before.get(name, 0) if wanted[0] in "+-" else 0)
            if got != float(wanted):
                raise Failure(f"metric {name} moved by {got:g}, should be {wanted}")

    def metrics(self):
        """Prometheus text, under the names that the metrics.def files have: tracewell_ingest_events_total -> ingest_events."""
        found = {}
        for line in self.environment.client.get("/metrics").text.splitlines():
            match = re.match(r"(?:tracewell_)?(\w+?)(?:_total)?(?:\{[^}]*\})? ([-+0-9.eE]+)$", line)
            if match:
                found[match.group(1)] = found.get(match.group(1), 0) + float(match.group(2))
        return found

    def act(self, step):
        """*** kill (-9) or *** stop (SIGTERM), then a start on the same folder."""
        if step.text not in ("kill", "stop"):
            raise Failure(f"*** {step.text}: only kill and stop are known")
        self.server.restart(kill=step.text == "kill")
        self.environment.client.base = self.server.base


def split(text):
    """Words, where quotes and JSON brackets hold theirs together."""
    words, depth, quoted, word = [], 0, False, ""
    for i, c in enumerate(text):
        if c == '"' and (i == 0 or text[i - 1] != "\\"):
            quoted = not quoted
        depth += 0 if quoted else (c in "{[") - (c in "}]")
        if c.isspace() and not quoted and depth == 0:
            words += [word] if word else []
            word = ""
        else:
            word += c
    return words + ([word] if word else [])


def value_of(text):
    try:
        return json.loads(text)
    except ValueError:
        return text


def look(value, path):
    """traces[0].metadata.user_id; `.` alone is the whole answer; keys with dots in quotes."""
    for piece in re.findall(r'"[^"]+"|[^.\[\]"]+|\[-?\d+\]', path):
        if piece[0] == "[":
            index = int(piece[1:-1])
            if not isinstance(value, list) or not -len(value) <= index < len(value):
                return ABSENT
            value = value[index]
        elif isinstance(value, dict) and piece.strip('"') in value:
            value = value[piece.strip('"')]
        else:
            return ABSENT
    return value
