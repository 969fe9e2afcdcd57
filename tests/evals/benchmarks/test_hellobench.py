"""HelloBench's files, judgement records, and judging here."""

import asyncio
import json
from pathlib import Path
from typing import Any

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.hellobench import TASKS, judge
from longspan.evals.data import json_lines
from longspan.evals.judges.judge import Judge
from longspan.evals.task import Graded
from longspan.lm.scripted import Scripted

TASK = TASKS["hellobench/text_completion"]
ROW = {"id": "text_completion_000", "category": "continuation", "instruction": "Go on.", "checklists": ["a?"] * 5}
SCORES: list[Any] = [{"evaluation_score": score} for score in (1, "0.5", 0, 0.25, 1.0)]


def written(folder: Path, *rows: dict[str, Any]) -> Path:
    (folder / "data" / "main_data").mkdir(parents=True)
    (folder / "data" / "main_data" / "text_completion.jsonl").write_text("\n".join(map(json.dumps, rows)))
    return folder


def test_instructions_are_the_prompts(tmp_path: Path) -> None:
    (sample,) = TASK.load(written(tmp_path, ROW))
    assert (sample.prompt, sample.id, sample.data["prompt"]) == ("Go on.", "text_completion_000", "official")


def test_broken_rows_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"text_completion.jsonl is missing"):
        next(TASK.load(tmp_path))
    with pytest.raises(InputError, match="line 1: no sample"):
        next(TASK.load(written(tmp_path, ROW | {"checklists": ["a?"]})))


def test_a_reply_judged_here_is_scored_by_the_same_weights(tmp_path: Path) -> None:
    (sample,) = TASK.load(written(tmp_path, ROW))
    with pytest.raises(InputError, match="judge the replies first"):
        TASK.rule.total([Graded(sample, "Once", TASK.rule.grade("Once", sample))])
    by = Judge(Scripted("1: yes\n2: yes\n3: yes\n4: partly\n5: yes"))
    judged, verdict = asyncio.run(judge(by, sample, "Once"))
    assert verdict.value == ("yes", "yes", "yes", "partly", "yes")
    assert TASK.rule.grade("Once", judged) == pytest.approx(1 - 0.20570438 / 2, abs=1e-6)


def test_a_verdict_that_cannot_be_read_leaves_the_reply_out(tmp_path: Path) -> None:
    (sample,) = TASK.load(written(tmp_path, ROW))
    judged, verdict = asyncio.run(judge(Judge(Scripted(["fine", "good"])), sample, "Once"))
    assert (judged.data["judged"], verdict.value) == (None, None)


def test_the_category_comes_from_the_record_or_the_official_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    record = {"id": "text_completion_000", "response": "Once", "checklist_wise_evaluation": SCORES}
    reply, sample = TASK.read(record | {"category": "continuation"})
    assert (reply, sample.data["judged"]) == ("Once", [1, 0.5, 0, 0.25, 1])
    monkeypatch.setenv("LONGSPAN_DATA", str(tmp_path))
    written(tmp_path / "hellobench", ROW)
    assert TASK.read(record)[1].data["category"] == "continuation"
    with pytest.raises(ValueError, match="no known category"):
        TASK.read(record | {"id": "other"})


@pytest.mark.parametrize(
    "scores", [SCORES[:4], [*SCORES[:4], {"evaluation_score": 2}], [*SCORES[:4], {}], [*SCORES[:4], None]]
)
def test_scores_missing_or_out_of_range_are_no_verdict(scores: list[Any]) -> None:
    record = {"id": "1", "response": "x", "category": "continuation", "checklist_wise_evaluation": scores}
    assert TASK.read(record)[1].data["judged"] is None


@pytest.mark.parametrize(
    ("model", "scores"),
    [
        ("gpt4o_0806", (54.82, 42.88, 67.49, 47.87)),
        ("llama31_8b", (42.52, -5.26, -5.61, 24.99)),
        ("suri_7b", (24.15, -118.15, -130.58, -89.91)),
    ],
)
def test_official_judgements_give_the_official_scores(
    data: Path, monkeypatch: pytest.MonkeyPatch, model: str, scores: tuple[float, ...]
) -> None:
    folder = data / "hellobench" / "results" / "judgements" / "main_exp" / model
    if not folder.is_dir():
        pytest.skip(f"needs Quehry/HelloBench as {data}/hellobench")
    monkeypatch.setenv("LONGSPAN_DATA", str(data))
    found = []
    for name in ("open_ended_qa", "chat", "text_completion", "heuristic_text_generation"):
        task = TASKS[f"hellobench/{name}"]
        read = [task.read(row) for _, row in json_lines(folder / f"{name}_results.jsonl")]
        graded = [Graded(sample, reply, task.rule.grade(reply, sample)) for reply, sample in read]
        found.append(round(task.rule.total(graded) * task.rule.scale, 2))
    assert tuple(found) == scores
