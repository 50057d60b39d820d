# Langtrace for Python: the OpenAI client (whole, streamed, tools, embeddings, refused) below a root span; feedback, changed once; a prompt
# of the registry. Its host is given without a path (it appends /v1/traces), and as /api/trace.
# With: plain, path
import os

import openai
import tiktoken
from helper import KEY, PROJECT, URL, WORD, call, contains, langtrace_traces, nothing_lost, one, span_of, trace_where, tree
from openai_stub import start

os.environ["LANGTRACE_API_HOST"] = URL + ("/api/trace" if WORD == "path" else "")
os.environ["LANGTRACE_API_KEY"] = KEY
from langtrace_python_sdk import (SendUserFeedback, get_prompt_from_registry, inject_additional_attributes, langtrace,
                                  with_langtrace_root_span)  # noqa: E402
from opentelemetry import trace as api  # noqa: E402

langtrace.init(api_key=KEY, session_id="session-1", disable_logging=True)
client = openai.OpenAI(api_key="none", base_url=start(), max_retries=0)
messages = [{"role": "system", "content": "Kurz."}, {"role": "user", "content": "Grüezi 👋"}]
weather = {"type": "function", "function": {"name": "get_weather", "description": "w", "parameters": {"type": "object", "properties": {}}}}
ids = {}


def can_count():
    """Langtrace counts a stream's tokens itself, with a table that tiktoken downloads."""
    try:
        return bool(tiktoken.get_encoding("cl100k_base"))
    except Exception as e:
        print(f"no streamed call: tiktoken has no table: {e}")
        return False


streams = can_count()


def calls():
    ask = client.chat.completions.create
    ask(model="gpt-4o", temperature=0.3, messages=messages)
    if streams:
        parts = ask(model="gpt-4o-mini", stream=True, messages=[{"role": "user", "content": "Strom ü"}])
        assert "".join(p.choices[0].delta.content or "" for p in parts if p.choices).strip() == "Echo: Strom ü"
    ask(model="gpt-4o-mini", messages=[{"role": "user", "content": "weather?"}], tools=[weather])
    client.embeddings.create(model="text-embedding-3-small", input=["eins", "zwei"])
    try:
        ask(model="ratelimited", messages=messages[1:])
    except openai.RateLimitError:
        pass


@with_langtrace_root_span("root")
def run(span_id, trace_id):
    ids.update(span=span_id, trace=trace_id)
    inject_additional_attributes(calls, {"user_id": "user-42", "tier": "gold"})


run()
api.get_tracer_provider().force_flush()
nothing_lost()

got = trace_where(metadata__user_id="user-42")
assert set(tree(got)) == {"root"} and len(got["spans"]) == 5 + streams, tree(got)
contains(got, {"metadata": {"thread_id": "session-1"}})
chats = [s for s in got["spans"] if s["name"] == "openai.chat.completions.create"]
assert len(chats) == 3 + streams


def about(word):
    return one(chats, lambda s: word in str(s["input"]) and not s["error"], word)


contains(about("Kurz."), {
    "type": "llm", "model": "gpt-4o-2024-08-06", "vendor": "openai",
    "input": {"type": "chat_messages", "value": messages},
    "output": {"type": "chat_messages", "value": [{"role": "assistant", "content": "Echo: Grüezi 👋"}]},
    "metrics": {"prompt_tokens": 16, "completion_tokens": 5, "cache_read_input_tokens": 4}, "params": {"tier": "gold"}
})
if streams:
    assert "Echo: Strom ü" in about("Strom ü")["output"]["value"][0]["content"]
assert "get_weather" in str(about("weather?")["output"]["value"])
contains(span_of(got, "openai.embeddings.create"), {"metrics": {"prompt_tokens": 6}})
assert "größer Fehler 🚦" in got["error"]["message"], got["error"]

shown = one(langtrace_traces(), lambda t: t["trace_id"] == got["trace_id"], "the trace in Langtrace")
contains(shown, {"name": "root", "status_code": "ERROR"})
whole = one(shown["spans"], lambda s: s["attributes"].get("gen_ai.request.model") == "gpt-4o", "the whole call")
contains(whole["attributes"], {"langtrace.service.name": "OpenAI", "user_id": "user-42", "gen_ai.request.temperature": 0.3})
assert [e["name"] for e in whole["events"]] == ["gen_ai.content.prompt", "gen_ai.content.completion"]

for score in (1, -1):
    SendUserFeedback().evaluate({"spanId": ids["span"], "traceId": ids["trace"], "userScore": score, "userId": "ich"})
root = span_of(got, "root")["span_id"]
evaluations = call(f"/api/evaluation?spanId={root}", headers={"x-api-key": KEY})["evaluations"]
contains(evaluations, [{"userScore": -1, "userId": "ich"}])

headers = {"x-api-key": KEY}
set_body = {"name": "greeting", "description": "", "projectId": PROJECT}
made = call("/api/promptset", set_body, headers)["promptset"]
prompt = {
    "value": "Hallo {name}, {topic}!", "variables": ["name", "topic"], "model": "gpt-4o", "modelSettings": {}, "version": 1,
    "live": True, "note": "", "promptsetId": made["id"]
}
call("/api/prompt", prompt, headers)
fetched = get_prompt_from_registry(made["id"], {"variables": {"name": "Änne", "topic": "wie geht's 🧐"}})
assert fetched["value"] == "Hallo Änne, wie geht's 🧐!", fetched
