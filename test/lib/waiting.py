"""test/waiting.md: what cannot pass before another part is built. A test asks for its line and is skipped with the reason."""
import functools
import os
import re

from lib.suite import Skip

FILE = os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "waiting.md")


@functools.lru_cache(None)
def table():
    rows = {}
    with open(FILE, encoding="utf-8") as f:
        for line in f:
            match = re.match(r"\|\s*`([^`]+)`\s*\|\s*(.+?)\s*\|\s*$", line)
            if match:
                rows[match.group(1)] = match.group(2)
    return rows


def waits(what):
    """Skips the test while waiting.md has the line `what`; without it the test goes on."""
    if what in table():
        raise Skip(f"waits for {table()[what]}")


def waiting(what):
    """True while waiting.md has the line: the part of a test that needs it is left out."""
    return what in table()
