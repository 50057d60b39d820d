# OpenTelemetry for Python: an agent, a model call and a tool with the GenAI conventions, attributes of every type, 60 KB, an exception;
# log records with messages; over protobuf (compressed) and gRPC.
# With: http, grpc
from helper import (BIG_TEXT, GRPC, KEY, URL, WORD, contains, nothing_lost, one, search, span_of, trace, trace_where, tree)
import json

from opentelemetry import trace as api
from opentelemetry._logs import LogRecord, SeverityNumber
from opentelemetry.sdk._logs import LoggerProvider
from opentelemetry.sdk._logs.export import BatchLogRecordProcessor
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor

if WORD == "grpc":
    from opentelemetry.exporter.otlp.proto.grpc._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter
    options = {"endpoint": GRPC, "insecure": True, "headers": (("authorization", f"Bearer {KEY}"), )}
    exporter, log_exporter = OTLPSpanExporter(**options), OTLPLogExporter(**options)
else:
    from opentelemetry.exporter.otlp.proto.http import Compression
    from opentelemetry.exporter.otlp.proto.http._log_exporter import OTLPLogExporter
    from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
    options = {"headers": {"x-api-key": KEY}, "compression": Compression.Gzip}
    exporter = OTLPSpanExporter(endpoint=f"{URL}/v1/traces", **options)
    log_exporter = OTLPLogExporter(endpoint=f"{URL}/v1/logs", **options)

resource = Resource.create({"service.name": "sdk-test", "deployment.environment.name": "staging"})
provider = TracerProvider(resource=resource)
provider.add_span_processor(BatchSpanProcessor(exporter))
logs = LoggerProvider(resource=resource)
logs.add_log_record_processor(BatchLogRecordProcessor(log_exporter))
tracer, logger = provider.get_tracer("weather", "1.2.3"), logs.get_logger("weather")


def text(role, content):
    return {"role": role, "parts": [{"type": "text", "content": content}]}


chat = {
    "gen_ai.operation.name": "chat", "gen_ai.provider.name": "openai", "gen_ai.request.model": "gpt-4o",
    "gen_ai.request.temperature": 0.2, "gen_ai.response.model": "gpt-4o-2024-08-06",
    "gen_ai.input.messages": json.dumps([text("user", BIG_TEXT)]),
    "gen_ai.output.messages": json.dumps([text("assistant", "In Bergen 🌧️.")], ensure_ascii=False),
    "gen_ai.usage.input_tokens": 120, "gen_ai.usage.output_tokens": 40, "gen_ai.usage.cache_read.input_tokens": 100
}
values = {
    "own.text": "größe", "own.flag": True, "own.whole": 2**62, "own.fraction": 2.5, "own.texts": ["a", "🏷️"],
    "own.wholes": [1, -2], "own.bytes": b"\x00\xff"
}
with tracer.start_as_current_span("answer", attributes={"user.id": "user-42", "session.id": "session-1", **values}) as root:
    tracer.start_span("chat gpt-4o", kind=api.SpanKind.CLIENT, attributes=chat).end()
    tool = {"gen_ai.operation.name": "execute_tool", "gen_ai.tool.name": "get_weather", "gen_ai.tool.call.arguments": '{"city":"Zürich"}'}
    try:
        with tracer.start_as_current_span("execute_tool get_weather", attributes=tool):
            raise ValueError("kaputt 🧨")
    except ValueError:
        pass
    with tracer.start_as_current_span("logged", attributes={"gen_ai.request.model": "gpt-4o-mini"}):
        for name, body in (("gen_ai.system.message", {"content": "Kurz."}), ("gen_ai.user.message", {"content": "Grüezi 👋"}),
                           ("gen_ai.choice", {"index": 0, "finish_reason": "stop", "message": {"content": "Hallo!"}})):
            logger.emit(LogRecord(event_name=name, body=body, severity_number=SeverityNumber.INFO, timestamp=None))
id = f"{root.get_span_context().trace_id:032x}"
provider.shutdown()
logs.shutdown()
nothing_lost()

got = trace(id)
assert tree(got) == {"answer": {"chat gpt-4o": {}, "get_weather": {}, "logged": {}}}, tree(got)
contains(got, {
    "metadata": {"user_id": "user-42", "thread_id": "session-1"}, "error": {"has_error": True, "message": "kaputt 🧨"},
    "metrics": {"prompt_tokens": 20, "completion_tokens": 40, "cache_read_input_tokens": 100}
})
own = span_of(got, "answer")["params"]["own"]
contains(own, {"text": "größe", "flag": True, "whole": 2**62, "fraction": 2.5, "texts": ["a", "🏷️"], "wholes": [1, -2], "bytes": "AP8="})
contains(span_of(got, "chat gpt-4o"), {
    "type": "llm", "model": "gpt-4o-2024-08-06", "vendor": "openai",
    "input": {"type": "chat_messages", "value": [text("user", BIG_TEXT)]},
    "output": {"type": "chat_messages", "value": [text("assistant", "In Bergen 🌧️.")]}
})
failed = span_of(got, "get_weather")
contains(failed, {"type": "tool", "input": {"value": {"city": "Zürich"}}, "error": {"message": "kaputt 🧨"}})
assert "otel_genai.py" in "\n".join(failed["error"]["stacktrace"]), failed["error"]
logged = span_of(got, "logged")
contains(logged["input"]["value"], [{"role": "system", "content": "Kurz."}, {"role": "user", "content": "Grüezi 👋"}])
contains(logged["output"]["value"], {"finish_reason": "stop", "message": {"content": "Hallo!"}})
assert trace_where(metadata__user_id="user-42")["trace_id"] == id
assert one(search()["traces"], lambda t: t["trace_id"] == id, "the trace")
