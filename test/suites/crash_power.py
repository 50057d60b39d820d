"""Power cuts: the folder is rebuilt from a log of writes and syncs; it must open, check and hold what was acknowledged."""
import os
import random
import shutil
import tempfile
import time

from lib import projects
from lib.check import true
from lib.faults import library
from lib.http import Client
from lib.load import Worker, verify
from lib.power import Disk
from lib.server import Server, tracewell
from lib.suite import Failure

WORKERS = 3


def project_of(client):
    return projects.scratch(client, 1)


class Recording:
    """A server under load whose writes are logged; each acknowledgement knows how long the log was when it came."""
    def __init__(self, environment, seconds, payload, options=()):
        self.data = os.path.realpath(tempfile.mkdtemp(prefix="tracewell-power-"))
        self.path = os.path.join(environment.folder, f"power-{os.urandom(4).hex()}.log")
        env = {"LD_PRELOAD": library(environment, "power_log"), "POWER_LOG": self.path, "POWER_DIR": self.data}
        self.server = Server(environment.binary, data=self.data, init=environment.init_file(3), env=env,
                             options=options)
        environment.at_close.append(self.server.kill)
        self.server.start()
        self.ready = os.path.getsize(self.path)
        self.workers = [
            Worker(self.server.base, project_of, i, environment.seed, on_ack=self.note, payload=payload)
            for i in range(WORKERS)
        ]
        for worker in self.workers:
            worker.start()
        time.sleep(seconds)
        self.server.kill()
        for worker in self.workers:
            worker.join(20)
        odd = [w.odd for w in self.workers if w.odd]
        true(not odd, f"under load: {odd[:1]}")
        with open(self.path, "rb") as f:
            self.log = f.read()
        os.unlink(self.path)

    def note(self, sent):
        sent.at = os.path.getsize(self.path)

    def cuts(self, rng, count):
        """Random places, and the very moments after an acknowledgement."""
        acks = [s.at for w in self.workers for s in w.log if s.acknowledged]
        true(len(acks) > 20, f"only {len(acks)} requests were acknowledged while recording")
        places = [rng.choice(acks) for _ in range(count // 2)
                  ] + [rng.randrange(self.ready, len(self.log)) for _ in range(count - count // 2 - 1)]
        return sorted([*places, len(self.log)])


def judge(environment, recording, folder, cut):
    code, out, err = tracewell(environment.binary, "check", "--data", folder)
    if code != 0:
        raise Failure(f"tracewell check: {out[-500:]} {err[-300:]}")
    with Server(environment.binary, data=folder) as server:
        verify(project_of(Client(server.base)), [w.view(cut) for w in recording.workers], sample=10)
        p = project_of(Client(server.base))
        p.lw.collect({"trace_id": "after-the-cut", "spans": []})
        server.stop()


def power_cuts(environment, seconds, payload, count, options=()):
    rng = random.Random(environment.seed)
    recording = Recording(environment, seconds, payload, options)
    disk = Disk(recording.log, recording.data)
    try:
        for number, cut in enumerate(recording.cuts(rng, count)):
            disk.advance(cut)
            for mode in ("lost", "torn") if number % 4 else ("lost", "torn", "kept"):
                folder = tempfile.mkdtemp(prefix="tracewell-after-cut-", dir=environment.folder)
                disk.rebuild(folder, rng, mode)
                try:
                    judge(environment, recording, folder, cut)
                except Failure as e:
                    raise Failure(
                        f"cut {number} at {cut} of {len(recording.log)}, what was not synced is {mode}: {e}") from e
                finally:
                    shutil.rmtree(folder, ignore_errors=True)
    finally:
        recording.server.remove()
        shutil.rmtree(recording.data, ignore_errors=True)


def tests(environment):
    count = 40 if environment.rounds >= 100 else 5
    yield "crash/power-cut-small-events", lambda e: power_cuts(e, 1.5, 50, count)
    yield "crash/power-cut-large-events", lambda e: power_cuts(e, 1.5, 20000, count)
    yield "crash/power-cut-many-segments", lambda e: power_cuts(
        e, 1.5, 20000, count, ["--store-segment", "1MiB", "--store-wal-limit", "1MiB"])
