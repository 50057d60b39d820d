#!/usr/bin/env bash
# Every check that needs no running program, one line each; called by `make lint`. Writes build/lint-results.txt.
set -uo pipefail
cd "$(dirname "$0")/.."
results=build/lint-results.txt
mkdir -p build && : >"$results"

# check NAME COMMAND...: silent when all is well.
check() {
    local name=$1 output; shift
    if output=$("$@" 2>&1); then echo "PASS lint/$name" >>"$results"; printf '  %-10s ok\n' "$name"
    else echo "FAIL lint/$name" >>"$results"; printf '%s\n  %-10s FAILED\n' "$output" "$name"; fi
}
# The files alone: what is wrong inside them, `make format` mends.
format() {
    local wrong
    wrong=$(tools/c-files.sh | xargs -0r clang-format --dry-run 2>&1 | grep -oE '^[^ :]+:[0-9]+:.*(warning|error):' |
        awk -F: '!seen[$1]++ { print $1 ":" $2 ": not formatted; run make format" }')
    [ -z "$wrong" ] || { printf '%s\n' "$wrong"; return 1; }
}
spelling() {
    local places=()
    for place in README.md CONTRIBUTING.md CHANGELOG.md docs src test/README.md tools Makefile CMakeLists.txt; do
        [ -e "$place" ] && places+=("$place")
    done
    codespell --quiet-level 3 --ignore-words-list "$(paste -sd, tools/codespell-words.txt)" \
        --skip '*.json,*.gen.*,node_modules,codespell-words.txt' "${places[@]}"
}
check format format
check includes tools/check-includes
check tables tools/check-tables
check spelling spelling
check docs tools/gen-docs --check
check tidy tools/tidy build/lint
tools/test-summary.py "$results"
