"""What tests say: equal, contains, status. A difference is named by its path."""
from lib.suite import Failure

ANY = type("Any", (), {"__repr__": lambda self: "anything"})()  # present, and not null
NONE = type("None_", (), {"__repr__": lambda self: "null or absent"})()  # null, or not there


def show(value):
    text = repr(value)
    return text if len(text) <= 160 else text[:110] + f"... ({len(text)} characters)"


def first_difference(got, want, path="", whole=True, near=0):
    """None, or (path, got, want) of the first place where the two differ.

    whole: objects have the same keys; else those that `want` names. near: how far numbers may be apart.
    """
    if want is ANY:
        return None if got is not None else (path, got, want)
    if want is NONE:
        return None if got is None else (path, got, want)
    if callable(want):
        return None if want(got) else (path, got, getattr(want, "__doc__", None) or want)
    if isinstance(want, dict):
        if not isinstance(got, dict):
            return path, got, want
        for key, value in want.items():
            if key not in got:
                if value is NONE or (callable(value) and value(None)):
                    continue
                return f"{path}.{key}", "nothing", value
            found = first_difference(got[key], value, f"{path}.{key}", whole, near)
            if found:
                return found
        extra = [k for k in got if k not in want] if whole else []
        return (f"{path}.{extra[0]}", got[extra[0]], "nothing") if extra else None
    if isinstance(want, (list, tuple)):
        if not isinstance(got, (list, tuple)):
            return path, got, want
        if len(got) != len(want):
            return f"length({path or 'answer'})", f"{len(got)} in {show(got)}", len(want)
        for i, (g, w) in enumerate(zip(got, want)):
            found = first_difference(g, w, f"{path}[{i}]", whole, near)
            if found:
                return found
        return None
    if isinstance(want, bool) or isinstance(got, bool) or want is None:
        return None if got is want else (path, got, want)
    if isinstance(want, (int, float)) and isinstance(got, (int, float)):
        return None if abs(got - want) <= near else (path, got, want)
    return None if type(got) is type(want) and got == want else (path, got, want)


def _judge(what, found):
    if found:
        path, got, want = found
        raise Failure(f"{what}: {path.lstrip('.') or 'the value'} is {show(got)}, should be {show(want)}")


def equal(got, want, what, near=0):
    _judge(what, first_difference(got, want, near=near))


def contains(got, want, what, near=0):
    """Every key that `want` names is there and equal; other keys are free. Lists must match in full."""
    _judge(what, first_difference(got, want, whole=False, near=near))


def true(condition, what):
    if not condition:
        raise Failure(what)


def is_int(value):
    """a JSON integer without a decimal point"""
    return isinstance(value, int) and not isinstance(value, bool)


def is_text(value):
    """a string"""
    return isinstance(value, str)


def status(reply, *codes):
    """The reply has one of these status codes. Gives the reply back."""
    if reply.status not in codes:
        wanted = " or ".join(map(str, codes))
        raise Failure(f"{reply.what} answered {reply.status}, should be {wanted}: {show(reply.text)}")
    return reply


def says(reply, *pieces):
    """The body of an error reply names each of these."""
    for piece in pieces:
        if piece not in reply.text and piece not in _unescaped(reply):
            raise Failure(f"{reply.what}: the answer should mention {piece!r}, it says {show(reply.text)}")
    return reply


def _unescaped(reply):
    try:
        return " ".join(_texts(reply.json))
    except Exception:
        return ""


def _texts(value):
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for v in value.values():
            yield from _texts(v)
    elif isinstance(value, list):
        for v in value:
            yield from _texts(v)
