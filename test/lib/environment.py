"""What a suite runs in: the binary, one shared server, and an empty project for each test."""
import os
import shutil
import tempfile

from lib import projects
from lib.http import Client
from lib.server import Server
from lib.suite import Failure

ROOT = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
TEST = os.path.join(ROOT, "test")


class Environment:
    def __init__(self, binary, rounds=10, seed=None, scratch=600, wanted=lambda name: True):
        self.binary, self.rounds, self.seed, self.count = binary, rounds, seed, scratch
        self.wanted = wanted  # of a test's name: will it be run?
        self.options = ()  # of the shared server
        self.root, self.test = ROOT, TEST
        self.folder = tempfile.mkdtemp(prefix="tracewell-suite-")
        self.server = self.client = None
        self.used = 0
        self.at_close = []  # what a suite wants done when it is over, also after a failure

    def init_file(self, count=None):
        count = count or self.count
        path = os.path.join(self.folder, f"init-{count}.json")
        return path if os.path.exists(path) else projects.write_init(path, count)

    def shared(self, options=()):
        """The server of this suite, started at the first call, and again after a crash (which one test will have noted)."""
        if self.server and self.server.alive():
            return self.server
        if self.server:
            report = self.server
            self.server = None
            try:
                report.healthy()
            finally:
                report.remove()
            raise Failure(f"the server is gone; it logged: {report.log()[-800:]}")
        self.server = Server(self.binary, init=self.init_file(), options=options or self.options)
        self.server.start()
        if self.client:
            self.client.base = self.server.base
        else:
            self.client = Client(self.server.base)
        return self.server

    def project(self):
        """An empty project on the shared server."""
        self.shared()
        self.used += 1
        if self.used > self.count:
            raise Failure(f"this suite used up its {self.count} projects")
        return projects.scratch(self.client, self.used - 1)

    def demo(self):
        self.shared()
        return projects.demo(self.client)

    def other(self):
        self.shared()
        return projects.other(self.client)

    def fresh_server(self, **more):
        """A server of the test's own; use with `with`."""
        more.setdefault("init", self.init_file())
        return Server(self.binary, **more)

    def close(self):
        """Stops the shared server; gives the reason when that was not clean."""
        reason = None
        for function in self.at_close:
            function()
        if self.server:
            try:
                self.server.stop()
            except Failure as e:
                reason = str(e)
            self.server.remove()
        shutil.rmtree(self.folder, ignore_errors=True)
        return reason
