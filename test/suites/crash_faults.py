"""A full disk and a failing one: the server answers 503, stays alive or ends cleanly, and loses nothing it acknowledged."""
import errno
import json
import os
import random
import shutil
import subprocess
import tempfile
import time

from lib import projects
from lib.check import equal, status, true
from lib.faults import NAME, SHORT, SYNC, WRITE, Faults
from lib.http import Client
from lib.load import Worker, verify
from lib.server import Server, tracewell
from lib.suite import Failure, Skip

WORKERS = 3


def project_of(client):
    return projects.scratch(client, 1)


class Trial:
    """A server on a folder that can fail, and workers that try again until they are answered 200."""
    def __init__(self, environment, data, env, seed, payload=400):
        self.environment, self.payload = environment, payload
        self.server = Server(environment.binary, data=data, init=environment.init_file(3), env=env)
        self.seed, self.workers = seed, []

    def load(self):
        self.server.start()
        self.workers = [
            Worker(self.server.base, project_of, i, self.seed, retry=True, payload=self.payload)
            for i in range(WORKERS)
        ]
        for worker in self.workers:
            worker.start()

    def refused(self):
        return sum(w.refused for w in self.workers)

    def acknowledged(self):
        return sum(s.acknowledged for w in self.workers for s in list(w.log))

    def wait(self, condition, seconds):
        until = time.monotonic() + seconds
        while time.monotonic() < until and not condition() and self.server.alive() and not any(w.odd
                                                                                               for w in self.workers):
            time.sleep(0.01)
        return condition()

    def ended_cleanly(self):
        """The server may have given up; then with a sentence and without a signal. It is started again on the healthy disk."""
        if self.server.alive():
            return
        code = self.server.process.poll()
        true(code is not None and code > 0 and self.server.log().strip(),
             f"the server ended with {code} and logged {self.server.log()[-300:]!r}")
        self.server.init = None
        self.server.env = {}
        self.server.start()
        for worker in self.workers:
            worker.p.client.base = self.server.base

    def finish(self, more=30):
        """The disk is healthy again: work goes on, then everything is there, also after a kill."""
        self.ended_cleanly()
        had = self.acknowledged()
        true(
            self.wait(lambda: self.acknowledged() >= had + more, 20),
            f"after the fault only {self.acknowledged() - had} requests were answered 200 in 20 s: {[w.odd for w in self.workers]}"
        )
        for worker in self.workers:
            worker.stopping.set()
        for worker in self.workers:
            worker.join(20)
        odd = [w.odd for w in self.workers if w.odd]
        true(not odd, f"an answer other than 200 or 503: {odd[:1]}")
        views = [w.view() for w in self.workers]
        self.server.healthy()
        verify(project_of(Client(self.server.base)), views, sample=20)
        self.server.kill()
        code, out, err = tracewell(self.environment.binary, "check", "--data", self.server.data)
        true(code == 0, f"check after the fault: {out[-400:]} {err[-200:]}")
        self.server.init, self.server.env = None, {}
        self.server.start()
        verify(project_of(Client(self.server.base)), views, sample=20)
        self.server.stop()


def fails_for_a_while(environment, ops, error, count):
    """Calls fail during load; until then and afterwards all is well."""
    data = tempfile.mkdtemp(prefix="tracewell-faulty-")
    faults = Faults(environment, data)
    trial = Trial(environment, data, faults.env, environment.seed)
    try:
        trial.load()
        true(trial.wait(lambda: trial.acknowledged() >= 40, 20), "no load before the fault")
        faults.arm(ops, error, skip=random.Random(environment.seed).randrange(5), count=count)
        trial.wait(lambda: faults.injected() >= min(count, 3) and (error == SHORT or trial.refused() > 0), 5)
        seen = trial.refused()
        injected = faults.clear()
        true(injected > 0, "no call failed: the fault was not met")
        if trial.server.alive() and error != SHORT and ops & (WRITE | SYNC):
            true(seen > 0, f"{injected} calls failed and no request was answered 503")
        trial.finish()
    finally:
        faults.close()
        trial.server.remove()
        shutil.rmtree(data, ignore_errors=True)


def nth_call_fails(environment, ops, error, n):
    """The n-th call since the start of the process fails, once: at start-up, or at the first requests."""
    data = tempfile.mkdtemp(prefix="tracewell-nth-")
    faults = Faults(environment, data)
    faults.arm(ops, error, skip=n, count=1)
    server = Server(environment.binary, data=data, init=environment.init_file(3), env=faults.env, start_seconds=20)
    try:
        stored = []
        try:
            server.start()
            p = project_of(Client(server.base))
            for i in range(6):
                reply = p.lw.call("POST", "/api/collector",
                                  {"trace_id": f"t{i}", "spans": [], "metadata": {"k": "x" * 200 * i}})
                status(reply, 200, 503)
                stored += [f"t{i}"] if reply.status == 200 else []
        except Failure:
            if server.process.poll() is not None:
                true(server.process.poll() in (1, 2, -9),
                     f"the server ended with {server.process.poll()}: {server.log()[-300:]}")
                true(server.log().strip(), "a server that cannot start says why")
            else:
                raise
        met = faults.clear()
        server.healthy() if server.alive() else None
        server.kill()
        server.env = {}
        server.start()
        ids = project_of(Client(server.base)).lw.ids()
        lost = [id for id in stored if id not in ids]
        true(not lost and len(ids) == len(set(ids)), f"call {n} failed ({met} faults): of {stored} there are {ids}")
        server.stop()
    finally:
        faults.close()
        server.remove()
        shutil.rmtree(data, ignore_errors=True)


