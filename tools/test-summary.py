#!/usr/bin/env python3
"""Adds up result files, names what failed, and ends with the counting line `N passed, N failed`.

    tools/test-summary.py [--also NAME=STATUS] FILE...

A file holds lines `PASS name`, `FAIL name reason` or `SKIP name reason`. --also gives the exit status of the program that
wrote the last file: when it is not 0 but the file names no failure (or is not there), that counts as one failure.
The status is 1 when anything failed, or when nothing was tested at all.
"""
import argparse
import os
import sys


def read(path):
    if not os.path.exists(path):
        return []
    with open(path, encoding="utf-8", errors="replace") as f:
        return [line.rstrip("\n") for line in f if line.split(" ", 1)[0].strip() in ("PASS", "FAIL", "SKIP")]


def main():
    p = argparse.ArgumentParser()
    p.add_argument("--also", default="")
    p.add_argument("files", nargs="+")
    a = p.parse_args()
    lines = [read(path) for path in a.files]
    program, _, status = a.also.rpartition("=")
    if program and status != "0" and not any(line.startswith("FAIL") for line in lines[-1]):
        lines.append([f"FAIL {program} ended with status {status}"])
    lines = [line for file in lines for line in file]
    failed = [line for line in lines if line.startswith("FAIL")]
    passed = sum(line.startswith("PASS") for line in lines)
    for line in failed:
        print(line)
    for line in lines:
        if line.startswith("SKIP"):
            print(line)
    if not lines:
        print("No test was found")
    print(f"{passed} passed, {len(failed)} failed")
    return 1 if failed or passed == 0 else 0


if __name__ == "__main__":
    sys.exit(main())
