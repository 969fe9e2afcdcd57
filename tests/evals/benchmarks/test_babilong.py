"""BABILong's files and prediction rows."""

import csv
import json
from pathlib import Path

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.babilong import TASKS
from longspan.evals.task import Graded

ROWS = [
    {"input": "A book. John went to the hallway. More of it.", "question": "Where is John? ", "target": "hallway"},
    {"input": "Mary went to the office.", "question": "Where is Mary? ", "target": "office"},
]


def files(folder: Path) -> Path:
    (folder / "data" / "qa1").mkdir(parents=True)
    for name, n in (("16k", 1), ("2k", 2), ("1M", 1)):
        (folder / "data" / "qa1" / f"{name}.json").write_text(json.dumps(ROWS[:n]))
    return folder


def test_samples_come_by_length_and_show_the_labels(tmp_path: Path) -> None:
    found = list(TASKS["babilong_official/qa1"].load(files(tmp_path)))
    assert [sample.data["config"] for sample in found] == ["2k", "2k", "16k", "1M"]
    assert len({sample.id for sample in found}) == 4
    assert found[0].context == ROWS[0]["input"]
    assert "bathroom, bedroom, garden, hallway, kitchen, office" in found[0].before
    assert found[0].after.endswith("Question: Where is John? ")
    assert found[0].data["prompt"] == "longspan"


def test_lines_and_arrays_are_the_same(tmp_path: Path) -> None:
    task = TASKS["babilong_official/qa1"]
    array = list(task.load(files(tmp_path / "a")))[:2]
    (tmp_path / "b" / "qa1").mkdir(parents=True)
    (tmp_path / "b" / "qa1" / "2k.json").write_text("\n".join(json.dumps(row) for row in ROWS))
    assert list(task.load(tmp_path / "b")) == array


def test_the_authors_prompts_are_read_from_their_file(tmp_path: Path) -> None:
    source = (
        "X = f'{1}'\nDEFAULT_PROMPTS = {'qa1': {'instruction': 'Do ' 'it.', 'examples': 'So.', 'post_prompt': 'Go.'}}\n"
    )
    (files(tmp_path) / "prompts.py").write_text(source)
    sample = next(TASKS["babilong_official/qa1"].load(tmp_path))
    assert sample.before == "Do it.\n\nSo.\n\nGo.\n\n<context>\n"
    assert sample.data["prompt"] == "official"
    (tmp_path / "prompts.py").write_text("DEFAULT_PROMPTS = dict(qa1=1)")
    with pytest.raises(InputError, match=r"prompts.py: no prompts of qa1"):
        next(TASKS["babilong_official/qa1"].load(tmp_path))


def test_missing_and_broken_files_are_named(tmp_path: Path) -> None:
    with pytest.raises(InputError, match=r"no qa2/LENGTH.json"):
        next(TASKS["babilong_official/qa2"].load(files(tmp_path)))
    (tmp_path / "data" / "qa1" / "0k.json").write_text('[{"input": "x"}]')
    with pytest.raises(InputError, match=r"0k.json, sample 1: input, question and target"):
        next(TASKS["babilong_official/qa1"].load(tmp_path))


def test_rows_of_the_authors_csv_are_scored() -> None:
    text = (
        ',target,output,question\n0,hallway,"It is the hallway.\n\nMore.",Where is John? \n1,office,,Where is Mary? \n'
    )
    task = TASKS["babilong_official/qa1"]
    read = [task.read(row) for row in csv.DictReader(text.splitlines(keepends=True))]
    graded = [Graded(sample, reply, task.rule.grade(reply, sample)) for reply, sample in read]
    assert [each.score for each in graded] == [1, 0]
    assert task.rule.total(graded) * task.rule.scale == 50


def test_an_output_that_is_not_a_text_is_an_empty_reply_and_a_row_without_target_is_refused() -> None:
    read = TASKS["babilong_official/qa7_ours"].read
    assert read({"target": "one", "output": float("nan"), "question": "How many?"})[0] == ""
    with pytest.raises(KeyError):
        read({"output": "one", "question": "How many?"})
    with pytest.raises(TypeError):
        read({"target": 1, "output": "one", "question": "How many?"})


@pytest.mark.parametrize(
    ("task", "scores"),
    [("qa1", (97.0, 84.8, 72.2, 69.0, 70.4, 60.1)), ("qa2", (57.0, 38.84, 39.04, 37.54, 33.73, 23.12))],
)
def test_official_predictions_give_the_official_scores(data: Path, task: str, scores: tuple[float, ...]) -> None:
    folder = data / "babilong" / "babilong_evals" / "microsoft" / "Phi-3-mini-128k-instruct"
    if not folder.is_dir():
        pytest.skip(f"needs booydar/babilong as {data}/babilong")
    published = TASKS[f"babilong_official/{task}"]
    found = []
    for length in ("0k", "1k", "2k", "4k", "8k", "16k"):
        name = f"{task}_{length}_instruction_yes_examples_yes_post_prompt_yes.csv"
        with (folder / name).open(newline="", encoding="utf-8") as file:
            read = [published.read(row) for row in csv.DictReader(file)]
        graded = [Graded(sample, reply, published.rule.grade(reply, sample)) for reply, sample in read]
        found.append(round(published.rule.total(graded) * published.rule.scale, 2))
    assert tuple(found) == scores
