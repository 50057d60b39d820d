"""Promises 1 and 3 under fire: kill -9 at random moments, a disk that is full, a disk that fails, a power cut.

With --rounds 200 or more the parts that take long are run in full; with the default of 10 each is run a little.
"""
from suites import crash_faults, crash_kill, crash_power

MODULES = [crash_kill, crash_faults, crash_power]


def tests(environment):
    for module in MODULES:
        yield from module.tests(environment)
