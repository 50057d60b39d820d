// A stand-in for the OpenAI chat API on a local port: echoes the last message; streams; calls a tool; answers 429 to a model of that name.
import http from "node:http";

const usage = (words) => ({ prompt_tokens: words, completion_tokens: 5, total_tokens: words + 5 });

function answer(request) {
  const last = request.messages.at(-1).content;
  if (request.tools && request.messages.at(-1).role === "user")
    return {
      role: "assistant",
      content: null,
      tool_calls: [
        {
          id: "call-1",
          type: "function",
          function: { name: request.tools[0].function.name, arguments: '{"city":"Zürich"}' },
        },
      ],
    };
  return { role: "assistant", content: `Echo: ${last}` };
}

function stream(response, request) {
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  const chunk = (delta, finish = null) =>
    response.write(
      `data: ${JSON.stringify({ id: "c", object: "chat.completion.chunk", created: 1, model: request.model, choices: [{ index: 0, delta, finish_reason: finish }] })}\n\n`,
    );
  chunk({ role: "assistant", content: "" });
  for (const word of answer(request).content.split(/(?<= )/)) chunk({ content: word });
  chunk({}, "stop");
  response.end("data: [DONE]\n\n");
}

export async function openaiStub() {
  const server = http.createServer((incoming, response) => {
    let text = "";
    incoming.on("data", (piece) => (text += piece));
    incoming.on("end", () => {
      const request = JSON.parse(text);
      if (request.model === "ratelimited") {
        response.writeHead(429, { "Content-Type": "application/json", "x-should-retry": "false" });
        response.end(
          JSON.stringify({
            error: {
              message: "Rate limit reached – größer Fehler 🚦",
              type: "requests",
              param: null,
              code: "rate_limit_exceeded",
            },
          }),
        );
      } else if (request.stream) {
        stream(response, request);
      } else {
        response.writeHead(200, { "Content-Type": "application/json" });
        const choices = [{ index: 0, message: answer(request), finish_reason: "stop" }];
        response.end(
          JSON.stringify({
            id: "c",
            object: "chat.completion",
            created: 1,
            model: request.model,
            choices,
            usage: usage(request.messages.length * 10),
          }),
        );
      }
    });
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { baseURL: `http://127.0.0.1:${server.address().port}/v1`, close: () => server.close() };
}