def nth_calls(environment, ops, error):
    every = range(0, 60) if environment.rounds >= 100 else [0, 1, 3, 8, 21, 40]
    for n in every:
        try:
            nth_call_fails(environment, ops, error, n)
        except Failure as e:
            raise Failure(f"n = {n}: {e}") from e


class Tmpfs:
    """A small disk of its own."""
    def __init__(self, megabytes):
        if os.geteuid() != 0:
            raise Skip("a full disk needs root, to mount a small tmpfs")
        self.folder = tempfile.mkdtemp(prefix="tracewell-small-disk-")
        self.mount(f"size={megabytes}m")

    def mount(self, option, how=()):
        done = subprocess.run(["mount", "-t", "tmpfs", "-o", ",".join([*how, option]), "tmpfs", self.folder],
                              capture_output=True, text=True)
        if done.returncode and not how:
            os.rmdir(self.folder)
            raise Skip(f"a tmpfs cannot be mounted here: {done.stderr.strip()}")
        true(done.returncode == 0, f"mount: {done.stderr}")

    def grow(self, megabytes):
        self.mount(f"size={megabytes}m", how=("remount", ))

    def __enter__(self):
        return self

    def __exit__(self, *_):
        subprocess.run(["umount", "-l", self.folder], capture_output=True)
        shutil.rmtree(self.folder, ignore_errors=True)


def disk_full(environment):
    with Tmpfs(24) as disk:
        data = os.path.join(disk.folder, "data")
        trial = Trial(environment, data, {}, environment.seed, payload=20000)
        try:
            trial.load()
            true(
                trial.wait(lambda: trial.refused() > 20, 60),
                f"the disk of 24 MiB did not fill: {trial.acknowledged()} requests, {[w.odd for w in trial.workers]}")
            if trial.server.alive():
                p = project_of(Client(trial.server.base))
                for _ in range(200):  # until one does not fit
                    reply = status(p.lw.call("POST", "/api/trace/late/unshare"), 200, 503)
                    reply = status(
                        p.lunary.call(
                            "POST", "/v1/templates",
                            {"slug": os.urandom(8).hex(), "mode": "text", "content": os.urandom(100_000).hex()}), 200,
                        201, 503)
                    if reply.status == 503:
                        break
                equal(reply.status, 503, "an edit on a full disk")
                true(int(reply.header("retry-after") or 0) >= 1, f"the 503 has Retry-After: {reply.headers}")
                status(p.lw.call("POST", "/api/traces/search", {"pageSize": 5}), 200)
            disk.grow(300)
            trial.finish()
        finally:
            trial.server.kill()


def project_whose_rows_fail(environment):
    """A project that was answered with an error is not there: neither it nor a part of it, so that the client may ask again."""
    data = tempfile.mkdtemp(prefix="tracewell-faulty-")
    faults = Faults(environment, data)
    server = Server(environment.binary, data=data, init=environment.init_file(3), env=faults.env)
    made, refused = set(), set()
    try:
        server.start()
        for n in range(12):  # the n-th sync of the request fails: of the accounts, of the rows, or none that it has
            faults.arm(SYNC, errno.EIO, skip=n, count=1)
            reply = Client(server.base).request("POST", "/api/project", {"teamId": projects.TEAM, "name": f"try {n}"},
                                                {"X-API-Key": projects.TEAM_KEY})
            faults.clear()
            (made if status(reply, 200, 503).status == 200 else refused).add(f"try {n}")
            if not server.alive():
                server.init = None
                server.start()
        server.kill()
        code, out, err = tracewell(environment.binary, "project", "list", "--json", "--data", data)
        true(code == 0, f"project list: {err}")
        listed = {p["name"] for p in json.loads(out)["projects"] if p["name"].startswith("try ")}
        equal(sorted(listed), sorted(made), "projects that are there")
        true(len(refused) >= 2 and made, f"some must fail and some not: {len(refused)} refused, {len(made)} made")
    finally:
        server.kill()
        faults.close()
        shutil.rmtree(data, ignore_errors=True)


def tests(environment):
    many = 10**6
    for name, ops, error, count in (("one-failed-sync", SYNC, errno.EIO, 1), ("failed-syncs", SYNC, errno.EIO, many),
                                    ("one-failed-write", WRITE, errno.EIO, 1), ("failed-writes", WRITE, errno.EIO,
                                                                                many), ("no-space-on-write", WRITE,
                                                                                        errno.ENOSPC, many),
                                    ("one-short-write", WRITE, SHORT, 1), ("short-writes", WRITE, SHORT, 20),
                                    ("everything-fails", WRITE | SYNC | NAME, errno.EIO, many)):
        yield f"crash/fault-{name}", lambda e, ops=ops, error=error, count=count: fails_for_a_while(
            e, ops, error, count)
    for name, ops, error in (("write", WRITE, errno.EIO), ("sync", SYNC, errno.EIO), ("short-write", WRITE, SHORT),
                             ("truncate", NAME, errno.EIO)):
        yield f"crash/nth-{name}-fails", lambda e, ops=ops, error=error: nth_calls(e, ops, error)
    yield "crash/disk-full", disk_full
    yield "crash/project-whose-rows-fail", project_whose_rows_fail
