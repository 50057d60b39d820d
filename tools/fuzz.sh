#!/usr/bin/env bash
# Runs one fuzz harness: tools/fuzz.sh NAME [SECONDS]. Without SECONDS it runs until it is stopped.
#
# It starts from test/fuzz/corpus/NAME and test/fuzz/crashers/NAME, keeps what it discovers in build/fuzz-corpus/NAME, and
# leaves a crash in test/fuzz/crashers/NAME, where it stays as a regression test once it is fixed and committed.
set -euo pipefail
cd "$(dirname "$0")/.."
name=${1:-} seconds=${2:-0}
harness=build/fuzz/test/fuzz/${name}_fuzz
if [ -z "$name" ] || [ ! -x "$harness" ]; then
    echo "usage: make fuzz D=NAME [T=SECONDS], where NAME is one of:"
    for f in test/fuzz/*_fuzz.c; do [ -e "$f" ] && basename "$f" _fuzz.c | sed 's/^/  /'; done
    exit 2
fi
found=build/fuzz-corpus/$name corpus=test/fuzz/corpus/$name crashers=test/fuzz/crashers/$name
mkdir -p "$found" "$corpus" "$crashers"
dictionary=()
[ -e "test/fuzz/$name.dict" ] && dictionary=(-dict="test/fuzz/$name.dict")
export ASAN_OPTIONS=${ASAN_OPTIONS:-detect_leaks=1} UBSAN_OPTIONS=${UBSAN_OPTIONS:-print_stacktrace=1}
exec "$harness" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 -print_final_stats=1 \
    "${dictionary[@]}" -artifact_prefix="$crashers/" "$found" "$corpus" "$crashers"
