"""LongCodeQA's files, prediction records and rule."""

import json
import zipfile
from pathlib import Path

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longcodebench import TASKS

TASK = TASKS["longcodebench/codeqa"]
OURS = TASKS["longcodebench/codeqa_ours"]
REPOSITORY = "Repository:\n[start of a.py]\nx = 1\n[end of a.py]\n"
QUESTION = "\nYou are going to be provided more.\nQuestion:\nWhat is x?\n\nA) 1\nB) 2\nC) 3\nD) 4"
ROW = {"repo": "a/b", "prompt": REPOSITORY + QUESTION, "correct_letter": "A"}


@pytest.mark.parametrize(
    ("reply", "official", "ours"),
    [
        ("A", 1, 1),
        ("a", 1, 1),
        ("B", 0, 0),
        ("Final Answer: A because of B", 1, 1),
        ("final answer:\n\nA", 1, 1),
        ("Final Answer: B. No, final answer: A", 0, 0),
        ("The answer is A", 1, 1),
        ("A.", 0, 1),
        ("(A)", 0, 1),
        ("A) 1", 0, 1),
        ("A cat", 0, 0),
        ("Add one to B", 0, 0),
        ("It is a", 1, 1),
        ("", 0, 0),
        ("\x00\n", 0, 0),
    ],
)
def test_a_letter_counts_where_the_rule_looks(reply: str, official: int, ours: int) -> None:
    _, sample = TASK.read({"id": "0", "response": reply, "correct_letter": "A"})
    assert (TASK.rule.grade(reply, sample), OURS.rule.grade(reply, sample)) == (official, ours)


def test_prompts_are_official_and_only_the_repository_may_be_cut(tmp_path: Path) -> None:
    (tmp_path / "32K").mkdir()
    (tmp_path / "32K" / "final_dataset.json").write_text(json.dumps([ROW]))
    (tmp_path / "other.json").write_text(json.dumps({"x": 1}))
    (sample,) = TASK.load(tmp_path)
    assert sample.prompt == ROW["prompt"]
    assert sample.context == REPOSITORY
    assert (sample.answers, sample.group, sample.data["prompt"]) == (("A",), "a/b", "official")


def test_the_hubs_archive_is_read_as_it_is(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "LongCodeQA.zip", "w") as archive:
        archive.writestr("LQA/32K.json", json.dumps([ROW, ROW | {"prompt": "Why?" + QUESTION}]))
    assert [sample.after for sample in TASK.load(tmp_path)] == [QUESTION] * 2


def test_a_folder_without_questions_and_a_broken_question_are_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="no questions"):
        list(TASK.load(tmp_path))
    (tmp_path / "a.json").write_text(json.dumps([ROW | {"correct_letter": "E"}]))
    with pytest.raises(InputError, match=r"a.json, sample 1"):
        list(TASK.load(tmp_path))
    (tmp_path / "a.json").write_text("[")
    with pytest.raises(InputError, match="not JSON"):
        list(TASK.load(tmp_path))


def test_records_may_call_the_reply_text_and_must_have_the_letter() -> None:
    assert TASK.read({"text": "A", "correct_letter": "A"})[0] == "A"
    with pytest.raises(KeyError):
        TASK.read({"correct_letter": "A"})
    with pytest.raises(ValueError, match="correct_letter"):
        TASK.read({"text": "A", "correct_letter": "x"})
