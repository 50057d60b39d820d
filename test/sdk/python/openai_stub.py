"""A stand-in for the OpenAI API on a local port, as ../openai_stub.mjs: it echoes the last message; whole and streamed chat, a first call
of a tool where tools are offered, embeddings. The model "ratelimited" is refused with 429; "gpt-4o" answers under a dated name and counts
cached tokens."""
import base64
import http.server
import json
import struct
import threading

REFUSAL = {
    "message": "Rate limit reached – größer Fehler 🚦", "type": "requests", "param": None, "code": "rate_limit_exceeded"
}
TOOL_ARGUMENTS = '{"city":"Zürich"}'


def dated(model):
    return "gpt-4o-2024-08-06" if model == "gpt-4o" else model


def usage(request):
    words = 10 * len(request["messages"])
    counted = {"prompt_tokens": words, "completion_tokens": 5, "total_tokens": words + 5}
    if request["model"] == "gpt-4o":
        counted["prompt_tokens_details"] = {"cached_tokens": 4, "audio_tokens": 0}
        counted["completion_tokens_details"] = {"reasoning_tokens": 0, "audio_tokens": 0}
    return counted


def answer(request):
    last = request["messages"][-1]
    if request.get("tools") and last["role"] == "user":
        function = {"name": request["tools"][0]["function"]["name"], "arguments": TOOL_ARGUMENTS}
        calls = [{"id": "call-1", "type": "function", "function": function}]
        return {"role": "assistant", "content": None, "tool_calls": calls}, "tool_calls"
    return {"role": "assistant", "content": f"Echo: {last['content']}"}, "stop"


def chat(request):
    message, reason = answer(request)
    return {
        "id": "chatcmpl-1", "object": "chat.completion", "created": 1750000000, "model": dated(request["model"]),
        "choices": [{"index": 0, "message": message, "finish_reason": reason}], "usage": usage(request)
    }


def chunks(request):
    message, reason = answer(request)
    base = {"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1750000000, "model": dated(request["model"])}
    deltas = [({"role": "assistant", "content": ""}, None)]
    deltas += [({"content": word + " "}, None) for word in message["content"].split(" ")]
    for delta, finish in [*deltas, ({}, reason)]:
        yield {**base, "choices": [{"index": 0, "delta": delta, "finish_reason": finish}]}
    if request.get("stream_options", {}).get("include_usage"):
        yield {**base, "choices": [], "usage": usage(request)}


def embeddings(request):
    texts = request["input"] if isinstance(request["input"], list) else [request["input"]]

    def encode(vector):
        packed = base64.b64encode(struct.pack("<3f", *vector)).decode()
        return packed if request.get("encoding_format") == "base64" else vector

    data = [{"object": "embedding", "index": i, "embedding": encode([i, 0.5, -1])} for i in range(len(texts))]
    counted = {"prompt_tokens": 3 * len(texts), "total_tokens": 3 * len(texts)}
    return {"object": "list", "model": request["model"], "data": data, "usage": counted}


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def send(self, status, kind, body):
        self.send_response(status)
        for name, value in (("Content-Type", kind), ("Content-Length", len(body)), ("x-should-retry", "false")):
            self.send_header(name, str(value))
        self.end_headers()
        self.wfile.write(body)

    def do_POST(self):
        request = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        if request["model"] == "ratelimited":
            return self.send(429, "application/json", json.dumps({"error": REFUSAL}).encode())
        if request.get("stream"):
            lines = [f"data: {json.dumps(c)}\n\n" for c in chunks(request)]
            return self.send(200, "text/event-stream", "".join([*lines, "data: [DONE]\n\n"]).encode())
        made = embeddings(request) if self.path.endswith("/embeddings") else chat(request)
        return self.send(200, "application/json", json.dumps(made).encode())


def start():
    """The base URL."""
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    return f"http://127.0.0.1:{server.server_port}/v1"
