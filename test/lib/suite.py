"""Tests as data: a name, a function, and what came of running it."""
import time
import traceback


class Failure(AssertionError):
    """A promise that does not hold. The text says which, where, and what came instead."""


class Skip(Exception):
    """The test cannot or must not run here; the text says why."""


class Tests:
    """Collects the tests of one module:

        tests = Tests("accept/langwatch")

        @tests("01-curl-body")
        def curl_body(p): ...
    """
    def __init__(self, prefix):
        self.prefix = prefix
        self.all = []

    def __call__(self, name):
        def add(function):
            self.add(name, function)
            return function

        return add

    def add(self, name, function):
        name = f"{self.prefix}-{name}" if self.prefix and not self.prefix.endswith("/") else f"{self.prefix}{name}"
        assert " " not in name, name
        self.all.append((name, function))

    def __iter__(self):
        return iter(self.all)


class ProjectTests(Tests):
    """Tests whose function gets an empty project instead of the environment."""
    def add(self, name, function):
        super().add(name, lambda environment: function(environment.project()))


class Results:
    """Writes `PASS name`, `FAIL name reason`, `SKIP name reason`, one line each, as tools/test-summary.py reads them."""
    def __init__(self, path, only=""):
        self.file = open(path, "w", encoding="utf-8")
        self.only = only
        self.counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
        self.slowest = []

    def note(self, state, name, reason=""):
        self.counts[state] += 1
        reason = " ".join(reason.split())
        if len(reason) > 600:
            reason = reason[:600] + " ..."
        self.file.write(f"{state} {name} {reason}".rstrip() + "\n")
        self.file.flush()
        if state == "FAIL":
            print(f"FAIL {name}: {reason}", flush=True)

    def wanted(self, name):
        return self.only in name

    def run(self, name, function, *arguments):
        """Runs one test and notes how it ended."""
        if not self.wanted(name):
            return
        began = time.monotonic()
        try:
            function(*arguments)
            self.note("PASS", name)
        except Skip as e:
            self.note("SKIP", name, str(e))
        except Failure as e:
            self.note("FAIL", name, str(e))
        except Exception as e:  # the test itself, or the server, broke
            at = traceback.extract_tb(e.__traceback__)
            ours = [f for f in at if "/test/" in f.filename] or at
            self.note("FAIL", name,
                      f"{type(e).__name__}: {e} ({ours[-1].filename.rsplit('/', 1)[-1]}:{ours[-1].lineno})")
        self.slowest.append((time.monotonic() - began, name))

    def close(self):
        self.file.close()
