"""Programs around real SDKs: each writes, reads back and compares by itself, in a project of its own; a few run at a time."""
import concurrent.futures
import os
import re
import socket
import subprocess

from lib.suite import Failure, Skip

AT_A_TIME = 2
SECONDS = 120
# What the machine's own environment says about any of these products or about proxies must not reach a program.
FOREIGN = ("LANGWATCH_", "LUNARY_", "LLMONITOR_", "LANGTRACE_", "TRACELOOP_", "PHOENIX_", "OTEL_", "OPENAI_", "LANGFUSE_",
           "PYTHON")


def free_port():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        return s.getsockname()[1]


def clean_environment():
    return {
        k: v
        for k, v in os.environ.items()
        if not k.startswith(FOREIGN) and not k.lower().endswith("_proxy") and k != "VIRTUAL_ENV"
    }


def programs_in(folder, suffix, helpers, comment):
    """(test's name, file, argument). A program that says `// With: http, proto` in a comment is one test for each of these words."""
    for file in sorted(os.listdir(folder)):
        if not file.endswith(suffix) or file in helpers:
            continue
        name = file[:-len(suffix)]
        with open(os.path.join(folder, file), encoding="utf-8") as f:
            words = re.search(rf"^{comment} With: (.+)$", f.read(), re.M)
        if not words:
            yield name, file, None
        for word in words[1].split(", ") if words else []:
            yield f"{name}-{word}", file, word


class Programs:
    """All programs of a suite. `command` gives what to run for a file; `need` raises when none can run.

    The first test that asks starts all that are wanted, AT_A_TIME at once; every test then waits for its own.
    """
    def __init__(self, environment, prefix, folder, programs, command, need):
        self.environment, self.folder = environment, folder
        self.programs = [(f"{prefix}/{name}", file, word) for name, file, word in programs]
        self.command, self.need = command, need
        if not environment.options:
            environment.options = ("--otlp-http", f"127.0.0.1:{free_port()}", "--otlp-grpc", f"127.0.0.1:{free_port()}")
        self.problem = None
        self.running = None

    def tests(self):
        for name, _, _ in self.programs:
            yield name, lambda e, name=name: self.result(name)

    def result(self, name):
        if self.running is None:
            self.running = self.start()
        if self.problem:
            raise self.problem
        self.running[name].result()

    def start(self):
        try:
            self.need()
            self.environment.shared()
        except (Failure, Skip) as e:
            self.problem = e
            return {}
        pool = concurrent.futures.ThreadPoolExecutor(AT_A_TIME)
        self.environment.at_close.append(lambda: pool.shutdown(cancel_futures=True))
        return {
            name: pool.submit(self.run, file, word, self.variables())
            for name, file, word in self.programs
            if self.environment.wanted(name)
        }

    def variables(self):
        """What a program is told: where the server is, and the keys of an empty project."""
        p, base = self.environment.project(), self.environment.server.base
        _, otlp, _, grpc = self.environment.options
        return {
            **clean_environment(), "TRACEWELL_URL": base, "TRACEWELL_OTLP": f"http://{otlp}",
            "TRACEWELL_GRPC": f"http://{grpc}", "TRACEWELL_TEST_KEY": p.keys["tracewell"],
            "TRACEWELL_TEST_PROJECT": p.id, "LANGWATCH_API_KEY": p.langwatch_key, "LANGWATCH_ENDPOINT": base,
            "LUNARY_TEST_PUBLIC_KEY": p.public, "LUNARY_TEST_PRIVATE_KEY": p.private,
            "LANGTRACE_API_KEY": p.lt.key, "LANGTRACE_API_HOST": f"{base}/api/trace", "NODE_NO_WARNINGS": "1"
        }

    def run(self, file, word, variables):
        where = f"{os.path.relpath(self.folder, self.environment.root)}/{file}"
        command = [*self.command(file), *([word] if word else [])]
        try:
            done = subprocess.run(command, cwd=self.folder, env=variables, capture_output=True, text=True,
                                  timeout=SECONDS)
        except subprocess.TimeoutExpired as e:
            raise Failure(f"{where} did not end within {SECONDS} s: {(e.stderr or b'')[-300:]!r}") from e
        if done.returncode:
            lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            first = next((i for i, line in enumerate(lines) if "Error" in line), 0)
            raise Failure(f"{where} ended with {done.returncode}: {' '.join(lines[first:first + 12])[:500]}")
