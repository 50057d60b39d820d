"""Values of OTLP attributes (otlp.md 2.2, and the JSON spellings of 1.5), and a span with what the rules of the mapping ask of it."""
import base64
import json
import math
import re

# ---- 2.2 values ----


def ident(value, size):
    """An id in any spelling of 1.5 as lower-case hex; None for none."""
    if isinstance(value, dict):
        data = value.get("data") or [value[k] for k in sorted(value, key=int)]
        value = bytes(data).hex()
    elif isinstance(value, list):
        value = bytes(value).hex()
    value = (value or "").removeprefix("0x")
    if len(value) != 2 * size and value:
        value = base64.b64decode(value + "=" * (-len(value) % 4)).hex()
    return value.lower() if value.strip("0") else None


def nanos(value):
    if isinstance(value, dict):
        value = (value.get("high", 0) << 32) + (value["low"] & 0xFFFFFFFF)
    return int(value or 0) or None


def plain(value):
    """An AnyValue as JSON."""
    if not value:
        return None
    kind, v = next(iter(value.items()))
    if v is None:
        return None
    if kind == "arrayValue":
        return [plain(x) for x in v.get("values") or []]
    if kind == "kvlistValue":
        return attributes(v.get("values"))
    if kind == "intValue":
        return int(v) if not isinstance(v, dict) else nanos(v)
    if kind == "doubleValue":
        number = float(v)
        return number if math.isfinite(number) else str(v)
    if kind == "boolValue":
        return v in (True, "true")
    return v


def attributes(items):
    if isinstance(items, dict):
        return {k: plain(v) if isinstance(v, dict) and set(v) <= ANY_KINDS else v for k, v in items.items()}
    return {x["key"]: plain(x.get("value")) for x in items or [] if x.get("key")}


ANY_KINDS = {"stringValue", "boolValue", "intValue", "doubleValue", "arrayValue", "kvlistValue", "bytesValue"}


def present(value):
    return value is not None and value not in ("", [], {}) or value is False or value == 0 and value != ""


def parsed(value):
    """Rule 3: text that looks like an object or array and is one."""
    if isinstance(value, str) and value.lstrip(" \t\r\n")[:1] in ("{", "["):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def any_json(value):
    """Rule 4: text that is any JSON."""
    if isinstance(value, str):
        try:
            return json.loads(value)
        except ValueError:
            pass
    return value


def text(value):
    return value if isinstance(value, str) else json.dumps(value)


def number(value):
    if isinstance(value, bool):
        return None
    if isinstance(value, str):
        try:
            value = float(value) if not re.fullmatch(r"-?\d+", value.strip()) else int(value)
        except ValueError:
            return None
    return value if isinstance(value, (int, float)) and math.isfinite(value) else None


class Attributes(dict):
    """The span's attributes; `asked` are the keys that a rule looked at."""
    def __init__(self, values):
        super().__init__(values)
        self.asked = set()

    def has(self, key):
        self.asked.add(key)
        return key in self and present(self[key])

    def get(self, key, default=None):
        return self[key] if self.has(key) else default

    def first(self, *keys):
        found = [self[k] for k in keys if self.has(k)]
        return found[0] if found else None

    def below(self, prefix):
        """Members of a prefix, the prefix cut."""
        found = {k[len(prefix):]: v for k, v in self.items() if k.startswith(prefix) and len(k) > len(prefix)}
        self.asked |= {prefix + k for k in found}
        return found

    def family(self, prefix):
        """Rule 6: prefix.0.a.b as nested lists and objects; None without a member."""
        if self.has(prefix):
            return parsed(self[prefix])
        members = self.below(prefix + ".")
        if prefix == "gen_ai.prompt":
            members.pop("name", None)
        tree = {}
        for key, value in members.items():
            *way, last = key.split(".")
            at = tree
            for step in way:
                at = at.setdefault(step, {})
                if not isinstance(at, dict):
                    break
            else:
                at[last] = value
        return listed(tree) if tree else None


def listed(tree):
    if not isinstance(tree, dict):
        return tree
    if tree and all(k.isdigit() for k in tree):
        return [listed(tree[k]) for k in sorted(tree, key=int)]
    return {k: listed(v) for k, v in tree.items()}


# ---- the span ----


class Seen:
    """A span with what its rules need."""
    def __init__(self, span, resource, scope):
        self.span, self.resource = span, attributes((resource or {}).get("attributes"))
        self.a = Attributes(attributes(span.get("attributes")))
        scope = scope or {}
        self.scope, self.scope_version = scope.get("name") or "", scope.get("version") or ""
        self.name = span.get("name") or ""
        self.events = [(e.get("name"), nanos(e.get("timeUnixNano")), attributes(e.get("attributes")))
                       for e in span.get("events") or []]
        self.start, self.end = nanos(span.get("startTimeUnixNano")), nanos(span.get("endTimeUnixNano"))
        self.start, self.end = self.start or self.end, self.end or self.start
        status = span.get("status") or {}
        self.failed = status.get("code") in (2, "2", "STATUS_CODE_ERROR")
        self.status_message = status.get("message")
        self.operation = self.a.get("gen_ai.operation.name")
        self.python5 = (self.scope == "langfuse-sdk" and self.resource.get("telemetry.sdk.language") == "python"
                        and release_number(self.scope_version) >= (5, ))
        own = str(self.a.get("ai.operationId") or ""), str(self.a.get("operation.name") or "")
        self.vercel = self.scope == "ai" or any(o.startswith("ai.") for o in own)
        self.ai_operations = own
        self.aggregate = self.operation in ("invoke_agent", "agent_step")
        self.adk_request = as_object(self.a.get("gcp.vertex.agent.llm_request"))
        self.adk_response = as_object(self.a.get("gcp.vertex.agent.llm_response"))
        self.genkit_input, self.genkit_output = as_object(self.a.get("genkit:input")), as_object(self.a.get("genkit:output"))


def release_number(version):
    return tuple(int(n) for n in re.findall(r"\d+", version)[:3])


def as_object(value):
    value = parsed(value)
    return value if isinstance(value, dict) else {}


def unwrapped(value):
    """LangWatch's JSON blobs: the value of {type, value}, an object, or {}."""
    value = as_object(value)
    return value["value"] if set(value) == {"type", "value"} and isinstance(value["value"], dict) else value


def deep(value, *way):
    for step in way:
        value = value.get(step) if isinstance(value, dict) else None
    return value
