#!/usr/bin/env python3
"""Runs a build's CTest tests and writes one line for each test function: `PASS name` or `FAIL name reason`.

    tools/run-ctest.py BUILD_DIR RESULTS_FILE [--labels REGEX] [--match REGEX] [--prefix TEXT]

CTest knows executables; cmocka reports the functions in each as XML (the build gives every executable a file of its own).
An executable that fails without a failed function (a crash, a sanitizer's report at exit) counts as one failure.
The output of what failed is shown. The status is 0 also when tests fail: tools/test-summary.py judges.
"""
import argparse
import os
import platform
import re
import shutil
import subprocess
import sys
import xml.etree.ElementTree as ET

SANITIZERS = {
    "ASAN_OPTIONS": "detect_leaks=1:strict_string_checks=1:detect_stack_use_after_return=1",
    "UBSAN_OPTIONS": "print_stacktrace=1",
    "TSAN_OPTIONS": "second_deadlock_stack=1",
}


def functions(path):
    """Yields (name, state, text) from a cmocka report, which may hold several XML documents and unescaped text."""
    if not os.path.exists(path):
        return
    with open(path, encoding="utf-8", errors="replace") as f:
        report = f.read()
    for m in re.finditer(r'<testcase name="(.*?)" time="[^"]*"\s*(?:/>|>(.*?)</testcase>)', report, re.S):
        body = m.group(2) or ""
        failure = re.search(r"<(?:failure|error)>?(.*?)</(?:failure|error)>", body, re.S)
        if failure:
            text = re.sub(r"<!\[CDATA\[|\]\]>", "", failure.group(1))
            yield m.group(1), "FAIL", text.strip()
        else:
            yield m.group(1), "SKIP" if "<skipped" in body else "PASS", ""


def without_aslr(build):
    """The thread sanitizer of older clangs refuses some address layouts; a fixed one suits them all."""
    wrap = ["setarch", platform.machine(), "-R"]
    if os.path.basename(build) == "tsan" and shutil.which("setarch"):
        if subprocess.run(wrap + ["true"], stderr=subprocess.DEVNULL).returncode == 0:
            return wrap
    return []


def run(build, labels, match):
    reports = os.path.join(build, "cmocka")
    shutil.rmtree(reports, ignore_errors=True)
    os.makedirs(reports)
    junit = os.path.abspath(os.path.join(build, "junit.xml"))
    env = dict(SANITIZERS, **os.environ)
    env["CMOCKA_MESSAGE_OUTPUT"] = "xml"
    command = without_aslr(build) + ["ctest", "--test-dir", build, "--output-junit", junit,
                                     "-j", str(os.cpu_count() or 1), "--test-output-size-failed", "100000"]
    command += ["-L", labels] if labels else []
    command += ["-R", match] if match else []
    if os.path.exists(junit):
        os.remove(junit)
    done = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    if not os.path.exists(junit):
        print(done.stdout)
        return None
    return ET.parse(junit).getroot().iter("testcase")


def collect(build, cases):
    for case in cases:
        test = case.get("name")
        if case.get("status") in ("disabled", "notrun"):
            yield "FAIL", test, "did not run; was it built?", ""
            continue
        output = case.findtext("system-out") or ""
        failed = case.find("failure") is not None or case.get("status") == "fail"
        seen_failure = seen_any = False
        for name, state, text in functions(os.path.join(build, "cmocka", test.replace("/", "_") + ".xml")):
            seen_any = True
            seen_failure |= state == "FAIL"
            yield state, f"{test}/{name}", text.replace("\n", "; "), text
        if failed and not seen_failure:
            why = case.find("failure")
            message = why.get("message") if why is not None else ""
            yield "FAIL", test, message or "ended with an error", output
        elif not seen_any and not failed:
            yield "PASS", test, "", ""


def main():
    p = argparse.ArgumentParser()
    p.add_argument("build")
    p.add_argument("results")
    p.add_argument("--labels", default="")
    p.add_argument("--match", default="")
    p.add_argument("--prefix", default="")
    a = p.parse_args()
    cases = run(a.build, a.labels, a.match)
    with open(a.results, "w", encoding="utf-8") as out:
        if cases is None:
            out.write(f"FAIL {a.prefix}ctest did not run\n")
            return
        counts = {"PASS": 0, "FAIL": 0, "SKIP": 0}
        for state, name, reason, output in collect(a.build, cases):
            counts[state] += 1
            out.write(f"{state} {a.prefix}{name} {reason}".rstrip() + "\n")
            if state == "FAIL" and output:
                print(f"---- {a.prefix}{name}\n{output.strip()}")
    print(f"{a.prefix}ctest: {counts['PASS']} passed, {counts['FAIL']} failed"
          + (f", {counts['SKIP']} skipped" if counts["SKIP"] else ""))


if __name__ == "__main__":
    sys.exit(main())
