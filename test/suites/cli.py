"""The program as design.md 6 says: options, accounts on a live server, backup and check, one server a folder, SIGTERM."""
import glob
import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import tarfile
import tempfile
import threading
import time

from lib import projects
from lib.check import contains, equal, status, true
from lib.environment import ROOT
from lib.http import Client
from lib.langwatch import span, text
from lib.lunary import end, run_id, start
from lib.server import DEFAULTS, Server, tracewell
from lib.suite import Failure, Tests

commands = Tests("cli/")
T = 1_790_000_000_000


def run(environment, *arguments, code=0, **more):
    got, out, err = tracewell(environment.binary, *arguments, **more)
    if got != code:
        raise Failure(
            f"tracewell {' '.join(arguments)} ended with {got}, should be {code}: {out[-300:]} {err[-300:]}")
    return out, err


def made(environment, data, *arguments):
    """The JSON that an account command prints with --json."""
    out, _ = run(environment, *arguments, "--data", data, "--json")
    value = json.loads(out)
    return value[0] if isinstance(value, list) else value


@commands("help-and-version")
def help_and_version(e):
    for words in (("help", ), ("--help", ), ("serve", "--help"), ("key", "--help"), ("project", "--help"),
                  ("user", "--help")):
        out, err = run(e, *words)
        true(len(out.splitlines()) > 3 and not err, f"tracewell {' '.join(words)} prints help on standard output")
    out, _ = run(e, "serve", "--help")
    for option in ("--data", "--listen", "--otlp-http", "--otlp-grpc", "--init", "--log-format", "TRACEWELL_"):
        true(option in out, f"serve --help mentions {option}")
    with open(os.path.join(ROOT, "VERSION"), encoding="utf-8") as f:
        version = f.read().strip()
    for words in (("version", ), ("--version", )):
        true(version in run(e, *words)[0], f"tracewell {words[0]} prints {version}")


@commands("wrong-words")
def wrong_words(e):
    for words, hint in ((("serve", "--lisen", "127.0.0.1:0"), "--listen"), (("serve", "--acces-log"), "--access-log"),
                        (("key", "creat"), "create"), (("project", "list", "--jsn"), "--json")):
        code, out, err = tracewell(e.binary, *words)
        true(code not in (0, -6, -11), f"tracewell {' '.join(words)} ends with {code}")
        true(hint in err, f"tracewell {' '.join(words)} should suggest {hint}: {err!r}")
    for words in (("nonsense", ), ("serve", "--listen"), ("serve", "--listen", "nowhere"),
                  ("serve", "--http-idle", "soon"), ("serve", "--store-readers",
                                                     "0"), ("check", "--data"), ("backup", ), ("restore", )):
        code, out, err = tracewell(e.binary, *words, env={"TRACEWELL_DATA": os.path.join(e.folder, "unused")})
        true(code in (1, 2) and err.strip(), f"tracewell {' '.join(words)} ends with {code} and says {err!r}")


@commands("options-in-the-environment")
def environment_options(e):
    data = os.path.join(e.folder, "by-environment")
    with Server(e.binary, data=data, env={"TRACEWELL_ACCESS_LOG": "true", "TRACEWELL_LOG_FORMAT": "json"}) as server:
        Client(server.base).get("/livez")
        until = time.monotonic() + 5
        while "/livez" not in server.log() and time.monotonic() < until:
            time.sleep(0.02)
        lines = [line for line in server.log().splitlines() if "/livez" in line]
        true(lines, "TRACEWELL_ACCESS_LOG=true logs requests")
        true(isinstance(json.loads(lines[0]), dict), f"TRACEWELL_LOG_FORMAT=json logs JSON: {lines[0]}")
        server.stop()


@commands("first-start-prints-accounts-once")
def first_start(e):
    data = os.path.join(e.folder, "first")
    server = Server(e.binary, data=data)
    process = subprocess.Popen(server.command(), stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                               env=server.environment())
    lines, base = [], None
    try:
        for line in process.stdout:
            lines.append(line.decode())
            match = re.search(r"tracewell ready (http://\S+)$", lines[-1].strip())
            if match:
                base = match.group(1)
                break
        printed = "".join(lines)
        keys = re.findall(r"sk-lw-[\w-]+", printed)
        true(base and keys, f"an empty folder prints a LangWatch key and then the ready line: {printed[:400]!r}")
        status(Client(base).post("/api/collector", {"trace_id": "t", "spans": []}, {"X-Auth-Token": keys[0]}), 200)
        for word in ("pk-lf", "sk-lf", "tw_", "admin"):
            true(word in printed, f"the first start prints {word}...")
    finally:
        process.send_signal(signal.SIGTERM)
        equal(process.wait(30), 0, "exit code")
        process.stdout.close()
        process.stderr.close()
    with Server(e.binary, data=data) as again:
        status(
            Client(again.base).post("/api/collector", {"trace_id": "t2", "spans": []}, {"X-Auth-Token": keys[0]}),
            200)
        true(keys[0] not in again.log(), "a second start does not print the keys again")
        again.stop()
    for file in glob.glob(os.path.join(data, "**"), recursive=True):
        if os.path.isfile(file):
            with open(file, "rb") as f:
                true(keys[0].encode() not in f.read(), f"the secret is not in {os.path.basename(file)}")


