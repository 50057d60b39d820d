# LangWatch for Python: decorated trace and spans, typed values, RAG contexts, metrics, evaluations, the OpenAI client tracked, an error;
# reading back through the SDK.
import langwatch
import openai
from helper import BIG_TEXT, LANGWATCH_KEY, URL, contains, nothing_lost, one, span_of, trace, tree
from langwatch.types import RAGChunk
from openai_stub import start
from opentelemetry import trace as api

langwatch.setup(api_key=LANGWATCH_KEY, endpoint_url=URL)
client = openai.OpenAI(api_key="none", base_url=start(), max_retries=0)
messages = [{"role": "system", "content": "Kurz."}, {"role": "user", "content": "Wo regnet es?"}]
ids = []


@langwatch.span(type="rag")
def retrieve(question):
    langwatch.get_current_span().update(contexts=[RAGChunk(document_id="d1", chunk_id="c1", content="Bergen ist nass.")])
    return "ein Dokument"


@langwatch.span(type="llm", name="model")
def model(question):
    span = langwatch.get_current_span()
    span.update(model="openai/gpt-4o-mini", params={"temperature": 0.2}, input=messages,
                metrics={"prompt_tokens": 19, "completion_tokens": 7, "cost": 0.25})
    span.add_evaluation(name="My Metric!", passed=True, score=0.85, details="gut 👍")
    return [{"role": "assistant", "content": "In Bergen. 🌧️"}]


@langwatch.trace(name="handle", metadata={"user_id": "user-42", "thread_id": "th/1 ü", "labels": ["größe", "🏷️"], "tier": "gold"})
def handle(question):
    current = langwatch.get_current_trace()
    current.autotrack_openai_calls(client)
    ids.append(f"{api.get_current_span().get_span_context().trace_id:032x}")
    retrieve(question)
    model(question)
    with langwatch.span(type="tool", name="large") as span:
        span.update(input=BIG_TEXT, output={"text": BIG_TEXT, "list": [1.5, None]})
    client.chat.completions.create(model="gpt-4o", temperature=0.3, messages=messages)
    try:
        with langwatch.span(type="tool", name="bad"):
            raise ValueError("kaputt 🧨")
    except ValueError:
        pass
    return "In Bergen."


assert handle("Wo regnet es?") == "In Bergen."
api.get_tracer_provider().force_flush()
nothing_lost()

got = trace(ids[0])
assert set(tree(got)) == {"handle"}, tree(got)
contains(got, {
    "output": {"value": "In Bergen."}, "error": {"has_error": True, "message": "kaputt 🧨"},
    "metadata": {"user_id": "user-42", "thread_id": "th/1 ü", "labels": ["größe", "🏷️"], "tier": "gold"}
})
contains(span_of(got, "retrieve"), {
    "type": "rag", "output": {"type": "text", "value": "ein Dokument"},
    "contexts": [{"document_id": "d1", "chunk_id": "c1", "content": "Bergen ist nass."}]
})
contains(span_of(got, "model"), {
    "type": "llm", "model": "openai/gpt-4o-mini", "input": {"type": "chat_messages", "value": messages},
    "output": {"type": "chat_messages", "value": [{"role": "assistant", "content": "In Bergen. 🌧️"}]},
    "metrics": {"prompt_tokens": 19, "completion_tokens": 7, "cost": 0.25}
})
contains(span_of(got, "large"), {
    "input": {"type": "text", "value": BIG_TEXT}, "output": {"type": "json", "value": {"text": BIG_TEXT, "list": [1.5, None]}}
})
tracked = one(got["spans"], lambda s: s["type"] == "llm" and s["name"] != "model", "the tracked call")
contains(tracked, {
    "model": "openai/gpt-4o", "input": {"type": "chat_messages", "value": messages},
    "metrics": {"prompt_tokens": 20, "completion_tokens": 5}
})
assert tracked["output"]["value"][0]["content"] == "Echo: Wo regnet es?", tracked["output"]
contains(one(got["evaluations"], lambda e: e["name"] == "My Metric!", "the evaluation"),
         {"passed": True, "score": 0.85, "details": "gut 👍", "status": "processed"})
failed = span_of(got, "bad")
assert len(failed["error"]["stacktrace"]) == 1, "an exception that is recorded twice is one"
contains(failed, {"error": {"message": "kaputt 🧨"}})
