#!/usr/bin/env python3
"""Black-box tests of the server: the real binary, real sockets.

    test/run.py [SUITE ...] --binary PATH [--filter TEXT] [--rounds N] [--seed N] [--times] [--results FILE]

Suites: flow replay accept bad isolation collisions otlp cli crash sdk readme; without names all of them, with 10 crash rounds. Only when
named: pysdk, which needs PyPI.
Writes build/test-results.txt (`PASS|FAIL|SKIP name reason`), prints a line for each failure; status 1 when one failed.
"""
import argparse
import importlib
import os
import random
import sys
import time

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from lib.environment import ROOT, Environment  # noqa: E402
from lib.suite import Results  # noqa: E402

SUITES = ["flow", "replay", "accept", "bad", "isolation", "collisions", "otlp", "cli", "crash", "sdk", "readme"]
ONLY_NAMED = ["pysdk"]


def run_suite(name, results, options):
    """A suite is a module suites/NAME.py with tests(environment) giving (name, function of the environment)."""
    module = importlib.import_module(f"suites.{name}")
    environment = Environment(os.path.abspath(options.binary), options.rounds, options.seed, wanted=results.wanted)
    try:
        for test, function in module.tests(environment):
            results.run(test, function, environment)
    finally:
        used = environment.server is not None
        reason = environment.close()
        if used:
            results.note("FAIL" if reason else "PASS", f"{name}/server-stops-cleanly", reason or "")


def main():
    p = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("suites", nargs="*", metavar="SUITE", help=" ".join(SUITES + ONLY_NAMED))
    p.add_argument("--binary", required=True)
    p.add_argument("--filter", default="", help="only tests whose name contains this")
    p.add_argument("--rounds", type=int, default=10, help="rounds of the crash suite")
    p.add_argument("--seed", type=int, default=None, help="of what is random; printed by the suites that use it")
    p.add_argument("--results", default=os.path.join(ROOT, "build", "test-results.txt"))
    p.add_argument("--times", action="store_true", help="show the ten slowest tests")
    options = p.parse_args()
    unknown = [s for s in options.suites if s not in SUITES + ONLY_NAMED]
    if unknown:
        p.error(f"there is no suite {unknown[0]!r}; the suites are {', '.join(SUITES)}")
    if not os.access(options.binary, os.X_OK):
        p.error(f"{options.binary} is not there or not executable; build it first: make")
    if options.seed is None:
        options.seed = random.SystemRandom().randrange(1 << 31)
    os.makedirs(os.path.dirname(options.results), exist_ok=True)
    results = Results(options.results, options.filter)
    for name in options.suites or SUITES:
        began, before = time.monotonic(), dict(results.counts)
        run_suite(name, results, options)
        passed, failed, skipped = (results.counts[k] - before[k] for k in ("PASS", "FAIL", "SKIP"))
        print(
            f"{name:10s} {passed} passed, {failed} failed" + (f", {skipped} skipped" if skipped else "") +
            f"  ({time.monotonic() - began:.1f} s)", flush=True)
    for seconds, name in sorted(results.slowest, reverse=True)[:10] if options.times else []:
        print(f"  {seconds:6.1f} s  {name}")
    results.close()
    if results.counts["FAIL"]:
        print(f"To repeat what was random: --seed {options.seed}")
    return 1 if results.counts["FAIL"] or not results.counts["PASS"] else 0


if __name__ == "__main__":
    sys.exit(main())
