"""The real npm packages, unmodified, against the server: each test/sdk/*.mjs writes, reads back and compares by itself."""
import os
import shutil
import subprocess

from lib.suite import Failure, Skip

HELPERS = {"helper.mjs", "openai_stub.mjs"}


def node_flags():
    """llmonitor uses the global `crypto`, which Node 18 has only when asked."""
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    major = version.lstrip("v").split(".")[0]
    return ["--experimental-global-webcrypto"] if major.isdigit() and int(major) < 19 else []


class Packages:
    """npm ci, once, when the packages are not there."""
    def __init__(self, folder):
        self.folder, self.problem = folder, None
        self.done = False

    def need(self):
        if not self.done:
            self.done = True
            self.problem = self.install()
        if self.problem:
            raise self.problem

    def install(self):
        if not shutil.which("node"):
            return Skip("there is no node")
        if self.current():
            return None
        if not shutil.which("npm"):
            return Skip("test/sdk/node_modules is missing and there is no npm")
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=600)
        except subprocess.TimeoutExpired:
            return Failure("npm ci took more than 600 s")
        return Failure(f"npm ci failed: {(done.stderr or done.stdout)[-400:]}") if done.returncode else None

    def current(self):
        """node_modules is what the lock file says."""
        installed = os.path.join(self.folder, "node_modules", ".package-lock.json")
        return os.path.exists(installed) and os.path.getmtime(installed) >= os.path.getmtime(
            os.path.join(self.folder, "package-lock.json"))


def run(environment, packages, program):
    packages.need()
    p = environment.project()
    env = {k: v for k, v in os.environ.items() if not k.startswith(("LANGWATCH_", "LUNARY_", "LLMONITOR_", "LANGTRACE_", "OTEL_"))}
    env.update(TRACEWELL_URL=environment.server.base, LANGWATCH_API_KEY=p.langwatch_key,
               LANGWATCH_ENDPOINT=environment.server.base, LUNARY_TEST_PUBLIC_KEY=p.public,
               LUNARY_TEST_PRIVATE_KEY=p.private, LANGTRACE_API_KEY=p.lt.key, TRACEWELL_TEST_PROJECT=p.id,
               LANGTRACE_API_HOST=f"{environment.server.base}/api/trace", NODE_NO_WARNINGS="1")
    try:
        done = subprocess.run(["node", *node_flags(), program], cwd=packages.folder, env=env, capture_output=True, text=True,
                              timeout=120)
    except subprocess.TimeoutExpired as e:
        raise Failure(f"test/sdk/{program} did not end within 120 s: {(e.stderr or b'')[-300:]!r}") from e
    if done.returncode:
        lines = [line for line in (done.stderr + done.stdout).splitlines() if line.strip()]
        first = next((i for i, line in enumerate(lines) if "Error" in line), 0)
        raise Failure(f"test/sdk/{program} ended with {done.returncode}: {' '.join(lines[first:first + 12])[:500]}")


def tests(environment):
    folder = os.path.join(environment.test, "sdk")
    packages = Packages(folder)
    for program in sorted(os.listdir(folder)):
        if program.endswith(".mjs") and program not in HELPERS:
            yield f"sdk/{program[:-len('.mjs')]}", lambda e, program=program: run(e, packages, program)
