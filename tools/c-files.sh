#!/usr/bin/env bash
# Prints the C files that people write, each ended by a NUL. Tables (.def) keep their own columns, generated C its own form.
cd "$(dirname "$0")/.." || exit 1
for folder in src test; do
    [ -d "$folder" ] && find "$folder" -name node_modules -prune -o -name '*.gen.[ch]' -o -name '*.[ch]' -print0
done | sort -z
