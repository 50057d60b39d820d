// A stand-in for the OpenAI API on a local port. It echoes the last message, so that a program knows what to read back: chat and
// responses, whole and streamed; a first call of a tool where tools are offered; JSON where a schema is asked for; embeddings.
// The model "ratelimited" is refused with 429. As at OpenAI, "gpt-4o" answers under a dated name and counts cached tokens.
import http from "node:http";

const dated = (model) => (model === "gpt-4o" ? "gpt-4o-2024-08-06" : model);
const chatUsage = (request) => {
  const words = request.messages.length * 10;
  const usage = { prompt_tokens: words, completion_tokens: 5, total_tokens: words + 5 };
  return request.model !== "gpt-4o"
    ? usage
    : {
        ...usage,
        prompt_tokens_details: { cached_tokens: 4, audio_tokens: 0 },
        completion_tokens_details: { reasoning_tokens: 0, audio_tokens: 0 },
      };
};
const toolArguments = '{"city":"Zürich"}';

const textOf = (content) =>
  Array.isArray(content)
    ? content.map((part) => part.text ?? "").join("")
    : typeof content === "string"
      ? content
      : JSON.stringify(content);

// What to say to the last message: a tool call, or text.
function reply(last, tools, wantsJson) {
  if (tools?.length && last.role === "user") return { tool: tools[0].function?.name ?? tools[0].name };
  if (wantsJson) return { text: JSON.stringify({ city: textOf(last.content), degrees: 21 }) };
  return { text: `Echo: ${textOf(last.content ?? last.output)}` };
}

function chatReply(request) {
  return reply(request.messages.at(-1), request.tools, request.response_format?.type?.startsWith("json"));
}

const calls = (name) => [{ id: "call-1", type: "function", function: { name, arguments: toolArguments } }];

function chat(request) {
  const { text, tool } = chatReply(request);
  const message = tool
    ? { role: "assistant", content: null, tool_calls: calls(tool) }
    : { role: "assistant", content: text };
  return {
    id: "chatcmpl-1",
    object: "chat.completion",
    created: 1750000000,
    model: dated(request.model),
    choices: [{ index: 0, message, finish_reason: tool ? "tool_calls" : "stop" }],
    usage: chatUsage(request),
  };
}

function chatStream(response, request) {
  const { text, tool } = chatReply(request);
  const base = {
    id: "chatcmpl-1",
    object: "chat.completion.chunk",
    created: 1750000000,
    model: dated(request.model),
  };
  const send = (value) => response.write(`data: ${JSON.stringify({ ...base, ...value })}\n\n`);
  const chunk = (delta, finish = null) => send({ choices: [{ index: 0, delta, finish_reason: finish }] });
  chunk({ role: "assistant", content: "" });
  if (tool) chunk({ tool_calls: [{ index: 0, ...calls(tool)[0] }] });
  else for (const word of text.split(/(?<= )/)) chunk({ content: word });
  chunk({}, tool ? "tool_calls" : "stop");
  if (request.stream_options?.include_usage) send({ choices: [], usage: chatUsage(request) });
  response.end("data: [DONE]\n\n");
}

// The Responses API: input is a text or a list of items.
function responsesBody(request) {
  const items = Array.isArray(request.input) ? request.input : [{ role: "user", content: request.input }];
  const { text, tool } = reply(items.at(-1), request.tools, request.text?.format?.type?.startsWith("json"));
  const output = tool
    ? {
        type: "function_call",
        id: "fc_1",
        call_id: "call-1",
        name: tool,
        arguments: toolArguments,
        status: "completed",
      }
    : {
        type: "message",
        id: "msg_1",
        status: "completed",
        role: "assistant",
        content: [{ type: "output_text", text, annotations: [] }],
      };
  const input = items.length * 10;
  return {
    id: "resp_1",
    object: "response",
    created_at: 1750000000,
    status: "completed",
    error: null,
    incomplete_details: null,
    instructions: request.instructions ?? null,
    model: dated(request.model),
    output: [output],
    parallel_tool_calls: true,
    temperature: request.temperature ?? 1,
    tool_choice: "auto",
    tools: request.tools ?? [],
    top_p: 1,
    metadata: {},
    usage: {
      input_tokens: input,
      input_tokens_details: { cached_tokens: request.model === "gpt-4o" ? 4 : 0 },
      output_tokens: 5,
      output_tokens_details: { reasoning_tokens: 0 },
      total_tokens: input + 5,
    },
  };
}

