"""llmonitor.md 12, lines 7 and 8: feedback, threads, log lines."""
from lib.check import ANY, contains, equal, says, status
from lib.lunary import end, run_id, start
from lib.model_llmonitor import NONE_OR_EMPTY, iso_ms
from lib.suite import ProjectTests

tests = ProjectTests("accept/llmonitor")
T = 1_790_000_000_000


def feedback(id, at, given, **more):
    return {"type": None, "event": "feedback", "runId": id, "timestamp": at, "feedback": given, **more}


def chat(id, thread, at, role, content, **more):
    message = {"role": role, "content": content, **more.pop("message", {})}
    return {
        "type": "thread", "event": "chat", "runId": id, "parentRunId": thread, "timestamp": at, "message": message,
        **more
    }


@tests("07-feedback-in-three-spellings")
def spellings(p):
    p.lunary.report([
        start("r", T),
        feedback("r", T + 1, {"comment": "good", "x": 1}),
        {"type": None, "event": "feedback", "runId": "r", "timestamp": T + 2, "extra": {"thumbs": "up", "rating": 4}},
        {"type": "feedback", "runId": "r", "timestamp": T + 3, "feedback": {"emoji": "🎉"}}
    ])
    want = {"comment": "good", "x": 1, "thumb": "up", "rating": 4, "emoji": "🎉"}
    equal(p.lunary.feedback("r"), want, "GET feedback with the public key")
    contains(p.lunary.run("r"), {"feedback": want}, "feedback of the run")
    p.lunary.report([feedback("r", T + 4, {"thumb": None, "rating": 5})])
    equal(p.lunary.feedback("r"), {"comment": "good", "x": 1, "rating": 5, "emoji": "🎉"},
          "null clears, the rest is merged")
    p.lunary.report([feedback("r", T + 2, {"rating": 1, "retried": True})])
    equal(p.lunary.feedback("r"), {"comment": "good", "x": 1, "rating": 5, "emoji": "🎉", "retried": True},
          "older feedback loses key by key")


@tests("07-feedback-that-is-no-object")
def odd_feedback(p):
    p.lunary.report([start("t", T), start("n", T), feedback("t", T + 1, "well done"), feedback("n", T + 1, 5)])
    equal(p.lunary.feedback("t"), {"comment": "well done"}, "text")
    equal(p.lunary.feedback("n"), {"value": 5}, "number")


@tests("07-feedback-before-its-run")
def early_feedback(p):
    equal(p.lunary.report([feedback("r", T + 1, {"thumb": "down"})]), [{"id": "r", "success": True}], "the answer")
    p.lunary.report([start("r", T, name="m")])
    equal(p.lunary.feedback("r"), {"thumb": "down"}, "feedback once the run is there")


@tests("07-feedback-through-the-read-api")
def patch_feedback(p):
    p.lunary.report([start("r", T)])
    equal(p.lunary.feedback("r"), None, "no feedback yet")
    says(status(p.lunary.call("GET", "/v1/runs/none/feedback"), 404), "Run not found")
    equal(
        status(p.lunary.call("PATCH", "/v1/runs/r/feedback", {"thumb": "up", "comment": "c", "other": 1}), 200).json,
        {}, "PATCH")
    equal(p.lunary.feedback("r"), {"thumb": "up", "comment": "c"}, "after the patch")
    status(p.lunary.call("PATCH", "/v1/runs/r/feedback", {"thumb": None}), 200)
    equal(p.lunary.feedback("r"), {"comment": "c"}, "after a null")
    status(p.lunary.call("PATCH", "/v1/runs/none/feedback", {"thumb": "up"}), 404)


@tests("08-old-thread-flow")
def old_thread(p):
    p.lunary.report([
        start("T", T, "thread", input="hi", userId="u"),
        start("M", T + 1, "chat", parentRunId="T", input="hi", extra={"lang": "de"}),
        start("L", T + 2, "llm", name="gpt-4", parentRunId="M"),
        end("L", T + 3, output="hello"),
        end("M", T + 4, "chat", output="hello", extra={"k": 1})
    ])
    contains(p.lunary.run("M"),
             {"type": "chat", "input": "hi", "output": "hello", "status": "success", "user": {"externalId": "u"}},
             "the exchange")
    rows = p.lunary.runs(type="thread")
    contains(rows, [{"id": run_id("T"), "type": "thread", "firstMessage": ANY, "messagesCount": ANY}], "the thread")
    contains(p.lunary.run("L"), {"traceId": run_id("M")}, "the model call below it")
    contains(p.lw.trace(
        run_id("M")), {"metadata": {"thread_id": run_id("T"), "user_id": "u"}, "output": {"value": "hello"}},
             "as LangWatch shows it")


