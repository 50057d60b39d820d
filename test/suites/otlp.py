"""OpenTelemetry (otlp.md): the vectors, lists where the first key wins, traces of many spans in any order, answers, credentials, logs and
metrics, gRPC, sizes."""
from suites import otlp_answers, otlp_grpc, otlp_logs, otlp_orders, otlp_sizes, otlp_traces, otlp_vectors

MODULES = [otlp_vectors, otlp_orders, otlp_traces, otlp_answers, otlp_logs, otlp_grpc, otlp_sizes]


def tests(environment):
    for module in MODULES:
        yield from module.tests