@commands("init-is-idempotent-and-names-its-faults")
def init(e):
    data = os.path.join(e.folder, "init-twice")
    for _ in range(2):
        with Server(e.binary, data=data, init=projects.INIT) as server:
            p = projects.demo(Client(server.base))
            p.lw.collect({"trace_id": "t", "spans": []})
            equal(p.lw.total(), 1, "traces, also after the second start with --init")
            server.stop()
    for wrong, words in (("{", "line"), (
            '{"organizations":[{"id":5}]}', "organizations"
    ), ('{"organizations":[{"id":"a","name":"A","projects":[{"id":"p","name":"P","keys":[{"form":"nope","secret":"s"}]}]}]}',
            "form")):
        path = os.path.join(e.folder, "wrong.json")
        with open(path, "w", encoding="utf-8") as f:
            f.write(wrong)
        code, _, err = tracewell(e.binary, "serve", "--data", os.path.join(e.folder, "wrong-init"), *DEFAULTS,
                                 "--init", path, timeout=20)
        true(code not in (0, -6, -11) and words in err,
             f"--init with {wrong[:40]} is refused with {words!r}: {code} {err!r}")


@commands("project-and-key-on-a-live-server")
def live_keys(e):
    server = e.shared()
    data, client = server.data, e.client
    project = made(e, data, "project", "create", "live", "--organization", "acme")
    key = made(e, data, "key", "create", "--project", project["id"], "--form", "langwatch")
    post = lambda: client.post("/api/collector", {"trace_id": "t", "spans": []}, {"X-Auth-Token": key["secret"]}
                               )  # noqa: E731
    status(post(), 200)
    contains(
        client.get("/api/trace/t", {"X-Auth-Token": key["secret"]}).json, {"project_id": project["id"]},
        "the trace of the new project")
    out, _ = run(e, "key", "list", "--data", data, "--project", project["id"], "--json")
    true(str(key["id"]) in out and key["secret"] not in out, "key list shows the key and not its secret")
    run(e, "key", "revoke", str(key["id"]), "--data", data)
    for _ in range(3):
        status(post(), 401)
    other = made(e, data, "key", "create", "--project", project["id"], "--form", "lunary")
    status(client.get("/v1/runs", {"Authorization": f"Bearer {other['secret']}"}), 200)
    true("live" in run(e, "project", "list", "--data", data)[0], "project list")
    code, _, err = tracewell(e.binary, "key", "create", "--project", "no-such", "--data", data)
    true(code == 1 and "no-such" in err, f"a key for a project that is not there: {code} {err!r}")


@commands("ingest-only-key")
def ingest_only(e):
    data = e.shared().data
    key = made(e, data, "key", "create", "--project", "11111111-1111-4111-8111-111111111111", "--form", "langwatch",
               "--ingest-only")
    status(e.client.post("/api/collector", {"trace_id": "t", "spans": []}, {"X-Auth-Token": key["secret"]}), 200)
    contains(
        status(e.client.get("/api/trace/t", {"X-Auth-Token": key["secret"]}), 403).json,
        {"error": "api_key_permission_denied"}, "reading with a key that may only write")


@commands("users-and-passwords")
def users(e):
    data = e.shared().data
    out, _ = run(e, "user", "create", "new@example.com", "--organization", "acme", "--password",
                 "correct horse battery", "--data", data)
    true("new@example.com" in run(e, "user", "list", "--data", data)[0], "user list")
    run(e, "user", "password", "new@example.com", "--password-stdin", "--data", data,
        data_input=b"another good password\n")
    for words in (("user", "password", "nobody@example.com", "--password", "long enough"),
                  ("user", "password", "new@example.com", "--password", "short")):
        code, _, err = tracewell(e.binary, *words, "--data", data)
        true(code in (1, 2) and err.strip(), f"{' '.join(words)}: {code} {err!r}")


