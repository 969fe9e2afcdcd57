"""LongFact's files and records."""

import json
from pathlib import Path

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longfact import TASKS
from longspan.evals.task import Graded

TASK = TASKS["longfact/objects_64"]


def test_prompts_are_read_topic_by_topic(tmp_path: Path) -> None:
    folder = tmp_path / "longfact-objects_gpt4"
    folder.mkdir()
    for topic in ("music", "law"):
        (folder / f"longfact-objects_{topic}.jsonl").write_text(
            json.dumps({"prompt": f"Tell of {topic}.", "canary": ""})
        )
    found = list(TASK.load(tmp_path))
    assert [(sample.context, sample.group) for sample in found] == [
        ("Tell of law.", "law"),
        ("Tell of music.", "music"),
    ]
    with pytest.raises(InputError, match="no longfact-concepts_"):
        next(TASKS["longfact/concepts_64"].load(tmp_path))
    (folder / "longfact-objects_art.jsonl").write_text("{}")
    with pytest.raises(InputError, match=r"art.jsonl, line 1"):
        next(TASK.load(tmp_path))


def test_counts_of_results_files_are_scored() -> None:
    counts = {"Supported": 32, "Not Supported": 32, "Irrelevant": 9}
    records = [
        {"prompt": "a", "side1_response": "x", "side1_posthoc_eval_data": counts},
        {"prompt": "b", "response": "y", "Supported": 64, "Not Supported": 0},
    ]
    read = [TASK.read(record) for record in records]
    assert [reply for reply, _ in read] == ["x", "y"]
    graded = [Graded(sample, reply, TASK.rule.grade(reply, sample)) for reply, sample in read]
    assert TASK.rule.total(graded) == pytest.approx(0.75)
    assert TASKS["longfact/objects_178"].rule.grade("", read[1][1]) == pytest.approx(2 * 64 / (64 + 178))


def test_records_without_counts_are_refused() -> None:
    with pytest.raises(KeyError):
        TASK.read({"prompt": "a", "Supported": 1})
    with pytest.raises(ValueError, match="whole numbers"):
        TASK.read({"prompt": "a", "Supported": -1, "Not Supported": 0})
