"""Rounds of random load, kill -9 within 50 to 500 ms, and a start on the same folder: nothing acknowledged is lost or doubled."""
import random
import time

from lib import projects
from lib.http import Client
from lib.load import Worker, verify
from lib.server import Server, sanitized, tracewell
from lib.suite import Failure

WORKERS = 4
GROUP = 10  # rounds a test


class Rounds:
    """One folder for all rounds; a project for each."""
    def __init__(self):
        self.server = None
        self.past = []  # (project number, views) of earlier rounds
        self.acknowledged = 0

    def start(self, environment):
        if self.server is None:
            init = environment.init_file(environment.rounds + 5)
            self.slow = 4 if sanitized(environment.binary) else 1
            self.server = Server(environment.binary, init=init, start_seconds=30 * self.slow)
            environment.at_close.append(self.server.kill)
            self.server.start()
            self.random = random.Random(environment.seed)
        elif not self.server.alive():
            self.server.start()

    def round(self, environment, number):
        self.start(environment)
        project_of = lambda client: projects.scratch(client, number)  # noqa: E731
        workers = [Worker(self.server.base, project_of, i, f"{environment.seed}-{number}") for i in range(WORKERS)]
        for worker in workers:
            worker.start()
        until = time.monotonic() + 5
        while time.monotonic() < until and not any(w.log for w in workers):
            time.sleep(0.002)
        time.sleep(self.random.uniform(0.05, 0.5) * self.slow)
        self.server.kill()
        for worker in workers:
            worker.join(30)
        self.server.healthy()
        odd = [w.odd for w in workers if w.odd]
        if odd:
            raise Failure(f"round {number}: {odd[0]}")
        if number % GROUP == 0:
            self.check(environment, number)
        if self.random.random() < 0.2:
            self.kill_while_starting()
        self.server.init = None
        self.server.start()
        views = [w.view() for w in workers]
        self.acknowledged += self.judge(number, number, views)
        if self.past:
            self.judge(number, *self.random.choice(self.past))
        self.past.append((number, views))

    def judge(self, now, number, views):
        try:
            return verify(projects.scratch(Client(self.server.base), number), views, sample=15, rng=self.random)
        except Failure as e:
            raise Failure(
                f"after the kill of round {now}, rows of round {number}: {e} (folder {self.server.data}, kept)"
            ) from e

    def kill_while_starting(self):
        """A second crash before the first one is recovered from."""
        self.server.init = None
        try:
            starter = Server(self.server.binary, data=self.server.data,
                             start_seconds=0.001 + self.random.random() * 0.05)
            starter.start()
        except Failure:
            pass  # it was not ready yet, and is dead now
        starter.kill()

    def check(self, environment, number):
        code, out, err = tracewell(environment.binary, "check", "--data", self.server.data, timeout=600)
        if code != 0:
            said = f"{out[-600:]} {err[-200:]} (folder {self.server.data}, kept)"
            raise Failure(f"round {number}: tracewell check of the folder as the kill left it: {said}")

    def all_again(self, environment):
        """At the end every round is read once more, from a folder that stopped in order."""
        if not self.past:
            raise Failure("no round came to its end")
        self.server.stop()
        self.check(environment, len(self.past))
        self.server.start()
        for number, views in self.past if len(self.past) <= 60 else self.random.sample(self.past, 60):
            self.judge(len(self.past), number, views)
        self.server.stop()
        print(f"           crash: {len(self.past)} kills, {self.acknowledged} acknowledged requests, none lost",
              flush=True)
        self.server.remove()


def group(environment, rounds, first, last):
    for number in range(first, last + 1):
        rounds.round(environment, number)


def tests(environment):
    rounds = Rounds()
    for first in range(1, environment.rounds + 1, GROUP):
        last = min(first + GROUP - 1, environment.rounds)
        yield f"crash/kill-rounds-{first:03d}-{last:03d}", lambda e, first=first, last=last: group(
            e, rounds, first, last)
    yield "crash/kill-all-rounds-again", lambda e: rounds.all_again(e)
