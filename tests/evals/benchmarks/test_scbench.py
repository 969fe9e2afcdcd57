"""SCBench's files and prediction rows."""

import json
from pathlib import Path
from typing import Any

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.scbench import TASKS
from longspan.evals.task import Graded


def written(folder: Path, task: str, *rows: dict[str, Any]) -> Path:
    (folder / "data").mkdir(exist_ok=True)
    (folder / "data" / f"scbench_{task}.jsonl").write_text("\n".join(json.dumps(row) for row in rows))
    return folder


def scored(task: str, rows: list[dict[str, Any]]) -> float:
    published = TASKS[f"scbench/{task}"]
    read = [published.read(row) for row in rows]
    return published.rule.total([Graded(s, reply, published.rule.grade(reply, s)) for reply, s in read])


def test_every_turn_is_a_sample_after_the_right_answers_of_those_before(tmp_path: Path) -> None:
    turns = [{"input": "Key: a", "answer": "1x"}, {"input": "Key: b", "answer": "2y"}]
    first, second = TASKS["scbench/kv"].load(
        written(tmp_path, "kv", {"id": 7, "context": '{"a": "1x", "b": "2y"}', "multi_turns": turns})
    )
    assert first.after == "\n\nKey: a"
    assert second.after == "\n\nKey: a 1x\n\nKey: b"
    assert (first.context, first.group, first.max_tokens) == ('{"a": "1x", "b": "2y"}', "7", 150)
    assert second.answers == ("2y",)
    assert TASKS["scbench/kv"].rule.grade("It is 2y.", second) == 1


def test_choices_carry_their_text_and_letter(tmp_path: Path) -> None:
    turn = {"input": "Who?", "answer": "Eve", "options": ["Ann", "Bob", "Eve", "Dan"]}
    (sample,) = TASKS["scbench/choice_eng"].load(
        written(tmp_path, "choice_eng", {"id": 1, "context": "A book.", "multi_turns": [turn]})
    )
    assert sample.answers == ("Eve", "C")
    assert "C. Eve" in sample.after
    assert [TASKS["scbench/choice_eng"].rule.grade(reply, sample) for reply in ("C", "Eve", "B")] == [1, 1, 0]


def test_lists_of_numbers_are_written_out(tmp_path: Path) -> None:
    turns = [{"input": "The largest number is", "answer": 9}]
    (sample,) = TASKS["scbench/mf"].load(written(tmp_path, "mf", {"context": [3, 9, 1], "multi_turns": turns}))
    assert sample.context == "3, 9, 1"
    assert TASKS["scbench/mf"].rule.grade("9", sample) == 1


def test_tasks_of_two_kinds_are_graded_by_kind(tmp_path: Path) -> None:
    turns = [
        {"task": "scbench_summary", "input": "Sum up 1.", "answer": "cats sleep"},
        {"task": "scbench_passkey", "input": "The key?", "answer": "123"},
    ]
    loaded = list(
        TASKS["scbench/summary_with_needles"].load(
            written(tmp_path, "summary_with_needles", {"input": "Texts.", "multi_turns": turns})
        )
    )
    assert [sample.max_tokens for sample in loaded] == [800, 15]
    rule = TASKS["scbench/summary_with_needles"].rule
    assert [rule.grade("cats sleep", loaded[0]), rule.grade("key 123", loaded[1])] == [1, 1]
    rows = [
        {"id": 0, "turn_idx": 0, "prediction": "cats", "ground_truth": "cats sleep", "task": "scbench_summary"},
        {"id": 0, "turn_idx": 1, "prediction": "123", "ground_truth": "123", "task": "scbench_passkey"},
    ]
    # rougeLsum of 1 of 2 words: 2 * 1 / 3; passkey: 1
    assert scored("summary_with_needles", rows) == pytest.approx((2 / 3 + 1) / 2)


def test_rows_are_averaged_turn_by_turn() -> None:
    rows = [
        {"id": id, "turn_idx": turn, "prediction": reply, "ground_truth": "k1"}
        for id, turn, reply in ((0, 0, "k1"), (1, 0, "no"), (0, 1, "k1"))
    ]
    assert scored("kv", rows) == pytest.approx((0.5 + 1) / 2)


def test_officially_one_character_of_a_text_is_enough_and_ours_wants_the_whole() -> None:
    row = {"id": 0, "turn_idx": 0, "prediction": "(B)", "ground_truth": "(A)"}
    assert (scored("many_shot", [row]), scored("many_shot_ours", [row])) == (1, 0)
    assert scored("many_shot_ours", [row | {"prediction": "So: (a)"}]) == 1


def test_functions_need_their_repository_and_name() -> None:
    code = "def f(a, b, c):\n    return a + b + c"
    row = {"id": 0, "turn_idx": 0, "prediction": code, "ground_truth": code, "repo": "r", "func_name": "f"}
    assert scored("repoqa", [row]) == 1
    assert scored("repoqa", [row | {"prediction": "none"}]) == 0
    with pytest.raises(KeyError):
        TASKS["scbench/repoqa"].read({key: row[key] for key in ("prediction", "ground_truth")})


def test_records_that_are_none_are_refused() -> None:
    read = TASKS["scbench/kv"].read
    with pytest.raises(KeyError):
        read({"prediction": "x"})
    with pytest.raises(ValueError, match="ground_truth"):
        read({"prediction": "x", "ground_truth": None})
    with pytest.raises(ValueError, match="is text"):
        TASKS["scbench/vt"].read({"prediction": "x", "ground_truth": [1, 2]})
    with pytest.raises(ValueError, match="unknown task"):
        TASKS["scbench/repoqa_and_kv"].read({"prediction": "x", "ground_truth": "y", "task": "other"})


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"scbench_kv.jsonl is missing"):
        next(TASKS["scbench/kv"].load(tmp_path))
    written(tmp_path, "kv", {"id": 1, "context": "x", "multi_turns": [{"input": "?"}]})
    with pytest.raises(InputError, match=r"line 1: no sample of scbench_kv.jsonl"):
        next(TASKS["scbench/kv"].load(tmp_path))
    written(tmp_path, "kv", {"id": 1, "context": 5, "multi_turns": []})
    with pytest.raises(InputError, match="line 1"):
        next(TASKS["scbench/kv"].load(tmp_path))
