"""The preloaded libraries of test/crash/: compiled once a run, and the control of the one that makes the disk fail."""
import errno
import mmap
import os
import shutil
import struct
import subprocess

from lib.environment import TEST
from lib.suite import Failure, Skip

WRITE, SYNC, NAME = 1, 2, 4
SHORT = 0  # as an error: only the first half is written
FIELDS = struct.Struct("6i")


def library(environment, name):
    """build of test/crash/NAME.c; skips, loudly, without a compiler."""
    compiler = shutil.which("cc") or shutil.which("gcc") or shutil.which("clang")
    if not compiler:
        raise Skip(f"there is no C compiler for test/crash/{name}.c")
    out = os.path.join(environment.folder, f"{name}.so")
    if not os.path.exists(out):
        source = os.path.join(TEST, "crash", f"{name}.c")
        done = subprocess.run([compiler, "-O2", "-shared", "-fPIC", "-o", out, source, "-ldl", "-lpthread"],
                              capture_output=True, text=True)
        if done.returncode:
            raise Failure(f"test/crash/{name}.c does not compile: {done.stderr[:400]}")
    return out


class Faults:
    """Shared memory with test/crash/faulty_io.c: which calls fail, how, how many."""
    def __init__(self, environment, data):
        self.path = os.path.join(environment.folder, f"faults-{os.urandom(4).hex()}")
        with open(self.path, "wb") as f:
            f.write(b"\0" * 4096)
        self.file = open(self.path, "r+b")
        self.memory = mmap.mmap(self.file.fileno(), 4096)
        self.env = {
            "LD_PRELOAD": library(environment, "faulty_io"), "FAULTY_CONTROL": self.path,
            "FAULTY_DIR": os.path.realpath(data)
        }

    def arm(self, ops, error=errno.EIO, skip=0, count=1):
        """From now on, after `skip` calls of these kinds went through, `count` of them fail."""
        self.memory[:24] = FIELDS.pack(ops, error, skip, 0, 0, 0)
        self.memory[12:16] = struct.pack("i", count)

    def clear(self):
        """Back to a healthy disk; gives how many calls failed."""
        self.memory[12:16] = struct.pack("i", 0)
        return self.injected()

    def injected(self):
        return FIELDS.unpack(self.memory[:24])[4]

    def close(self):
        self.memory.close()
        self.file.close()
        os.unlink(self.path)
