# Phoenix for Python: OpenInference around the OpenAI client (whole, streamed, tools, embeddings, refused) below decorated functions.
import openai
from helper import BIG_TEXT, KEY, URL, contains, nothing_lost, one, span_of, trace_where, tree
from openai_stub import start
from openinference.instrumentation import using_attributes
from openinference.instrumentation.openai import OpenAIInstrumentor
from phoenix.otel import register

provider = register(endpoint=f"{URL}/v1/traces", protocol="http/protobuf", project_name="sdk-test", api_key=KEY, batch=True,
                    verbose=False)
OpenAIInstrumentor().instrument(tracer_provider=provider)
client = openai.OpenAI(api_key="none", base_url=start(), max_retries=0)
tracer = provider.get_tracer("app")
messages = [{"role": "system", "content": "Kurz."}, {"role": "user", "content": "Hallo Welt"}]
weather = {"type": "function", "function": {"name": "get_weather", "parameters": {"type": "object", "properties": {}}}}


@tracer.tool(name="lookup")
def lookup(city: str, unit: str = "C"):
    return {"temp": 21, "city": city}


@tracer.chain(name="root")
def root(question: str):
    client.chat.completions.create(model="gpt-4o", temperature=0.3, messages=messages)
    parts = client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "Strom"}], stream=True,
                                           stream_options={"include_usage": True})
    assert "".join(p.choices[0].delta.content or "" for p in parts if p.choices).strip() == "Echo: Strom"
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": "weather?"}], tools=[weather])
    client.chat.completions.create(model="gpt-4o-mini", messages=[{"role": "user", "content": BIG_TEXT}])
    client.embeddings.create(model="text-embedding-3-small", input="eins")
    try:
        client.chat.completions.create(model="ratelimited", messages=messages[1:])
    except openai.RateLimitError:
        pass
    lookup("Zürich", unit="F")
    return "fertig ✅"


with using_attributes(user_id="user-42", session_id="s/1 ü", metadata={"tier": "gold"}, tags=["größe", "🏷️"]):
    root("Wo?")
provider.force_flush()
nothing_lost()

got = trace_where(metadata__user_id="user-42")
assert set(tree(got)) == {"root"} and "lookup" in tree(got)["root"], tree(got)
contains(got, {
    "metadata": {"user_id": "user-42", "thread_id": "s/1 ü", "labels": ["größe", "🏷️"], "tier": "gold"},
    "input": {"value": "Wo?"}, "output": {"value": "fertig ✅"}
})
contains(span_of(got, "lookup"), {
    "type": "tool", "input": {"value": {"city": "Zürich", "unit": "F"}}, "output": {"value": {"temp": 21, "city": "Zürich"}}
})
calls = [s for s in got["spans"] if s["type"] == "llm"]
assert len(calls) == 5, [s["name"] for s in calls]


def about(word):
    return one(calls, lambda s: word in str(s["input"]) and not s["error"], word)


whole = about("Hallo Welt")
contains(whole, {
    "name": "ChatCompletion", "model": "gpt-4o-2024-08-06", "vendor": "openai",
    "input": {"type": "json", "value": {"messages": messages, "model": "gpt-4o", "temperature": 0.3}},
    "metrics": {"prompt_tokens": 16, "completion_tokens": 5, "cache_read_input_tokens": 4}
})
assert whole["output"]["value"]["choices"][0]["message"]["content"] == "Echo: Hallo Welt"
contains(about("Strom"), {"metrics": {"prompt_tokens": 10, "completion_tokens": 5}})
assert got["metrics"]["first_token_ms"] is not None, "the first chunk's time"
asked = about("weather?")["output"]["value"]["choices"][0]["message"]["tool_calls"][0]["function"]
assert asked == {"name": "get_weather", "arguments": '{"city":"Zürich"}'}, asked
assert about("äöüß")["input"]["value"]["messages"][0]["content"] == BIG_TEXT
contains(one(calls, lambda s: s["error"], "the refused call"), {"error": {"has_error": True}})
assert "größer Fehler 🚦" in got["error"]["message"], got["error"]
contains(one(got["spans"], lambda s: s["type"] == "component", "the embedding"), {"model": "text-embedding-3-small"})
