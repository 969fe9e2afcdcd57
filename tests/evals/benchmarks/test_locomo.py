import json
import zipfile

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.locomo import TASKS
from longspan.evals.task import Graded

TALK = {
    "speaker_a": "Ann",
    "speaker_b": "Ben",
    "session_2": [{"speaker": "Ben", "dia_id": "D2:1", "text": "I bought a boat.", "blip_caption": "a red boat"}],
    "session_2_date_time": "1 pm on 8 May, 2023",
    "session_1": [{"speaker": "Ann", "dia_id": "D1:1", "text": "Hi Ben!"}],
    "session_1_date_time": "2 pm on 3 May, 2023",
    "session_3": [],
}
QA = [
    {"question": "When did Ben buy a boat?", "answer": "8 May 2023", "evidence": ["D2:1"], "category": 2},
    {"question": "What did Ben buy?", "answer": "a boat", "evidence": ["D2:1"], "category": 4},
    {"question": "What did Ann buy?", "adversarial_answer": "a boat", "evidence": ["D2:1"], "category": 5},
    {"question": "How many sessions?", "answer": 2, "evidence": [], "category": 1},
]


@pytest.fixture(params=["zip", "json"])
def folder(request, tmp_path):
    if request.param == "json":
        (tmp_path / "locomo10.json").write_text(json.dumps([{"sample_id": "7", "conversation": TALK, "qa": QA}]))
        return tmp_path
    with zipfile.ZipFile(tmp_path / "locomo10.zip", "w") as archive:
        archive.writestr("data/7.json", json.dumps({**TALK, "qa": QA}))
        archive.writestr("__MACOSX/data/7.json", "no")
    return tmp_path


def test_a_dialogue_is_told_in_the_order_of_its_sessions(folder):
    temporal, single, adversarial, multi = TASKS["locomo/qa"].load(folder)
    assert single.context == (
        'Date: 2 pm on 3 May, 2023\nAnn: "Hi Ben!"\n\n'
        'Date: 1 pm on 8 May, 2023\nBen: "I bought a boat." [shares a red boat]\n\n'
    )
    assert {each.group for each in (temporal, single, adversarial, multi)} == {"7"}
    assert single.context[slice(*single.spans[0])] == 'Ben: "I bought a boat." [shares a red boat]'
    assert "approximate date" in temporal.after
    assert multi.answers == ("2",)


def test_adversarial_questions_offer_the_wrong_answer_and_a_refusal(folder):
    (sample,) = TASKS["locomo/adversarial"].load(folder)
    assert set(sample.data["options"].values()) == {"a boat", "It is not mentioned in the conversation"}
    right = next(letter for letter, text in sample.data["options"].items() if "not mentioned" in text)
    assert f"({right}) It is not mentioned" in sample.after
    assert TASKS["locomo/adversarial"].rule.grade(f"({right})", sample) == 1


def test_predictions_are_entries_of_qa_or_whole_dialogues():
    predicted = [
        {**QA[0], "gpt-4_prediction": "8 May 2023", "gpt-4_prediction_context": ["D2:1"]},
        {**QA[1], "gpt-4_prediction": "a car"},
        {**QA[2], "gpt-4_prediction": "not mentioned in the conversation"},
    ]
    task = TASKS["locomo/qa"]
    graded = []
    for record in ({"qa": predicted}, {**QA[3], "prediction": "2"}):
        reply, sample = task.read(record)
        graded.append(Graded(sample, reply, task.rule.grade(reply, sample)))
    assert task.rule.total(graded) == 3 / 4
    reply, sample = TASKS["locomo/single_hop"].read({"qa": predicted})
    assert (reply, task.rule.grade(reply, sample)) == ("a car", 0)


def test_stored_adversarial_replies_are_texts_never_letters():
    reply, sample = TASKS["locomo/qa"].read({**QA[2], "prediction": "dog"})
    assert TASKS["locomo/qa"].rule.grade(reply, sample) == 0


@pytest.mark.parametrize("record", [{}, QA[0], {**QA[0], "a_prediction": "", "b_prediction": ""}, {"qa": []}])
def test_records_of_another_form_are_refused(record):
    with pytest.raises((KeyError, ValueError)):
        TASKS["locomo/qa"].read(record)
    with pytest.raises(ValueError, match="category 2"):
        TASKS["locomo/single_hop"].read({**QA[0], "prediction": "x"})


def test_files_that_are_not_the_official_ones_are_named(tmp_path):
    with pytest.raises(InputError, match=r"locomo10\.zip is missing"):
        list(TASKS["locomo/qa"].load(tmp_path))
    (tmp_path / "locomo10.zip").write_text("no archive")
    with pytest.raises(InputError, match=r"locomo10\.zip.*anew"):
        list(TASKS["locomo/qa"].load(tmp_path))
    (tmp_path / "locomo10.json").write_text("{}")
    with pytest.raises(InputError, match="a JSON list is wanted"):
        list(TASKS["locomo/qa"].load(tmp_path))