@tests("08-new-thread-flow")
def new_thread(p):
    p.lunary.ingest([
        chat("m1", "T", T, "user", "Hallo", userId="u", userProps={"n": 1}, threadTags=["a", "b"]),
        chat("m2", "T", T + 1, "assistant", "Hi"),
        chat("m3", "T", T + 2, "user", "More?"),
        chat("m4", "T", T + 3, "user", "Please"),
        chat("m5", "T", T + 4, "tool", "{}"),
        chat("m6", "T", T + 5, "assistant", "Yes")
    ])
    first = {
        "type": "chat", "id": run_id("m2"), "input": [{"role": "user", "content": "Hallo"}],
        "output": [{"role": "assistant", "content": "Hi"}], "createdAt": iso_ms(T * 1_000_000), "endedAt": iso_ms(
            (T + 1) * 1_000_000)
    }
    for id in ("m1", "m2"):
        contains(p.lunary.run(id), first, f"the first exchange by {id}")
    contains(
        p.lunary.run("m4"), {
            "id": run_id("m6"), "input": [{"role": "user", "content": "More?"}, {
                "role": "user", "content": "Please"
            }], "output": [{"role": "tool", "content": "{}"}, {"role": "assistant", "content": "Yes"}]
        }, "the second exchange")
    contains(p.lunary.runs(type="thread"), [{
        "id": run_id("T"), "tags": ["a", "b"], "user": {"externalId": "u", "props": {"n": 1}}, "firstMessage": ANY,
        "messagesCount": ANY
    }], "the thread")
    equal([r["id"] for r in p.lunary.runs(type="chat", sortDirection="asc", sortField="createdAt")],
          [run_id("m2"), run_id("m6")], "exchanges of the thread")
    equal([t["trace_id"] for t in p.lw.thread(run_id("T"))], [run_id("m1"), run_id("m3")], "the thread in LangWatch")


@tests("08-messages-in-any-order")
def any_order(p):
    messages = [
        chat("m1", "T", T, "user", "a"),
        chat("m2", "T", T + 1, "assistant", "b"),
        chat("m3", "T", T + 2, "user", "c"),
        chat("m4", "T", T + 3, "assistant", "d")
    ]
    for e in reversed(messages):
        p.lunary.ingest([e])
    p.lunary.ingest(messages)
    contains(
        p.lunary.run("m1"), {
            "id": run_id("m2"), "input": [{"role": "user", "content": "a"}],
            "output": [{"role": "assistant", "content": "b"}]
        }, "the first")
    contains(
        p.lunary.run("m4"), {
            "id": run_id("m4"), "input": [{"role": "user", "content": "c"}],
            "output": [{"role": "assistant", "content": "d"}]
        }, "the second")
    equal(len(p.lunary.runs(type="chat")), 2, "exchanges")


@tests("08-retry-message")
def retry(p):
    p.lunary.ingest([
        chat("m1", "T", T, "user", "a"),
        chat("m2", "T", T + 1, "assistant", "b"),
        chat("m3", "T", T + 2, "assistant", "b2", message={"isRetry": True})
    ])
    contains(
        p.lunary.run("m3"), {
            "id": run_id("m3"), "siblingRunId": run_id("m2"), "input": [{"role": "user", "content": "a"}],
            "output": [{"role": "assistant", "content": "b2"}], "feedback": NONE_OR_EMPTY
        }, "the retry")
    contains(p.lunary.run("m2"), {"output": [{"role": "assistant", "content": "b"}]}, "the first try")


@tests("08-custom-event")
def custom_event(p):
    p.lunary.ingest([
        chat("m1", "T", T, "user", "a"), {
            "type": "thread", "event": "custom-event", "runId": "c", "parentRunId": "T", "timestamp": T + 1,
            "name": "clicked", "metadata": {"where": "top"}, "userId": "u"
        },
        chat("m2", "T", T + 2, "assistant", "b")
    ])
    contains(
        p.lunary.run("c"), {
            "type": "custom-event", "name": "clicked", "metadata": {"where": "top"}, "user": {"externalId": "u"},
            "createdAt": iso_ms((T + 1) * 1_000_000), "endedAt": iso_ms((T + 1) * 1_000_000)
        }, "the custom event")
    contains(p.lunary.run("m2"),
             {"id": run_id("m2"), "input": NONE_OR_EMPTY, "output": [{"role": "assistant", "content": "b"}]},
             "it ends the exchange before it")
    for event in ("chat", "custom-event"):
        wrong = {
            "type": "thread", "event": event, "runId": "w", "timestamp": T,
            "message": {"role": "user", "content": "x"}, "name": "x"
        }
        contains(p.lunary.report([wrong]), [{"success": False, "error": lambda e: "No parent run ID provided" in e}],
                 f"{event} without a thread")


@tests("08-feedback-by-the-users-message-id")
def feedback_by_alias(p):
    p.lunary.ingest([chat("m1", "T", T, "user", "a"), chat("m2", "T", T + 1, "assistant", "b")])
    p.lunary.ingest([feedback("m1", T + 2, {"thumb": "up"})])
    for id in ("m1", "m2"):
        equal(p.lunary.feedback(id), {"thumb": "up"}, f"feedback by {id}")
    contains(p.lunary.run("m2"), {"feedback": {"thumb": "up"}}, "feedback of the exchange")


@tests("08-log-lines")
def logs(p):
    p.lunary.report([
        start("r", T, "agent"), {
            "type": "log", "event": "warn", "parentRunId": "r", "timestamp": T + 1, "message": "careful",
            "extra": {"a": 1}
        }, {"type": "log", "event": "info", "timestamp": T + 2, "message": "alone"}
    ])
    rows = p.lunary.runs(type="custom-event")
    equal(sorted(r["output"] for r in rows), ["alone", "careful"], "log lines are events")
    equal([r.get("output") for r in p.lunary.related("r")], [None, "careful"], "the log line below its run")
    p.lunary.report([{"type": "log", "event": "info", "timestamp": T + 2, "message": "alone"}])
    equal(p.lunary.count(type="custom-event"), 2, "a resent log line is no second one")
