"""Projects and their keys: the two of data/init.json, and as many empty ones as a run needs, one a test."""
import json
import os

from lib.langtrace import Langtrace
from lib.langwatch import LangWatch
from lib.lunary import Lunary

HERE = os.path.dirname(os.path.abspath(__file__))
INIT = os.path.join(HERE, "..", "data", "init.json")
TEAM = "scratch"  # the organization of the empty projects
TEAM_KEY = "5c" * 32


class Project:
    """One project as a test sees it: its keys, and a client for each dialect."""
    def __init__(self, client, id, langwatch, public, private, others=None):
        self.client, self.id = client, id
        self.langwatch_key, self.public, self.private = langwatch, public, private
        self.keys = dict(others or {}, langwatch=langwatch, lunary=private, public=public)
        self.lw = LangWatch(client, langwatch)
        self.lunary = Lunary(client, public, private)
        self.lt = Langtrace(client, self.keys.get("langtrace"), id)


def _named(client, index):
    with open(INIT, encoding="utf-8") as f:
        organizations = json.load(f)["organizations"]
    project = [p for o in organizations for p in o["projects"] if p["name"] == index][0]
    forms = {}
    for key in project["keys"]:
        forms.setdefault(key["form"], key)
    others = {f: k["secret"] for f, k in forms.items() if f not in ("langwatch", "lunary")}
    return Project(client, project["id"], forms["langwatch"]["secret"], forms["lunary"]["public"],
                   forms["lunary"]["secret"], others)


def demo(client):
    return _named(client, "demo")


def other(client):
    return _named(client, "other")


def scratch(client, i):
    """The i-th empty project of write_init()."""
    return Project(client, _uuid(0, i), f"sk-lw-scratch-{i}", _uuid(0, i), _uuid(1, i),
                   {"tracewell": f"tw_scratch_{i}", "langtrace": f"lt-scratch-{i}", "team": TEAM_KEY})


def _uuid(kind, i):
    return f"7e57{kind:04x}-0000-4000-8000-{i:012x}"


def write_init(path, count):
    """data/init.json with `count` empty projects more."""
    with open(INIT, encoding="utf-8") as f:
        init = json.load(f)
    init["organizations"].append({
        "id": "scratch", "name": "Scratch", "team_key": TEAM_KEY, "projects": [{
            "id": _uuid(0, i), "name": f"scratch {i}",
            "keys": [{"form": "langwatch", "secret": f"sk-lw-scratch-{i}"},
                     {"form": "lunary", "public": _uuid(0, i), "secret": _uuid(
                         1, i)}, {"form": "tracewell", "secret": f"tw_scratch_{i}"},
                     {"form": "langtrace", "secret": f"lt-scratch-{i}"}]
        } for i in range(count)]
    })
    with open(path, "w", encoding="utf-8") as f:
        json.dump(init, f)
    return path
