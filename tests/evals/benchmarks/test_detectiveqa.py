import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.detectiveqa import TASKS

QUESTION = {
    "question": "Who did it?",
    "answer": "B",
    "options": {"A": "Ann", "B": "Ben", "C": "Cid", "D": "Dan"},
    "distraction": {},
    "reasoning": ["a boat was gone", "Ben rows", "so it was Ben"],
    "answer_position": 3,
    "clue_position": [1],
}


@pytest.fixture
def folder(tmp_path):
    for sub in ("anno_data_en/human_anno", "anno_data_en/AIsup_anno", "novel_data_en"):
        (tmp_path / sub).mkdir(parents=True)
    notes = {"novel_id": 87, "num_paragraphs": 4, "time_cost": 1, "questions": [QUESTION]}
    (tmp_path / "anno_data_en" / "human_anno" / "87.json").write_text(json.dumps(notes))
    unplaced = {**notes, "questions": [{**QUESTION, "answer_position": 99}]}
    (tmp_path / "anno_data_en" / "AIsup_anno" / "87.json").write_text(json.dumps(unplaced))
    (tmp_path / "novel_data_en" / "87-The Boat-A Writer.txt").write_text(
        "[1] A boat.\n[2] Oars.\n[3] Ben did it.\n[4] End."
    )
    return tmp_path


def test_novels_are_shown_up_to_the_answer(folder):
    supervised, human = TASKS["detectiveqa/en"].load(folder)
    assert human.context == "[1] A boat.\n[2] Oars."
    assert supervised.context.endswith("[4] End.")
    assert "B: Ben\nC: Cid" in human.after
    assert TASKS["detectiveqa/en"].rule.grade("Because he rows. The answer is B.", human) == 1
    assert human.id != supervised.id


def test_steps_that_a_judge_finds_are_shared():
    task = TASKS["detectiveqa/en_steps"]
    assert task.rule.grade(*task.read({**QUESTION, "prediction": "x", "contained": 2})) == pytest.approx(2 / 3)
    with pytest.raises(InputError, match="`contained`"):
        task.rule.grade(*task.read({**QUESTION, "prediction": "x"}))


def test_records_and_files_of_another_form_are_refused(folder):
    for record in ({}, QUESTION, {**QUESTION, "prediction": "x", "answer": "E"}):
        with pytest.raises((KeyError, ValueError)):
            TASKS["detectiveqa/zh"].read(record)
    with pytest.raises(InputError, match="anno_data_zh has no annotations"):
        list(TASKS["detectiveqa/zh"].load(folder))
    (folder / "novel_data_en" / "87-The Boat-A Writer.txt").unlink()
    with pytest.raises(InputError, match="no novel 87"):
        list(TASKS["detectiveqa/en"].load(folder))
