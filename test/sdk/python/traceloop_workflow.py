# Traceloop for Python: a workflow with an agent, a task and a tool around the OpenAI client; a stream, embeddings, a refused call.
import openai
from helper import KEY, LOUD, URL, contains, nothing_lost, one, span_of, trace_where, tree
from openai_stub import start
from traceloop.sdk import Traceloop
from traceloop.sdk.decorators import agent, task, tool, workflow

client = openai.OpenAI(api_key="none", base_url=start(), max_retries=0)
Traceloop.init(app_name="sdk-test", api_endpoint=URL, api_key=KEY, disable_batch=False, telemetry_enabled=False)


@tool(name="get_weather")
def get_weather(city, unit="C"):
    return {"temp": 21, "text": f"sonnig ☀️ in {city}"}


@task(name="step")
def step(question):
    messages = [{"role": "system", "content": "Kurz."}, {"role": "user", "content": question}]
    client.chat.completions.create(model="gpt-4o", temperature=0.3, messages=messages)
    parts = client.chat.completions.create(model="gpt-4o-mini", stream=True, stream_options={"include_usage": True},
                                           messages=[{"role": "user", "content": "Strom ü"}])
    assert "".join(p.choices[0].delta.content or "" for p in parts if p.choices).strip() == "Echo: Strom ü"
    client.embeddings.create(model="text-embedding-3-small", input=["eins", "zwei 🥈"])
    try:
        client.chat.completions.create(model="ratelimited", messages=[{"role": "user", "content": "x"}])
    except openai.RateLimitError:
        pass
    return get_weather("Zürich", unit="F")["text"]


@agent(name="helper")
def helper(question):
    return step(question)


@workflow(name="flow")
def flow(question):
    Traceloop.set_association_properties({"user_id": "user-42", "session_id": "s/1 ü", "plan": "pro"})
    return {"answer": helper(question)}


assert flow("Grüezi 👋") == {"answer": "sonnig ☀️ in Zürich"}
from opentelemetry import trace as api  # noqa: E402

api.get_tracer_provider().force_flush()
# Its own logs and metrics go to the same place; only spans matter here.
LOUD.said = [said for said in LOUD.said if "span" in said.lower()]
nothing_lost()

got = trace_where(metadata__user_id="user-42")
step_tree = tree(got)["flow.workflow"]["helper.agent"]["step.task"]
assert "get_weather" in step_tree and "openai.chat" in step_tree and "openai.embeddings" in step_tree, step_tree
contains(got, {
    "metadata": {"user_id": "user-42", "thread_id": "s/1 ü", "plan": "pro"}, "output": {"value": "sonnig ☀️ in Zürich"}
})
contains(span_of(got, "flow.workflow"), {"type": "workflow", "output": {"type": "json", "value": {"answer": "sonnig ☀️ in Zürich"}}})
contains(span_of(got, "get_weather"), {
    "type": "tool", "input": {"value": {"args": ["Zürich"], "kwargs": {"unit": "F"}}},
    "output": {"value": {"temp": 21, "text": "sonnig ☀️ in Zürich"}}
})
chats = [s for s in got["spans"] if s["name"] == "openai.chat"]
assert len(chats) == 3, len(chats)
contains(one(chats, lambda s: s["model"] == "gpt-4o-2024-08-06", "the whole call"), {
    "type": "llm", "vendor": "openai", "metrics": {"prompt_tokens": 16, "completion_tokens": 5, "cache_read_input_tokens": 4},
    "input": {"type": "chat_messages", "value": [{"role": "system", "parts": [{"type": "text", "content": "Kurz."}]},
                                                 {"role": "user", "parts": [{"type": "text", "content": "Grüezi 👋"}]}]},
    "output": {"value": [{"role": "assistant", "parts": [{"type": "text", "content": "Echo: Grüezi 👋"}]}]}
})
streamed = one(chats, lambda s: "Strom" in str(s["input"]), "the streamed call")
contains(streamed, {"metrics": {"prompt_tokens": 10, "completion_tokens": 5}})
assert got["metrics"]["first_token_ms"] is not None, "the first chunk's time"
contains(one(chats, lambda s: s["error"], "the refused call"), {"error": {"has_error": True}})
assert "größer Fehler 🚦" in got["error"]["message"]
contains(span_of(got, "openai.embeddings"), {"model": "text-embedding-3-small", "metrics": {"prompt_tokens": 6}})
