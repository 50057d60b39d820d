"""llmonitor.md 12, lines 4 to 6 and 9: the lifecycle of a run, its counts and its ids."""
import itertools

from lib.check import NONE, contains, equal, says, status, true
from lib.lunary import end, run_id, start
from lib.model_llmonitor import NONE_OR_EMPTY
from lib.suite import ProjectTests
from lib.waiting import waits
from suites.accept_llmonitor import R, iso, ok

tests = ProjectTests("accept/llmonitor")
T = 1_790_000_000_000


@tests("04-end-before-start")
def end_first(p):
    equal(p.lunary.report([end("r", T + 2000, output="o", tokensUsage={"prompt": 11, "completion": 6})]), ok("r"),
          "the end first")
    contains(p.lunary.run("r"), {"status": "success", "output": "o", "createdAt": NONE}, "the run known from its end")
    equal(
        p.lunary.report(
            [start("r", T, name="gpt-4", input="i", tags=["t"], extra={"a": 1}, userId="u", parentRunId="root")]),
        ok("r"), "then the start")
    contains(
        p.lunary.run("r"), {
            "status": "success", "input": "i", "output": "o", "name": "gpt-4", "tags": ["t"], "params": {"a": 1},
            "createdAt": iso(T), "endedAt": iso(T + 2000), "duration": 2, "user": {"externalId": "u"},
            "tokens": {"prompt": 11, "completion": 6, "total": 17}, "cost": lambda c: abs(c - 0.00069) < 1e-9
        }, "both halves, tokens and cost")


@tests("04-end-before-start-counted")
def end_first_counted(p):
    waits("accept/llmonitor-04 counted")
    p.lunary.report([end("r", T + 2000, output={"role": "ai", "text": "Hello. How are you?"})])
    p.lunary.report([start("r", T, name="gpt-4", input=[{"role": "user", "text": "Hello world!"}])])
    contains(p.lunary.run("r"),
             {"tokens": {"prompt": 11, "completion": 6}, "cost": lambda c: abs(c - 0.00069) < 1e-9},
             "counted once both halves are there")


@tests("04-child-before-parent-in-every-order")
def child_first(p):
    requests = [[
        start(R + "1", T, "agent", name="root", input="q", userId="u", tags=["x"]),
        end(R + "1", T + 9, "agent", output="a")
    ], [start(R + "2", T + 1, "chain", name="mid", parentRunId=R + "1"),
        end(R + "2", T + 8, "chain")],
                [
                    start(R + "3", T + 2, "llm", name="m", parentRunId=R + "2"),
                    end(R + "3", T + 3, output="x", tokensUsage={"prompt": 2, "completion": 3})
                ]]
    for number, order in enumerate(itertools.permutations(range(3))):
        swap = str(number)
        for i in order:
            events = [{**e, **{k: e[k][:-2] + swap + e[k][-1] for k in ("runId", "parentRunId") if k in e}
                       } for e in requests[i]]
            p.lunary.report(events)
        ids = [R[:-1] + swap + d for d in "123"]
        equal([r["id"] for r in p.lunary.related(ids[0])], ids, f"/related after the order {order}")
        for id in ids[1:]:
            contains(p.lunary.run(id), {"traceId": ids[0], "user": {"externalId": "u"}},
                     f"a run below, order {order}")
        contains(
            p.lw.trace(ids[0]),
            {"metadata": {"user_id": "u", "labels": ["x"]}, "metrics": {"prompt_tokens": 2, "completion_tokens": 3}},
            f"one trace, order {order}")
        status(p.lw.call("GET", f"/api/trace/{ids[1]}"), 404)
    equal(p.lw.total(), 6, "traces in all")


@tests("04-parent-that-never-comes")
def orphan(p):
    p.lunary.report([
        start("kid", T, "llm", name="m", parentRunId="never"),
        start("grandkid", T + 1, "tool", name="t", parentRunId="kid")
    ])
    equal([r["id"] for r in p.lunary.related("kid")], [run_id("kid"), run_id("grandkid")], "/related of the orphan")
    p.lunary.report([
        start("own", T, "llm", parentRunId="own"),
        start("x", T + 5, "chain", parentRunId="y"),
        start("y", T + 3, "chain", parentRunId="x")
    ])
    true("traceId" not in p.lunary.run("own"), "a run that names itself is a root")
    true("traceId" not in p.lunary.run("y"), "of a cycle the earliest member is the root")
    contains(p.lunary.run("x"), {"traceId": run_id("y")}, "the other member of the cycle")


