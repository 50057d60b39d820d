#!/usr/bin/env bash
# Starts the server in the foreground with sample traces loaded; called by `make run`.
#
#   tools/run-sample.sh BINARY       DATA=DIR keeps the data there (default: a scratch folder, removed at the end)
#                                    LISTEN=HOST:PORT (default: 127.0.0.1:8585, or a free port when that is taken)
#                                    RUN_ONCE=1 stops after the samples, with status 0 when all went well
set -euo pipefail
binary=${1:?usage: tools/run-sample.sh BINARY}
scratch=$(mktemp -d -t tracewell-run-XXXXXX)
data=${DATA:-$scratch/data}
server=""

finish() {
    trap - EXIT INT TERM
    if [ -n "$server" ] && kill -0 "$server" 2>/dev/null; then kill -TERM "$server" && wait "$server" || true; fi
    rm -rf "$scratch"
    exit "${1:-0}"
}
trap 'finish $?' EXIT
trap 'finish 0' INT TERM
die() { printf 'run-sample: %s\n' "$*" >&2; exit 1; }

# ---- Start ----
app=11111111-1111-4111-8111-111111111111
private=22222222-2222-4222-8222-222222222222
cat >"$scratch/init.json" <<END
{"organizations": [{"id": "acme", "name": "Acme", "projects": [{"id": "$app", "name": "demo", "keys": [
  {"form": "langwatch", "secret": "sk-lw-demo"},
  {"form": "lunary", "public": "$app", "secret": "$private"},
  {"form": "langfuse", "public": "pk-lf-demo", "secret": "sk-lf-demo"},
  {"form": "agenttrace", "public": "pk-at-demo", "secret": "sk-at-demo"},
  {"form": "langtrace", "secret": "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"},
  {"form": "tracewell", "secret": "tw_demo"}]}],
  "users": [{"email": "admin@example.com", "password": "change-me-please", "role": "owner"}]}]}
END

# The usual port when nobody listens there, else a free one.
listen=${LISTEN:-}
if [ -z "$listen" ]; then
    listen=127.0.0.1:8585
    if (exec 3<>/dev/tcp/127.0.0.1/8585) 2>/dev/null; then listen=127.0.0.1:0; fi
fi
mkfifo "$scratch/out"
"$binary" serve --data "$data" --listen "$listen" --init "$scratch/init.json" >"$scratch/out" &
server=$!
url=""
while IFS= read -r line; do
    printf '%s\n' "$line"
    case $line in *"tracewell ready "*) url=${line##* }; break ;; esac
done <"$scratch/out"
[ -n "$url" ] || { server=""; die "the server did not get ready; what it said stands above"; }

# ---- One sample trace through each dialect there is, read back through the other ----
now=$(($(date +%s) * 1000))
ask() { curl -sS --fail-with-body --max-time 20 -H 'Content-Type: application/json' "$@" || die "this request failed: curl $*"; }
expect() { case $2 in *"$3"*) printf '  %-12s %s\n' "$1" "$4" ;; *) die "$1: \"$3\" is not in the answer: $2" ;; esac; }

echo "Loading sample traces"
ask -o /dev/null -X POST "$url/api/collector" -H 'X-Auth-Token: sk-lw-demo' -d @- <<END
{"trace_id": "sample-rag", "metadata": {"user_id": "user-1", "thread_id": "thread-1", "labels": ["sample"]}, "spans": [
  {"span_id": "answer", "type": "agent", "name": "answer", "input": {"type": "text", "value": "Where does it rain the most?"},
   "output": {"type": "text", "value": "In Bergen, on about 240 days a year."}, "timestamps": {"started_at": $now, "finished_at": $((now + 1400))}},
  {"span_id": "retrieve", "parent_id": "answer", "type": "rag", "name": "retrieve", "input": {"type": "text", "value": "rain days by town"},
   "contexts": [{"document_id": "atlas-17", "content": "Bergen has about 240 days of rain a year."}], "timestamps": {"started_at": $((now + 50)), "finished_at": $((now + 210))}},
  {"span_id": "chat", "parent_id": "answer", "type": "llm", "name": "chat", "model": "gpt-4o-mini", "vendor": "openai",
   "input": {"type": "chat_messages", "value": [{"role": "user", "content": "Where does it rain the most?"}]},
   "output": {"type": "chat_messages", "value": [{"role": "assistant", "content": "In Bergen, on about 240 days a year."}]},
   "metrics": {"prompt_tokens": 64, "completion_tokens": 12}, "timestamps": {"started_at": $((now + 220)), "finished_at": $((now + 1390))}}],
 "evaluations": [{"evaluation_id": "sample-evaluation", "name": "faithfulness", "score": 0.93, "passed": true}]}
