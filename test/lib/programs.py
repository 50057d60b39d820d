"""Programs around real SDKs: each writes, reads back and compares by itself, in a project of its own; a few run at a time."""
import concurrent.futures
import os
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


class Programs:
    """All programs of a suite. `command` gives what to run for a name; `need` raises when none can run.

    The first test that asks starts all that are wanted, AT_A_TIME at once; every test then waits for its own.
    """
    def __init__(self, environment, prefix, folder, names, command, need):
        self.environment, self.prefix, self.folder, self.names = environment, prefix, folder, names
        self.command, self.need = command, need
        self.grpc = f"127.0.0.1:{free_port()}"
        self.problem = None
        self.running = None

    def tests(self):
        for name in self.names:
            yield f"{self.prefix}/{name.rsplit('.', 1)[0]}", lambda e, name=name: self.result(name)

    def result(self, name):
        if self.running is None:
            self.running = self.start()
        if self.problem:
            raise self.problem
        self.running[name].result()

    def start(self):
        try:
            self.need()
            self.environment.shared(["--otlp-grpc", self.grpc])
        except (Failure, Skip) as e:
            self.problem = e
            return {}
        pool = concurrent.futures.ThreadPoolExecutor(AT_A_TIME)
        self.environment.at_close.append(lambda: pool.shutdown(cancel_futures=True))
        wanted = [n for n in self.names if self.environment.wanted(f"{self.prefix}/{n.rsplit('.', 1)[0]}")]
        return {name: pool.submit(self.run, name, self.variables()) for name in wanted}

    def variables(self):
        """What a program is told: where the server is, and the keys of an empty project."""
        p, base = self.environment.project(), self.environment.server.base
        return {
            **clean_environment(), "TRACEWELL_URL": base, "TRACEWELL_GRPC": f"http://{self.grpc}",
            "TRACEWELL_TEST_KEY": p.keys["tracewell"], "LANGWATCH_API_KEY": p.langwatch_key, "LANGWATCH_ENDPOINT": base,
            "LUNARY_TEST_PUBLIC_KEY": p.public, "LUNARY_TEST_PRIVATE_KEY": p.private, "TRACEWELL_TEST_PROJECT": p.id,
            "NODE_NO_WARNINGS": "1"
        }

    def run(self, name, variables):
        where = f"{os.path.relpath(self.folder, self.environment.root)}/{name}"
        try:
            done = subprocess.run(self.command(name), cwd=self.folder, env=variables, capture_output=True, text=True,
                                  timeout=SECONDS)
        except subprocess.TimeoutExpired as e:
            raise Failure(f"{where} did not end within {SECONDS} s: {(e.stderr or b'')[-300:]!r}") from e
        if done.returncode:
            lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
            first = next((i for i, line in enumerate(lines) if "Error" in line), 0)
            raise Failure(f"{where} ended with {done.returncode}: {' '.join(lines[first:first + 12])[:500]}")
