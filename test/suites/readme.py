"""What the README tells people to type works: `make run`'s script, and every curl example, against a fresh server."""
import os
import re
import subprocess

from lib import projects
from lib.check import true
from lib.http import Client
from lib.suite import Failure, Skip

FENCE = re.compile(r"^```(?:sh|bash|console|shell)?\n(.*?)^```", re.S | re.M)


def run_sample(environment, **env):
    command = [os.path.join(environment.root, "tools", "run-sample.sh"), environment.binary]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120,
                          env={**os.environ, "RUN_ONCE": "1", "LISTEN": "127.0.0.1:0", **env})
    if done.returncode:
        raise Failure(f"tools/run-sample.sh ended with {done.returncode}: {(done.stdout + done.stderr)[-600:]}")
    return done.stdout


def sample(environment):
    out = run_sample(environment)
    for piece in ("tracewell ready http://", "LangWatch", "LLMonitor", "OTLP", "across", "sk-lw-demo", "curl -s"):
        true(piece in out, f"tools/run-sample.sh prints {piece!r}: {out[-500:]}")


def sample_twice(environment):
    """On a folder of one's own the second start finds the first one's data and loads the samples once more, harmlessly."""
    data = os.path.join(environment.folder, "sample-data")
    for _ in range(2):
        run_sample(environment, DATA=data)
    with environment.fresh_server(data=data, init=projects.INIT) as server:
        found = projects.demo(Client(server.base)).lw.ids()
        true(len(found) == len(set(found)) == 3, f"traces after two runs: {found}")
        server.stop()


def blocks(path):
    with open(path, encoding="utf-8") as f:
        return [b for b in FENCE.findall(f.read()) if "curl" in b]


def commands(block):
    """The commands of a block, prompts and continued lines joined."""
    text = re.sub(r"\\\n\s*", " ", re.sub(r"^\$ ", "", block, flags=re.M))
    found, open_quote = [], ""
    for line in text.splitlines():
        open_quote = f"{open_quote}\n{line}" if open_quote else line
        if open_quote.count("'") % 2 == 0:
            found.append(open_quote)
            open_quote = ""
    return [c for c in found if c.strip().startswith("curl")]


def curl_examples(environment, file):
    path = os.path.join(environment.root, file)
    if not os.path.exists(path):
        raise Skip(f"there is no {file} yet")
    found = [c for b in blocks(path) for c in commands(b)]
    true(found, f"{file} has curl examples")
    with environment.fresh_server(init=projects.INIT) as server:
        for command in found:
            here = re.sub(r"https?://(?:127\.0\.0\.1|localhost):8585", server.base, command)
            here = re.sub(r"http://127\.0\.0\.1:4318", f"http://127.0.0.1:{server.otlp_port}", here)
            done = subprocess.run(
                ["bash", "-c", here.replace("curl ", "curl -sS --fail-with-body --max-time 20 ", 1)],
                capture_output=True, text=True, timeout=60)
            if done.returncode:
                raise Failure(
                    f"{file}: {command[:200]} ended with {done.returncode}: {(done.stdout + done.stderr)[:300]}")
        server.stop()


def no_foreign_hosts(environment):
    """Lock files and their settings name no registry: they install from the registry that the machine uses."""
    files = ("package-lock.json", "package.json", ".npmrc")
    for folder, file in ((folder, file) for folder in ("test/sdk", "test/sdk/langtrace") for file in files):
        with open(os.path.join(environment.root, folder, file), encoding="utf-8") as f:
            text = f.read()
        true('"resolved"' not in text and "registry=" not in text, f"{folder}/{file} names a registry")


def tests(environment):
    yield "readme/run-sample", sample
    yield "readme/run-sample-twice", sample_twice
    for file in ("README.md", "docs/architecture.md"):
        if file == "README.md" or (os.path.exists(os.path.join(environment.root, file))
                                   and blocks(os.path.join(environment.root, file))):
            yield f"readme/curl-{file.replace('/', '-')}", lambda e, file=file: curl_examples(e, file)
    yield "readme/no-registry-in-lock-files", no_foreign_hosts
