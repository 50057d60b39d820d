"""Bad input gets a clear error in the product's shape, with field and place; nothing crashes, nothing is half stored."""
from suites import bad_bodies, bad_collector, bad_events, bad_exports, bad_langtrace, bad_otlp, bad_requests

MODULES = [bad_requests, bad_bodies, bad_collector, bad_events, bad_otlp, bad_exports, bad_langtrace]


def tests(environment):
    for module in MODULES:
        yield from module.tests
