"""The binary under test: started on a folder of its own, watched, killed by its pid."""
import os
import re
import select
import shutil
import signal
import subprocess
import tempfile
import threading
import time

from lib.suite import Failure

REPORTS = re.compile(
    r"(ERROR: (Address|Leak|Memory)Sanitizer|WARNING: ThreadSanitizer|runtime error: |"
    r"AddressSanitizer:DEADLYSIGNAL|SUMMARY: \w*Sanitizer|Assertion .* failed|\*\*\* stack smashing)")
SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1:abort_on_error=0:verify_asan_link_order=0",
    "UBSAN_OPTIONS": "print_stacktrace=1:halt_on_error=1", "TSAN_OPTIONS": "second_deadlock_stack=1",
}
DEFAULTS = ["--listen", "127.0.0.1:0", "--otlp-http", "127.0.0.1:0", "--otlp-grpc", "127.0.0.1:0"]


class Server:
    """One running `tracewell serve`. `base`, `otlp_port` and `grpc_port` change with every start; a port that is off is None."""
    def __init__(self, binary, data=None, init=None, options=(), env=None, start_seconds=30, ports=DEFAULTS):
        self.binary, self.init, self.options, self.env = binary, init, list(options), dict(env or {})
        self.start_seconds, self.ports = start_seconds, ports
        self.owns = data is None
        self.data = data or tempfile.mkdtemp(prefix="tracewell-test-")
        self.base = self.pid = self.process = self.otlp_port = self.grpc_port = None
        self.lines = []
        self.reader = None
        self.lock = threading.Lock()

    # ---- life ----

    def command(self):
        init = ["--init", self.init] if self.init else []
        return [self.binary, "serve", "--data", self.data, *self.ports, *init, *self.options]

    def environment(self):
        clean = {k: v for k, v in os.environ.items() if not k.startswith("TRACEWELL_")}
        return {**clean, **SANITIZERS, **self.env}

    def start(self):
        """Waits for `tracewell ready http://...` on standard output. Any other ending is a failure with what was logged."""
        began = time.monotonic()
        self.process = subprocess.Popen(self.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, env=self.environment(), start_new_session=True)
        self.pid = self.process.pid
        self.reader = threading.Thread(target=self._collect, args=(self.process.stderr, ), daemon=True)
        self.reader.start()
        said = self._until_ready(began + self.start_seconds)
        match = re.search(r"^tracewell ready (http://\S+)$", said, re.M)
        if not match:
            self.kill()
            raise Failure(f"the server did not get ready: {said!r}; it logged: {self.log()[-800:] or 'nothing'}")
        self.base = match.group(1)
        self.otlp_port, self.grpc_port = (_port(said, scheme) for scheme in ("http", "grpc"))
        self.start_time = time.monotonic() - began
        threading.Thread(target=_drain, args=(self.process.stdout, ), daemon=True).start()
        return self

    def _until_ready(self, until):
        """Standard output up to the ready line; before it stand the ports of OTLP, and first keys of an empty folder."""
        got, out = b"", self.process.stdout
        os.set_blocking(out.fileno(), False)
        while time.monotonic() < until:
            select.select([out], [], [], max(0.0, min(0.2, until - time.monotonic())))
            piece = out.read(65536)
            if piece == b"" or (piece is None and self.process.poll() is not None):
                break
            got += piece or b""
            lines = got.decode("utf-8", "replace").split("\n")
            if any("tracewell ready " in line for line in lines[:-1]):
                os.set_blocking(out.fileno(), True)
                return "\n".join(lines[:-1])
        return got.decode("utf-8", "replace")

    def _collect(self, stream):
        for raw in stream:
            with self.lock:
                self.lines.append(raw.decode("utf-8", "replace").rstrip("\n"))
        stream.close()

    def log(self, since=0):
        with self.lock:
            return "\n".join(self.lines[since:])

    def log_size(self):
        with self.lock:
            return len(self.lines)

    def alive(self):
        return self.process is not None and self.process.poll() is None

    def kill(self):
        """kill -9, by pid. Not an error of the server's."""
        if self.process and self.process.poll() is None:
            os.kill(self.pid, signal.SIGKILL)
        return self._over()

    def _over(self, timeout=30):
        code = self.process.wait(timeout) if self.process else None
        if self.reader:
            self.reader.join(10)
        return code

    def terminate(self, timeout=60):
        """SIGTERM, by pid; gives the exit code."""
        os.kill(self.pid, signal.SIGTERM)
        try:
            return self._over(timeout)
        except subprocess.TimeoutExpired:
            self.kill()
            raise Failure(f"the server did not stop within {timeout} s of SIGTERM")

    def restart(self, kill=True):
        """Stops and starts again on the same folder, without --init: the accounts are in the folder."""
        self.kill() if kill else self.terminate()
        self.init = None
        return self.start()

    # ---- judging ----

    def healthy(self):
        """Fails when the server crashed by itself or a sanitizer spoke."""
        report = REPORTS.search(self.log())
        if report:
            at = self.log().find(report.group(0))
            raise Failure(f"the server logged: {self.log()[at:at + 1200]}")
        if self.process and self.process.poll() not in (None, 0, -signal.SIGKILL):
            raise Failure(f"the server ended with {self.process.poll()}; it logged: {self.log()[-1200:]}")

    def stop(self):
        """SIGTERM; must end with 0 and without a report."""
        code = self.terminate() if self.alive() else self.process.poll()
        self.healthy()
        if code != 0:
            raise Failure(f"the server ended with {code} after SIGTERM; it logged: {self.log()[-800:]}")

    def remove(self):
        if self.process and self.process.poll() is None:
            self.kill()
        if self.owns:
            shutil.rmtree(self.data, ignore_errors=True)

    def __enter__(self):
        try:
            return self if self.process else self.start()
        except BaseException:
            self.remove()
            raise

    def __exit__(self, *_):
        self.remove()


def _port(said, scheme):
    match = re.search(rf"^otlp {scheme}://\S+:(\d+)$", said, re.M)
    return int(match.group(1)) if match else None


def _drain(stream):
    """Reads on, so that the server never waits for its standard output."""
    try:
        while stream.read(65536):
            pass
    except (OSError, ValueError):
        pass


def sanitized(binary):
    """True for a build with a sanitizer: slower, and started with limits of its own."""
    with open(binary, "rb") as f:
        return b"__asan_init" in (data := f.read()) or b"__tsan_init" in data


def tracewell(binary, *arguments, timeout=120, env=None, data_input=None):
    """Runs a command of the binary to its end: (exit code, standard output, standard error)."""
    clean = {k: v for k, v in os.environ.items() if not k.startswith("TRACEWELL_")}
    done = subprocess.run([binary, *arguments], stdout=subprocess.PIPE, stderr=subprocess.PIPE, timeout=timeout,
                          stdin=subprocess.DEVNULL if data_input is None else None, input=data_input,
                          env={**clean, **SANITIZERS, **(env or {})})
    out, err = done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")
    report = REPORTS.search(err)
    if report:
        raise Failure(f"tracewell {' '.join(arguments)} logged: {err[:1200]}")
    return done.returncode, out, err