@commands("second-server-on-one-folder")
def second_server(e):
    data = e.shared().data
    code, out, err = tracewell(e.binary, "serve", "--data", data, *DEFAULTS, timeout=20)
    true(code not in (0, -6, -11), f"the second server ends with {code}")
    true(data in err and "in use" in err and str(e.server.pid) in err, f"and says who holds the folder: {err!r}")
    code, _, err = tracewell(e.binary, "check", "--data", data, timeout=20)
    true(code in (0, 1) and (code == 0 or "in use" in err), f"check beside a server: {code} {err!r}")
    status(e.client.get("/readyz"), 200)


@commands("taken-port")
def taken_port(e):
    port = re.search(r":(\d+)$", e.shared().base).group(1)
    data = os.path.join(e.folder, "taken")
    code, _, err = tracewell(e.binary, "serve", "--data", data, "--listen", f"127.0.0.1:{port}", "--otlp-http", "off",
                             "--otlp-grpc", "off", timeout=20)
    true(code == 1 and port in err, f"a taken port is named: {code} {err!r}")


def only_otlp(client):
    """collisions.md 3.2 step 1: every path that takes a signal is OTLP's own, and there are no others."""
    key = {"Authorization": "Bearer tw_scratch_0"}
    for path in ("/v1/traces", "/api/v1/traces", "/api/otel/v1/traces", "/api/public/otel/v1/traces", "/api/public/v1/traces",
                 "/api/trace", "/api/otel/v1/logs/v1/traces"):
        for body in ({}, {"resourceSpans": []}):
            equal(status(client.post(path, body, key), 200).json, {}, f"answer of {path} to {body}")
        for body in ({"name": "x"}, {"batch": []}, []):
            equal(status(client.post(path, body, key), 400).json["code"], 3, f"code of {path} for {body}")
        equal(status(client.post(path, {}), 401).json["code"], 16, f"code of {path} without a key")
    for path in ("/api/report", "/v1/datasets", "/api/collector", "/x/v1/traces"):
        equal(status(client.post(path, {}, key), 404).json["message"], "Not Found", f"answer of {path}")
    for path in ("/readyz", "/metrics", "/api/public/traces"):
        status(client.get(path, key), 404)
    client.close()


@commands("otlp-ports")
def otlp_ports(e):
    """The plain one takes OTLP alone, the other speaks HTTP/2. One that was asked for and is taken is an error."""
    with e.fresh_server() as server:
        true(server.otlp_port and server.grpc_port, f"ports: {server.otlp_port}, {server.grpc_port}")
        only_otlp(Client(f"http://127.0.0.1:{server.otlp_port}"))
        with socket.create_connection(("127.0.0.1", server.grpc_port), 10) as s:
            s.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + bytes([0, 0, 0, 4, 0, 0, 0, 0, 0]))
            true(s.recv(9)[3] == 4, "an HTTP/2 server answers with its settings")
        with socket.create_connection(("127.0.0.1", server.grpc_port), 10) as s:
            s.sendall(b"POST /v1/traces HTTP/1.1\r\nHost: t\r\n\r\n")
            true(b"--otlp-http" in s.recv(4096), "who speaks HTTP/1.1 there is told where to go")
        for option, port in (("--otlp-http", server.otlp_port), ("--otlp-grpc", server.grpc_port)):
            data = os.path.join(e.folder, "taken-otlp")
            code, _, err = tracewell(e.binary, "serve", "--data", data, *DEFAULTS, option, f"127.0.0.1:{port}", timeout=20)
            true(code == 1 and str(port) in err, f"{option} on a taken port: {code} {err!r}")
        server.stop()
    with e.fresh_server(options=("--otlp-http", "off", "--otlp-grpc", "off")) as server:
        true(server.otlp_port is None and server.grpc_port is None, "off is off")
        server.stop()
    usual = ("--listen", "127.0.0.1:0")
    with e.fresh_server(ports=usual) as first, e.fresh_server(ports=usual) as second:
        true(second.otlp_port is None and second.grpc_port is None, "the usual ports can be taken once")
        first.stop()
        second.stop()  # then all that it logged has been read
        for option in ("--otlp-http", "--otlp-grpc"):
            true(f"{option} stays closed" in second.log(), f"the second says so: {second.log()!r}")