function responsesStream(response, request) {
  const body = responsesBody(request);
  const [item] = body.output;
  let number = 0;
  const send = (type, value) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, sequence_number: number++, ...value })}\n\n`);
  send("response.created", { response: { ...body, status: "in_progress", output: [], usage: null } });
  if (item.type === "message") {
    const at = { item_id: item.id, output_index: 0, content_index: 0 };
    const { text } = item.content[0];
    send("response.output_item.added", { output_index: 0, item: { ...item, status: "in_progress", content: [] } });
    send("response.content_part.added", { ...at, part: { ...item.content[0], text: "" } });
    for (const delta of text.split(/(?<= )/)) send("response.output_text.delta", { ...at, delta });
    send("response.output_text.done", { ...at, text });
    send("response.content_part.done", { ...at, part: item.content[0] });
  } else {
    const at = { item_id: item.id, output_index: 0 };
    send("response.output_item.added", { output_index: 0, item: { ...item, status: "in_progress", arguments: "" } });
    send("response.function_call_arguments.delta", { ...at, delta: item.arguments });
    send("response.function_call_arguments.done", { ...at, arguments: item.arguments });
  }
  send("response.output_item.done", { output_index: 0, item });
  send("response.completed", { response: body });
  response.end();
}

// The n-th text gets the vector [n, 0.5, -1]; base64 of its floats when the client asks for that, as OpenAI's own does.
function embeddings(request) {
  const texts = [request.input].flat();
  const encode = (vector) =>
    request.encoding_format === "base64" ? Buffer.from(Float32Array.from(vector).buffer).toString("base64") : vector;
  const data = texts.map((_, index) => ({ object: "embedding", index, embedding: encode([index, 0.5, -1]) }));
  const tokens = texts.length * 3;
  return { object: "list", model: request.model, data, usage: { prompt_tokens: tokens, total_tokens: tokens } };
}

const refusal = {
  error: {
    message: "Rate limit reached – größer Fehler 🚦",
    type: "requests",
    param: null,
    code: "rate_limit_exceeded",
  },
};

const routes = {
  "/v1/chat/completions": { whole: chat, streamed: chatStream },
  "/v1/responses": { whole: responsesBody, streamed: responsesStream },
  "/v1/embeddings": { whole: embeddings },
};

function answer(path, request, response) {
  const json = (status, value) => {
    response.writeHead(status, { "Content-Type": "application/json", "x-should-retry": "false" });
    response.end(JSON.stringify(value));
  };
  const route = routes[path];
  if (!route) return json(404, { error: { message: `the stand-in has no ${path}`, type: "invalid_request_error" } });
  if (request.model === "ratelimited") return json(429, refusal);
  if (!request.stream) return json(200, route.whole(request));
  response.writeHead(200, { "Content-Type": "text/event-stream" });
  route.streamed(response, request);
}

export async function openaiStub() {
  const server = http.createServer((incoming, response) => {
    let text = "";
    incoming.setEncoding("utf8");
    incoming.on("data", (piece) => (text += piece));
    incoming.on("end", () => answer(incoming.url, JSON.parse(text), response));
  });
  server.keepAliveTimeout = 120_000; // a client that waits a while must not find its connection closed
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return {
    baseURL: `http://127.0.0.1:${server.address().port}/v1`,
    close: () => {
      server.close();
      server.closeAllConnections?.();
    },
  };
}
