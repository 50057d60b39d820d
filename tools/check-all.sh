#!/usr/bin/env bash
# The long check: every CTest test under each sanitizer, the running server's suites, crash rounds, every fuzzer.
# tools/check-all.sh SECONDS, the time each fuzzer gets. Called by `make check-all`.
set -uo pipefail
cd "$(dirname "$0")/.."
seconds=$1
results=build/check-all
rm -rf "$results" && mkdir -p "$results"

say() { printf '\n== %s\n' "$*"; }
# step NAME COMMAND...: runs it, shows the end of its output if it fails, and counts it as one check.
step() {
    local name=$1; shift
    say "$name"
    if "$@" >"$results/$name.log" 2>&1; then echo "PASS $name" >>"$results/steps.txt"
    else tail -n 40 "$results/$name.log"; echo "FAIL $name see $results/$name.log" >>"$results/steps.txt"; fi
}
# suite ARGUMENTS...: test/run.py prints for itself and writes build/test-results.txt, which is kept under another name.
suite() {
    local name=$1 rc=0; shift
    say "$name"
    rm -f build/test-results.txt
    python3 test/run.py "$@" || rc=$?
    [ ! -e build/test-results.txt ] || mv build/test-results.txt "$results/$name.txt"
    if [ "$rc" != 0 ] && ! grep -qs '^FAIL ' "$results/$name.txt"; then
        echo "FAIL $name test/run.py ended with status $rc" >>"$results/steps.txt"
    fi
}

step build-release make release
for preset in dev asan tsan; do
    step "build-$preset" make "build-$preset"
    say "tests under $preset"
    tools/run-ctest.py "build/$preset" "$results/ctest-$preset.txt" --prefix "$preset:"
    suite "flow-$preset" flow accept bad --binary "build/$preset/tracewell"
done
suite suites --binary build/release/tracewell
suite crash crash --rounds 200 --binary build/release/tracewell
step build-fuzz make build-fuzz
for harness in test/fuzz/*_fuzz.c; do
    [ -e "$harness" ] || continue
    name=$(basename "$harness" _fuzz.c)
    step "fuzz-$name" tools/fuzz.sh "$name" "$seconds"
done
echo
tools/test-summary.py "$results"/*.txt
