"""The real npm packages, unmodified, against the server: each test/sdk/*.mjs writes, reads back and compares by itself.

A program whose package needs a newer Node than Debian 12's says so in a comment of its own, `// Needs Node 20: why`; on an older one
it is skipped with that reason.
"""
import os
import re
import shutil
import subprocess

from lib.programs import Programs, programs_in
from lib.suite import Failure, Skip

HELPERS = {"helper.mjs", "openai_stub.mjs", "otel.mjs"}


def node_major():
    version = subprocess.run(["node", "--version"], capture_output=True, text=True).stdout
    major = version.lstrip("v").split(".")[0]
    return int(major) if major.isdigit() else 0


class Packages:
    """npm ci, when the packages are not there or not those of the lock file."""
    def __init__(self, folder):
        self.folder = folder
        self.flags = None

    def need(self):
        if not shutil.which("node"):
            raise Skip("there is no node")
        # llmonitor uses the global `crypto`, which Node 18 has only when asked.
        self.flags = ["--experimental-global-webcrypto"] if node_major() < 19 else []
        if self.current():
            return
        if not shutil.which("npm"):
            raise Skip("test/sdk/node_modules is missing and there is no npm")
        command = ["npm", "ci", "--no-audit", "--no-fund", "--ignore-scripts"]
        try:
            done = subprocess.run(command, cwd=self.folder, capture_output=True, text=True, timeout=600)
        except subprocess.TimeoutExpired as e:
            raise Failure("npm ci took more than 600 s") from e
        if done.returncode:
            raise Failure(f"npm ci failed: {(done.stderr or done.stdout)[-400:]}")

    def current(self):
        """node_modules is what the lock file says."""
        installed = os.path.join(self.folder, "node_modules", ".package-lock.json")
        return os.path.exists(installed) and os.path.getmtime(installed) >= os.path.getmtime(
            os.path.join(self.folder, "package-lock.json"))

    def command(self, program):
        with open(os.path.join(self.folder, program), encoding="utf-8") as f:
            needs = re.search(r"^// (Needs Node (\d+): .*)$", f.read(), re.M)
        if needs and node_major() < int(needs[2]):
            raise Skip(f"this is Node {node_major()}. {needs[1]}")
        return ["node", *self.flags, program]


def tests(environment):
    """test/sdk, and test/sdk/langtrace: that SDK instruments no openai newer than 4, and only under its own name."""
    for prefix, folder in (("sdk", "sdk"), ("sdk/langtrace", "sdk/langtrace")):
        folder = os.path.join(environment.test, folder)
        packages = Packages(folder)
        programs = programs_in(folder, ".mjs", HELPERS, "//")
        yield from Programs(environment, prefix, folder, programs, packages.command, packages.need).tests()