class Load:
    """Posts traces and runs from threads until stopped; remembers what was acknowledged."""
    def __init__(self, base, project_of):
        self.base, self.project_of, self.stopping = base, project_of, threading.Event()
        self.acknowledged, self.errors, self.lock = [], [], threading.Lock()
        self.threads = [threading.Thread(target=self._work, args=(i, )) for i in range(3)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def _work(self, worker):
        p = self.project_of(Client(self.base))
        number = 0
        while not self.stopping.is_set():
            id = f"load-{worker}-{number}"
            try:
                if number % 2:
                    p.lw.collect(
                        {"trace_id": id, "spans": [span(id, T + number, type="llm", output=text("x" * 200))]})
                else:
                    p.lunary.report([start(id, T + number, output="x"), end(id, T + number + 9, output="y" * 200)])
            except Exception as error:
                self.errors.append(error)
                return
            with self.lock:
                self.acknowledged.append(id)
            number += 1


def check_folder(e, data):
    code, out, err = tracewell(e.binary, "check", "--data", data)
    if code != 0:
        raise Failure(f"tracewell check of {os.path.basename(data)} ended with {code}: {out[-600:]} {err[-300:]}")
    return out


@commands("backup-under-load-check-restore")
def backup(e):
    copy, restored = os.path.join(e.folder, "copy"), os.path.join(e.folder, "restored")
    with e.fresh_server() as server:
        first = projects.scratch(Client(server.base), 0)
        with Load(server.base, lambda client: projects.scratch(client, 0)) as load:
            while len(load.acknowledged) < 100 and not load.errors:
                time.sleep(0.01)
            before = list(load.acknowledged)
            run(e, "backup", copy, "--data", server.data)
            true(len(load.acknowledged) > len(before), "the server goes on answering during a backup")
        true(not load.errors, f"no request failed during the backup: {load.errors[:1]}")
        total = first.lw.total()
        server.stop()
    check_folder(e, copy)
    code, _, err = tracewell(e.binary, "backup", copy, "--data", server.data)
    true(code == 1 and err.strip(), f"a backup into a folder that exists is refused: {code} {err!r}")
    run(e, "restore", copy, "--data", restored)
    code, _, err = tracewell(e.binary, "restore", copy, "--data", restored)
    true(code == 1 and err.strip(), f"a restore into a folder that exists is refused: {code} {err!r}")
    check_folder(e, restored)
    with Server(e.binary, data=restored) as again:
        p = projects.scratch(Client(again.base), 0)
        ids = set(p.lw.ids())
        lost = [id for id in before if id not in ids and run_id(id) not in ids]
        true(not lost,
             f"{len(lost)} of {len(before)} traces acknowledged before the backup are not in it: {lost[:3]}")
        true(len(before) <= len(ids) <= total, f"the copy holds {len(ids)} traces, between {len(before)} and {total}")
        p.lw.collect({"trace_id": "after", "spans": []})
        again.stop()


@commands("check-names-a-flipped-byte")
def flipped(e):
    with e.fresh_server() as server:
        p = projects.scratch(Client(server.base), 0)
        for i in range(50):
            p.lw.collect({"trace_id": f"t{i}", "spans": [span("s", T, output=text(os.urandom(3000).hex()))]})
        server.stop()
        check_folder(e, server.data)
        segments = sorted(glob.glob(os.path.join(server.data, "segments", "*")), key=os.path.getsize)
        true(segments, "the data folder has payload segments")
        flip(segments[-1], os.path.getsize(segments[-1]) // 2)
        code, out, err = tracewell(e.binary, "check", "--data", server.data)
        true(code == 1, f"check of a damaged folder ends with {code}: {out[-300:]}")
        number = int(os.path.basename(segments[-1]).split(".")[0])
        true(re.search(rf"(segment |/0*){number}\b", out + err),
             f"check names the segment {number}: {out[:600]} {err[-200:]}")
        flip(segments[-1], os.path.getsize(segments[-1]) // 2)
        check_folder(e, server.data)
        os.rename(segments[-1], segments[-1] + ".away")
        code, out, err = tracewell(e.binary, "check", "--data", server.data)
        true(code == 1, f"check without a segment ends with {code}: {out[-300:]} {err}")
        os.rename(segments[-1] + ".away", segments[-1])


def flip(path, at):
    with open(path, "r+b") as f:
        f.seek(at)
        byte = f.read(1)[0]
        f.seek(at)
        f.write(bytes([byte ^ 0xFF]))


@commands("damaged-payload-is-an-error-not-a-crash")
def damaged_read(e):
    with e.fresh_server() as server:
        p = projects.scratch(Client(server.base), 0)
        for i in range(20):
            p.lw.collect({"trace_id": f"t{i}", "spans": [span("s", T, output=text(os.urandom(20000).hex()))]})
        server.stop()
        for segment in glob.glob(os.path.join(server.data, "segments", "*")):
            third = os.path.getsize(segment) // 3
            with open(segment, "r+b") as f:
                f.seek(third)
                f.write(b"\xff" * third)
        server.init = None
        server.start()
        p.client.base = server.base
        codes = {p.lw.call("GET", f"/api/trace/t{i}").status for i in range(20)}
        true(codes <= {200, 500}, f"reading damaged payload answers {codes}")
        p.lw.collect({"trace_id": "new", "spans": [span("s", T, output=text("fine"))]})
        equal(p.lw.trace("new")["output"]["value"], "fine", "what is written after the damage")
        server.stop()


@commands("check-of-what-is-no-folder")
def check_nothing(e):
    for path in (os.path.join(e.folder, "not-there"), projects.INIT, tempfile.mkdtemp(dir=e.folder)):
        code, out, err = tracewell(e.binary, "check", "--data", path)
        true(code == 1 and err.strip(), f"check of {os.path.basename(path)}: {code} {out!r} {err!r}")


@commands("sigterm-drains")
def sigterm(e):
    with e.fresh_server() as server:
        with Load(server.base, lambda client: projects.scratch(client, 0)) as load:
            while len(load.acknowledged) < 50 and not load.errors:
                time.sleep(0.01)
            equal(server.terminate(), 0, "exit code after SIGTERM under load")
        server.healthy()
        before = list(load.acknowledged)
        check_folder(e, server.data)
        server.init = None
        server.start()
        ids = set(projects.scratch(Client(server.base), 0).lw.ids())
        lost = [id for id in before if id not in ids and run_id(id) not in ids]
        true(not lost, f"acknowledged before SIGTERM and lost: {lost[:3]}")
        server.stop()


@commands("sigterm-when-idle-is-quick")
def sigterm_idle(e):
    with e.fresh_server() as server:
        client = Client(server.base)
        client.get("/livez")  # an idle kept-alive connection
        began = time.monotonic()
        equal(server.terminate(), 0, "exit code")
        true(time.monotonic() - began < 5, f"stopping took {time.monotonic() - began:.1f} s with an idle connection")


@commands("data-folder-of-a-newer-version")
def newer(e):
    with e.fresh_server() as server:
        server.stop()
        main = [f for f in glob.glob(os.path.join(server.data, "*.db")) if "accounts" not in f]
        true(main, "the folder has a database")
        database = sqlite3.connect(main[0])
        database.execute("PRAGMA user_version = 9999")
        database.commit()
        database.close()
        code, _, err = tracewell(e.binary, "serve", "--data", server.data, *DEFAULTS, timeout=20)
        true(code == 1 and "version" in err, f"a folder of a newer version is refused in a sentence: {code} {err!r}")


OLD_PROMPTS = ["Hallo {{name}}", "draft", [{"role": "user", "content": "Hi {{name}}"}],
               [{"role": "user", "content": "Hello {{name}}", "tool_calls": []}]]


@commands("upgrade")
def upgrade(e):
    """data/folder-2.tar.gz: a folder of schema 2, with Lunary's templates from before there was one prompt registry."""
    with tempfile.TemporaryDirectory(prefix="tracewell-old-") as folder:
        with tarfile.open(os.path.join(e.test, "data", "folder-2.tar.gz")) as tar:
            tar.extractall(folder, filter="data")
        data = os.path.join(folder, "folder-2")
        code, _, err = tracewell(e.binary, "check", "--data", data)
        true(code == 1 and "start the server once" in err, f"an old folder is told so: {code} {err!r}")
        server = Server(e.binary, data=data)
        server.start()
        lunary = projects.demo(Client(server.base)).lunary
        templates = status(lunary.call("GET", "/v1/templates"), 200).json
        equal([t["id"] for t in templates], [2, 1], "the templates, the newest first")
        versions = [v for t in templates for v in t["versions"]]
        equal([v["content"] for v in versions], OLD_PROMPTS, "what they say")
        contains(versions[3], {"id": 1, "version": 1, "extra": {"model": "gpt-4", "max_tokens": 5}, "notes": "first",
                               "testValues": {"name": "Bob"}, "publishedAt": "2026-11-25T19:01:13.849Z"}, "the first")
        contains(lunary.latest("greet"), {"id": "2", "version": 2}, "the newest published version")
        contains(lunary.run("old-run"), {"templateSlug": "greet", "templateVersionId": 2, "output": "out"}, "the old run")
        made = lunary.template("new", "text")
        equal((made["id"], made["versions"][0]["id"]), (5, 6), "ids go on behind those that were given")
        server.stop()
        run(e, "check", "--data", data)


def tests(environment):
    yield from commands