END
ask -o /dev/null -X POST "$url/api/report" -d @- <<END
{"events": [
  {"type": "agent", "app": "$app", "event": "start", "runId": "sample-agent", "timestamp": $now, "name": "planner", "input": "Plan a dry weekend", "tags": ["sample"], "userId": "user-2"},
  {"type": "tool", "app": "$app", "event": "start", "runId": "sample-tool", "parentRunId": "sample-agent", "timestamp": $((now + 20)), "name": "forecast", "input": {"town": "Bergen"}},
  {"type": "tool", "app": "$app", "event": "end", "runId": "sample-tool", "timestamp": $((now + 320)), "output": {"rain": true}},
  {"type": "llm", "app": "$app", "event": "start", "runId": "sample-llm", "parentRunId": "sample-agent", "timestamp": $((now + 330)), "name": "gpt-4", "input": [{"role": "user", "text": "It rains in Bergen. Where to go?"}]},
  {"type": "llm", "app": "$app", "event": "end", "runId": "sample-llm", "timestamp": $((now + 1330)), "output": {"role": "ai", "text": "To Oslo."}, "tokensUsage": {"prompt": 21, "completion": 4}},
  {"type": "agent", "app": "$app", "event": "end", "runId": "sample-agent", "timestamp": $((now + 1350)), "output": "To Oslo."}]}
END
otel=5a3b1e7f00000000000000000000cafe
attribute() { printf '{"key": "%s", "value": {"%s": %s}}' "$1" "$2" "$3"; }
ask -o /dev/null -X POST "$url/v1/traces" -H 'Authorization: Bearer tw_demo' -d @- <<END
{"resourceSpans": [{"resource": {"attributes": [$(attribute service.name stringValue '"weekend-planner"')]}, "scopeSpans": [{"scope": {"name": "sample"}, "spans": [
  {"traceId": "$otel", "spanId": "00000000000a0001", "name": "chat gpt-4o-mini", "kind": 3, "startTimeUnixNano": "${now}000000", "endTimeUnixNano": "$((now + 900))000000", "attributes": [
    $(attribute gen_ai.operation.name stringValue '"chat"'), $(attribute gen_ai.provider.name stringValue '"openai"'), $(attribute gen_ai.request.model stringValue '"gpt-4o-mini"'),
    $(attribute gen_ai.input.messages stringValue '"[{\"role\":\"user\",\"content\":\"And in Oslo?\"}]"'), $(attribute gen_ai.output.messages stringValue '"[{\"role\":\"assistant\",\"content\":\"It snows.\"}]"'),
    $(attribute gen_ai.usage.input_tokens intValue '"9"'), $(attribute gen_ai.usage.output_tokens intValue '"3"')]}]}]}]}
END
expect LangWatch "$(ask -X POST "$url/api/traces/search" -H 'X-Auth-Token: sk-lw-demo' -d '{"query": "Bergen"}')" sample-rag "trace sample-rag: an answer from a retrieved document, found by LangWatch search"
expect LLMonitor "$(ask "$url/v1/runs/sample-agent/related" -H "Authorization: Bearer $private")" '"forecast"' "run sample-agent: an agent, a tool and a model call, read by the Lunary API"
expect OTLP "$(ask "$url/api/traces/$otel" -H 'X-Auth-Token: sk-lw-demo')" 'It snows.' "a span of OpenTelemetry, read as a LangWatch trace"
expect across "$(ask -X POST "$url/api/traces/search" -H 'X-Auth-Token: sk-lw-demo' -d '{"filters": {"metadata.user_id": ["user-2"]}}')" 'To Oslo.' "the LLMonitor run is a LangWatch trace too"

cat <<END

Tracewell is at $url; its data in $data
Keys of the project "demo":
  LangWatch            sk-lw-demo
  LLMonitor, Lunary    app id $app, private key $private
  Langtrace            0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef
  OpenTelemetry        any of them: OTEL_EXPORTER_OTLP_HEADERS='authorization=Bearer tw_demo'
Try, in another terminal:
  curl -s $url/api/trace/sample-rag -H 'X-Auth-Token: sk-lw-demo'
  curl -s '$url/v1/runs?type=llm' -H 'Authorization: Bearer $private'
  curl -s $url/api/report -H 'Content-Type: application/json' -d '{"events":[{"type":"llm","app":"$app","event":"start","runId":"mine","name":"gpt-4","input":"Hello"}]}'
END
if [ "${RUN_ONCE:-}" = 1 ]; then
    kill -TERM "$server"
    code=0
    wait "$server" || code=$?
    server=""
    [ "$code" = 0 ] || die "the server ended with status $code"
    exit 0
fi
echo "Ctrl-C stops it."
code=0
wait "$server" || code=$?
server=""
exit "$code"
