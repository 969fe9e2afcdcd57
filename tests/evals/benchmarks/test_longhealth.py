import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longhealth import REFUSAL, TASKS

OPTIONS = {
    f"answer_{letter}": text for letter, text in zip("abcde", ("Flu", "Gout", "Asthma", "Cough", "Pain"), strict=True)
}
QUESTION = {
    "No": 0,
    "question": "What did Ann have?",
    **OPTIONS,
    "correct": "Asthma",
    "answer_location": {"text_1": {"start": [0.1], "end": [0.2]}},
}


@pytest.fixture
def folder(tmp_path):
    case = {
        "patient_01": {
            "texts": {"text_0": "Ann slept.", "text_1": "Ann had asthma."},
            "name": "Ann",
            "questions": [QUESTION],
        },
        "patient_02": {"texts": {f"text_{n}": f"Ben letter {n}." for n in range(15)}, "questions": []},
    }
    (tmp_path / "benchmark_v5.json").write_text(json.dumps(case))
    return tmp_path


def only(task, folder):
    (sample,) = TASKS[f"longhealth/task_{task}"].load(folder)
    return sample


def test_task_1_shows_the_patients_letters_and_five_options(folder):
    sample = only(1, folder)
    assert "Ann slept." in sample.context
    assert "Ben" not in sample.context
    assert [sample.context[slice(*span)] for span in sample.spans] == ["Ann had asthma."]
    assert "C: Asthma" in sample.after
    assert "F: " not in sample.after
    assert sample.answers == ("C",)
    assert TASKS["longhealth/task_1"].rule.grade("The correct answer is C: Asthma", sample) == 1


def test_task_2_hides_the_answer_among_ten_letters_of_others(folder):
    sample = only(2, folder)
    assert sample.context.count("Ben letter") == 10
    assert "Ann had asthma." in sample.context
    assert "Ann slept." not in sample.context
    assert f"F: {REFUSAL}" in sample.after
    assert sample.answers == ("C",)


def test_task_3_is_to_be_refused(folder):
    sample = only(3, folder)
    assert sample.context.count("Ben letter") == 10
    assert "Ann" not in sample.context
    assert (sample.answers, sample.spans) == (("F",), ())


def test_the_same_letters_are_drawn_each_time(folder):
    assert only(2, folder) == only(2, folder)


def test_predictions_are_questions_with_the_first_run():
    task = TASKS["longhealth/task_1"]
    record = {**QUESTION, "answer_0": "The correct answer is C: Asthma.", "answer_1": "B"}
    assert task.rule.grade(*task.read(record)) == 1
    assert task.rule.grade(*task.read({**record, "prediction": "Gout"})) == 0
    assert TASKS["longhealth/task_3"].rule.grade(*TASKS["longhealth/task_3"].read({**record, "answer_0": "F"})) == 1
    for bad in (QUESTION, {"correct": "Asthma", "answer_0": "C"}, {**record, "correct": "Plague"}):
        with pytest.raises((KeyError, ValueError)):
            task.read(bad)


def test_altered_questions_are_named(folder):
    text = (folder / "benchmark_v5.json").read_text().replace('"correct": "Asthma"', '"correct": "Plague"')
    (folder / "benchmark_v5.json").write_text(text)
    with pytest.raises(InputError, match=r"patient_01, question 0.*Plague"):
        list(TASKS["longhealth/task_1"].load(folder))