@tests("05-second-start")
def second_start(p):
    p.lunary.report([start("r", T, "chain", name="c", metadata={"a": 1})])
    equal(
        p.lunary.report([
            start("r", T + 3, "tool", name="t", input="leak", tags=["leak"], userId="leak", metadata={"leak": 1},
                  extra={"leak": 1})
        ]), [{"id": "r", "success": False, "error": "Run with this ID already exists in the database."}],
        "answer to the second start")
    contains(
        p.lunary.run("r"), {
            "type": "chain", "name": "c", "input": NONE, "tags": NONE_OR_EMPTY, "user": NONE, "params": {},
            "metadata": {"a": 1}
        }, "the run")


@tests("05-duplicate-end")
def second_end(p):
    p.lunary.report([
        start("r", T, name="m"),
        end("r", T + 5, output="a", tokensUsage={"prompt": 1, "completion": 2}, metadata={"k": 1, "l": 1})
    ])
    equal(p.lunary.report([end("r", T + 6, output="b", metadata={"k": 2})]), ok("r"), "answer to the second end")
    want = {
        "output": "b", "endedAt": iso(T + 6), "metadata": {"k": 2, "l": 1}, "tokens": {"prompt": 1, "completion": 2}
    }
    contains(p.lunary.run("r"), want, "the last end wins, what it lacks is left alone")
    p.lunary.report([end("r", T + 4, output="older", metadata={"k": 0})])
    contains(p.lunary.run("r"), want, "an end of an earlier time changes nothing it must not")


@tests("05-error-and-end")
def error_and_end(p):
    p.lunary.report([
        start("r", T, name="m", input="i"), {
            "type": "llm", "event": "error", "runId": "r", "timestamp": T + 5,
            "error": {"message": "boom", "stack": "at line 1"}
        }
    ])
    contains(
        p.lunary.run("r"),
        {"status": "error", "error": {"message": "boom", "stack": "at line 1"}, "endedAt": iso(T + 5), "input": "i"},
        "error after start")
    p.lunary.report([end("r", T + 7, output="o")])
    contains(p.lunary.run("r"), {"status": "success", "output": "o"}, "end after error")
    p.lunary.report([{"type": "llm", "event": "error", "runId": "r", "timestamp": T + 9, "error": "late"}])
    contains(p.lunary.run("r"), {"status": "error", "error": {"message": "late"}, "output": "o"},
             "error after end; the output stays")
    p.lunary.report([start("e", T), {"type": "llm", "event": "error", "runId": "e", "timestamp": T + 1, "error": {}}])
    contains(p.lunary.run("e"), {"error": {"message": "Unknown error"}}, "an error without a message")


@tests("05-update-and-input-on-end")
def update(p):
    p.lunary.report([
        start("r", T, metadata={"a": 1}, input="s"),
        end("r", T + 5, metadata={"b": 1}, input="e"),
        {"type": "llm", "event": "update", "runId": "r", "timestamp": T + 6, "metadata": {"c": 1}},
        end("r", T + 7, metadata={"d": 1})
    ])
    contains(p.lunary.run("r"), {"metadata": {"c": 1, "d": 1}, "input": "e"},
             "update replaces metadata, an end adds to it")


@tests("06-counts-as-sent")
def counts(p):
    p.lunary.report([
        start("r", T, name="gpt-4"),
        end("r", T + 2000, output="o", tokensUsage={"prompt": 1000, "completion": 500, "promptCached": 200})
    ])
    contains(p.lunary.run("r"), {"tokens": {"prompt": 1000, "completion": 500, "cachedPrompt": 200, "total": 1500}},
             "tokens")
    contains(
        p.lw.trace(
            run_id("r"))["metrics"], {"prompt_tokens": 800, "completion_tokens": 500, "cache_read_input_tokens": 200},
        "LangWatch leaves the cache out of its prompt count")
    p.lunary.report(
        [start("c", T, name="gpt-4"),
         end("c", T + 2000, output="o", tokensUsage={"prompt": 11, "completion": 6})])
    contains(p.lunary.run("c"), {"cost": lambda c: abs(c - 0.00069) < 1e-9}, "cost of 11 and 6 tokens of gpt-4")
    p.lunary.report(
        [start("q", T, name="gpt-4"),
         end("q", T + 9, output="o", tokensUsage={"prompt": 11, "completion": 6})])
    contains(p.lunary.run("q"), {"cost": NONE}, "no cost below 10 ms: taken for a cached answer")


