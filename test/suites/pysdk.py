"""The real Python packages, unmodified, against the server: each test/sdk/python/*.py writes, reads back and compares by itself.

Not part of `make test`, since it needs PyPI: `make test-python-sdks`. The word before the first _ of a program names the list of its
packages, FOLDER/<word>.txt, which get a virtual environment of their own below build/: their dependencies contradict one another.
"""
import os
import shutil
import subprocess
import sys
import threading

from lib.programs import Programs, programs_in
from lib.suite import Failure, Skip

HELPERS = {"helper.py", "openai_stub.py"}
INSTALL_SECONDS = 900
# What pip says, warnings included, when there is no PyPI.
UNREACHABLE = ("Could not fetch URL", "ConnectionError", "Max retries exceeded", "Temporary failure in name resolution",
               "NewConnectionError", "NameResolutionError", "ReadTimeoutError", "ConnectTimeoutError", "ProxyError")


class Environments:
    """One virtual environment for each list of packages, made when the first of its programs runs."""
    def __init__(self, folder, root):
        self.folder, self.root = folder, root
        self.lock = threading.Lock()
        self.problems = {}

    def command(self, program):
        name = program.split("_")[0]
        with self.lock:
            if name not in self.problems:
                self.problems[name] = self.make(name)
        if self.problems[name]:
            raise self.problems[name]
        return [os.path.join(self.root, name, "bin", "python"), program]

    def make(self, name):
        """What stands in the way, or None."""
        wanted, place = os.path.join(self.folder, f"{name}.txt"), os.path.join(self.root, name)
        installed = os.path.join(place, "installed.txt")
        if os.path.exists(installed) and text_of(installed) == text_of(wanted):
            return None
        shutil.rmtree(place, ignore_errors=True)
        made = subprocess.run([sys.executable, "-m", "venv", place], capture_output=True, text=True)
        if made.returncode:
            return Skip(f"python3 -m venv does not work here; install python3-venv: {(made.stdout + made.stderr)[-200:]}")
        pip = [os.path.join(place, "bin", "pip"), "install", "--quiet", "--disable-pip-version-check", "-r", wanted]
        try:
            done = subprocess.run(pip, capture_output=True, text=True, timeout=INSTALL_SECONDS)
        except subprocess.TimeoutExpired:
            return Skip(f"pip did not install {name}.txt within {INSTALL_SECONDS} s")
        if done.returncode == 0:
            shutil.copyfile(wanted, installed)
            return None
        said = done.stdout + done.stderr
        if any(u in said for u in UNREACHABLE):
            return Skip(f"PyPI cannot be reached, so {name}.txt is not installed: {said[-200:]}")
        return Failure(f"pip could not install {name}.txt: {said[-600:]}")


def text_of(path):
    with open(path, encoding="utf-8") as f:
        return f.read()


def tests(environment):
    folder = os.path.join(environment.test, "sdk", "python")
    environments = Environments(folder, os.path.join(environment.root, "build", "pysdk"))
    programs = programs_in(folder, ".py", HELPERS, "#")
    return Programs(environment, "pysdk", folder, programs, environments.command, lambda: None).tests()
