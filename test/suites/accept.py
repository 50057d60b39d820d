"""The acceptance lists: langwatch.md 13, llmonitor.md 12, langtrace.md 12, and what one dialect wrote read through the other."""
from suites import (accept_cross, accept_langtrace, accept_langtrace_records, accept_langwatch, accept_langwatch_keys, accept_langwatch_reads, accept_langwatch_search,
                    accept_llmonitor, accept_llmonitor_reads, accept_llmonitor_runs, accept_llmonitor_threads,
                    accept_vectors)

MODULES = [
    accept_langwatch, accept_langwatch_search, accept_langwatch_keys, accept_langwatch_reads, accept_llmonitor,
    accept_llmonitor_runs, accept_llmonitor_threads, accept_llmonitor_reads, accept_langtrace, accept_langtrace_records,
    accept_cross, accept_vectors
]


def tests(environment):
    for module in MODULES:
        yield from module.tests