@tests("06-counted-tokens")
def counted(p):
    waits("accept/llmonitor-06 counted")
    user, system = {"role": "user", "text": "Hello world!"}, {"role": "system", "text": "You are an assistant"}
    answer = {"role": "ai", "text": "Hello. How are you?"}
    weather = {
        "name": "get_current_weather", "description": "Get the current weather in a given location", "parameters": {
            "properties": {
                "location": {"type": "string", "description": "The city and state, e.g. San Francisco, CA"},
                "unit": {"type": "string"}
            }
        }
    }
    cases = [([user], answer, {}, 11, 6), ([system, user], answer, {}, 20, 6),
             ([system, user, answer], answer, {}, 31, 6), ([{**user, "functionCall": None}], answer, {}, 12, 6),
             ("Hello world!", "Hello. How are you?", {}, 4, 7),
             ([user], {"role": "assistant", "content": "Hello. How are you?"}, {}, 11, 14),
             ([user], answer, {"functions": [weather]}, 62, 6)]
    for i, (input, output, extra, prompt, completion) in enumerate(cases):
        for model in ("gpt-4", "gpt-4o"):
            id = f"{model}-{i}"
            p.lunary.report([start(id, T, name=model, input=input, extra=extra), end(id, T + 2000, output=output)])
            contains(p.lunary.run(id), {"tokens": {"prompt": prompt, "completion": completion}}, f"{model}: {input}")
    for usage, want in (({"prompt": 5,
                          "completion": 9}, (5, 9)), ({"prompt": 5}, (5, 6)), ({"completion": 9}, (11, 9))):
        id = f"given-{want}"
        p.lunary.report(
            [start(id, T, name="gpt-4", input=[user]),
             end(id, T + 2000, output=answer, tokensUsage=usage)])
        contains(p.lunary.run(id), {"tokens": {"prompt": want[0], "completion": want[1]}}, f"sent {usage}")


@tests("09-run-ids")
def run_ids(p):
    kept = ["12345678-9abc-0a38-1530-0123456789ab", "696d706c-655f-4c6c-bd3a-313a66783031"]
    hashed = ["some-unique-id", "x" * 36, "a" * 700, "größe/🤖 ?#", "17972583209065504571"]
    for id in kept + hashed:
        equal(p.lunary.report([start(id, T, name="m"), end(id, T + 1, output=id)]), ok(id, id),
              f"answers about {id[:20]}")
        for spelling in (id, run_id(id)):
            contains(p.lunary.run(spelling), {"id": run_id(id), "output": id}, f"read by {spelling[:20]}")
    equal(run_id("some-unique-id"), "f2eaa71b-6b43-485e-aaf7-0307daec557b", "the vector of the contract")
    equal(len(p.lunary.runs()), len(kept + hashed), "number of runs")
    p.lunary.report([start("77", T + 5, "tool", name="kid", parentRunId="17972583209065504571")])
    contains(p.lunary.run("77"), {"traceId": run_id("17972583209065504571")}, "a parent given as a decimal string")
    p.lunary.report([
        start("88", T + 5, "tool",
              parentRunId="SpanContext(trace_id=0x1, span_id=0xf96bd23ffdbf02bb, trace_flags=0x01)")
    ])
    contains(p.lunary.run("88"), {"traceId": run_id(str(0xF96BD23FFDBF02BB))}, "a parent given as a span context")


@tests("09-an-end-with-nulls-changes-nothing-of-the-start")
def end_with_nulls(p):
    p.lunary.report([
        start("root", T, "agent"),
        start("r", T + 1, name="m", tags=["a"], userId="u", parentRunId="root", metadata={"k": 1}, input="i",
              params={"t": 1}, templateId="5")
    ])
    before = p.lunary.run("r")
    p.lunary.report([
        end("r", T + 20, name=None, tags=["b"], userId=None, parentRunId=None, userProps=None, metadata=None,
            input=None, params=None, output="o", templateId=None, error=None, feedback=None, tokensUsage=None,
            appId=None, threadMetadata=None)
    ])
    after = p.lunary.run("r")
    for key in ("name", "tags", "user", "traceId", "metadata", "input", "params", "createdAt", "templateVersionId"):
        equal(after.get(key), before.get(key), f"{key} after the end")
    contains(after, {"status": "success", "output": "o", "error": NONE}, "what the end brought")


@tests("09-unknown-run")
def unknown_run(p):
    says(p.lunary.run("nope", 404), "Run not found")
    contains(status(p.lunary.call("GET", "/v1/nothing"), 404).json, {"message": "Not Found"}, "an unknown route")
