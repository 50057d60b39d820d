"""What a span says of its trace, and its metadata (otlp.md 2.13, 2.14)."""
import re

from lib.model_otlp_values import any_json, as_object, parsed, present, text

# ---- 2.13 ----

USER = ("langfuse.user.id user.id langwatch.user.id langwatch.user_id user_id langfuse.observation.metadata.langfuse_user_id "
        "langfuse.trace.metadata.langfuse_user_id ai.telemetry.metadata.userId ai.telemetry.metadata.user_id "
        "traceloop.association.properties.user_id mlflow.trace.user {user_id,userId} enduser.id enduser.pseudo.id gen_ai.user "
        "gen_ai.request.user llm.user").split()
SESSION = ("langfuse.session.id session.id langwatch.thread.id langwatch.thread_id thread_id langwatch.langgraph.thread_id "
           "gen_ai.conversation.id langfuse.observation.metadata.langfuse_session_id langfuse.trace.metadata.langfuse_session_id "
           "ai.telemetry.metadata.sessionId ai.telemetry.metadata.threadId ai.telemetry.metadata.thread_id "
           "traceloop.association.properties.session_id traceloop.association.properties.thread_id mlflow.trace.session "
           "gcp.vertex.agent.session_id mastra.metadata.threadId {thread_id,threadId,session_id}").split()
CUSTOMER = "langwatch.customer.id langwatch.customer_id customer_id traceloop.association.properties.customer_id".split()
TAGS = ("langfuse.trace.tags langfuse.tags langwatch.labels langwatch.tags langfuse.observation.metadata.langfuse_tags "
        "langfuse.trace.metadata.langfuse_tags ai.telemetry.metadata.tags ai.telemetry.metadata.labels tag.tags logfire.tags {labels}").split()
TRACE_KEYS = re.compile(
    r"langfuse\.trace\..*|(langfuse\.)?(user|session)\.id|langfuse\.(observation|trace)\.metadata\.langfuse_(user_id|session_id|tags)|"
    r"ai\.telemetry\.metadata\.(userId|sessionId|tags)|tag\.tags|langwatch\.(user|thread)\.id|langwatch\.labels|user_id|thread_id|"
    r"traceloop\.association\.properties\..*")


def carries_trace_key(a):
    return any(TRACE_KEYS.fullmatch(k) for k in a)


def identity(s, order):
    """(value, key) of the first present; {a,b} stands for members of the JSON attribute `metadata`."""
    said = as_object(s.a.get("metadata"))
    for key in order:
        if key.startswith("{"):
            for member in key[1:-1].split(","):
                if present(said.get(member)):
                    return said[member], "metadata"
        elif s.a.has(key):
            value = s.a[key]
            return any_json(value) if key.startswith("mlflow.") else value, key
    return None, None


def tag_list(value):
    value = parsed(value)
    if isinstance(value, list):
        return [text(v) for v in value]
    if isinstance(value, str) and "," in value:
        return [t.strip() for t in value.split(",") if t.strip()]
    return [text(value)] if present(value) else []


def environment_of(s):
    for key in ("langfuse.environment", "deployment.environment.name", "deployment.environment"):
        for source in (s.a, s.resource):
            if source is s.a:
                s.a.has(key)
            value = source.get(key)
            if present(value):
                value = str(value).lower()
                while value.startswith("langfuse"):
                    value = re.sub(r"^langfuse[-_]?", "", value)
                value = value[:40]
                return value if re.fullmatch(r"[a-z0-9_-]+", value) else "default"
    return "default"


# ---- 2.14 ----

RESERVED = {"user_id", "userId", "thread_id", "threadId", "session_id", "labels", "customer_id", "customerId"}


def bare_metadata(value, s):
    value = any_json(value) if s.python5 else parsed(value)
    if value in (None, {}, ""):
        return {}
    return value if isinstance(value, dict) else {"metadata": value}


def langfuse_metadata(s, *bare):
    """The bare key, then what stands below it. In Langfuse's own Python 5 each value is JSON text."""
    a, found = s.a, {}
    for key in bare:
        if a.has(key):
            found.update(bare_metadata(a[key], s))
            break
    for key in bare:
        for member, value in a.below(key + ".").items():
            found[member] = any_json(value) if s.python5 else parsed(value)
    return found


IDENTITY_MEMBERS = {"langfuse_user_id", "langfuse_session_id", "langfuse_tags"}


def json_metadata(s):
    """JSON objects in metadata and LangWatch's keys, and what stands below these, without the reserved members."""
    a, found = s.a, {}
    for key in ("metadata", "langwatch.metadata", "langwatch.trace"):
        found.update({k: v for k, v in as_object(a.get(key)).items() if k not in RESERVED})
    for key in ("langwatch.metadata.", "langwatch.trace."):
        found.update({k: parsed(v) for k, v in a.below(key).items() if k not in RESERVED})
    return found


def metadata_of(s):
    a = s.a
    found = langfuse_metadata(s, "langfuse.observation.metadata", "langfuse.metadata")
    for key in IDENTITY_MEMBERS:
        found.pop(key, None)
    # langwatch.md 8 sends the other names of user, thread and labels to the reserved fields; otlp.md leaves that open.
    skip = {"userId", "sessionId", "tags", "langfusePrompt", *RESERVED}
    found.update({k: parsed(v) for k, v in a.below("ai.telemetry.metadata.").items() if k not in skip})
    found.update(json_metadata(s))
    properties = a.below("traceloop.association.properties.")
    found.update({k: v for k, v in properties.items() if k not in ("user_id", "session_id", "thread_id")})
    return found
