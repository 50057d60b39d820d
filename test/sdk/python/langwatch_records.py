# LangWatch for Python: prompts and their versions, a dataset and its rows, an experiment with an own metric and an evaluator of the
# server's, read back through the SDK and the API.
import langwatch
import pandas
from helper import LANGWATCH_KEY, URL, call, contains, nothing_lost, one
from langwatch.dataset import DatasetsFacade
from langwatch.prompts.types import FetchPolicy
from langwatch.prompts.types.structures import Message

langwatch.setup(api_key=LANGWATCH_KEY, endpoint_url=URL)
headers = {"X-Auth-Token": LANGWATCH_KEY}

made = langwatch.prompts.create(handle="greeting", prompt="Du bist {{persona}} 🎭", messages=[Message(role="user", content="Frage: {{q}}")])
assert made.version == 1
second = langwatch.prompts.update("greeting", scope="PROJECT", prompt="Version zwei {{persona}}", commit_message="zweite")
assert second.version == 2 and second.id == made.id
fresh = {"fetch_policy": FetchPolicy.ALWAYS_FETCH}
first = langwatch.prompts.get("greeting", version_number=1, **fresh)
assert first.version == 1 and first.version_id == made.version_id
said = [(m["role"], m["content"]) for m in first.compile(persona="Änne", q="Wo?").messages]
assert said == [("system", "Du bist Änne 🎭"), ("user", "Frage: Wo?")], said
assert langwatch.prompts.get("greeting", **fresh).prompt == "Version zwei {{persona}}"
assert langwatch.prompts.delete("greeting") == {"success": True}
try:
    langwatch.prompts.get("greeting", **fresh)
    raise AssertionError("a deleted prompt is still there")
except ValueError as e:
    assert "not found" in str(e).lower(), e

datasets = DatasetsFacade.from_global()
columns = [{"name": n, "type": "string"} for n in ("input", "expected_output")]
info = datasets.create_dataset("Fragen ü", columns=columns)
rows = [{"input": "Was? 🤔", "expected_output": "Das"}, {"input": "Wer?", "expected_output": "Der"}]
records = datasets.create_records(info.slug, entries=rows)
assert [r.entry for r in records] == rows
datasets.update_record(info.slug, records[0].id, entry={"input": "Was? 🤔", "expected_output": "Dies"})
assert datasets.delete_records(info.slug, record_ids=[records[1].id]) == 1
left = [e.entry for e in langwatch.dataset.get_dataset(info.slug).entries]
assert left == [{"input": "Was? 🤔", "expected_output": "Dies"}], left
assert [d.name for d in datasets.list_datasets().data] == ["Fragen ü"]

experiment = langwatch.experiment.init("versuch-1")
for index, row in experiment.loop(pandas.DataFrame(rows).iterrows()):
    experiment.log("length", index=index, score=len(row["input"]), details="Zeichen", data={"output": row["expected_output"]})
    data = {"output": row["expected_output"], "expected_output": "das"}
    experiment.evaluate("langevals/exact_match", index=index, data=data, settings={}, name="exact")
results = call(f"/api/experiments/runs/{experiment.run_id}/results?experimentSlug={experiment.experiment_slug}", headers=headers)
assert [d["entry"] for d in sorted(results["dataset"], key=lambda d: d["index"])] == rows, results["dataset"]


def metric(name, index):
    return one(results["evaluations"], lambda e: name in (e["name"], e["evaluator"]) and e["index"] == index, f"{name} {index}")


contains(metric("length", 0), {"status": "processed", "score": len("Was? 🤔"), "details": "Zeichen"})
contains(metric("exact", 0), {"status": "processed", "passed": True})
contains(metric("exact", 1), {"status": "processed", "passed": False})
nothing_lost()
