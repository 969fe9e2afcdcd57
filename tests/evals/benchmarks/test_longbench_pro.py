import json

import pytest
from tests.evals.replay import score

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longbench_pro import TASKS

ROW = {"id": "s1", "context": "Long.", "language": "English", "token_length": "8k", "difficulty": "Easy"}
ROW |= {"primary_task": "T3. Evidence-Grounded QA", "secondary_task": "T3.2 Single-Hop Fact QA", "answer": ["Rome"]}
ROW |= {"contextual_requirement": "Partial", "question_nonthinking": "Where?", "question_thinking": "Think. Where?"}


def test_runs_over_a_question_are_averaged_first():
    runs = [("s1", 1, "[Answer] Rome"), ("s1", 2, "Paris"), ("s2", 1, "rome")]
    records = [ROW | {"id": name, "bon_idx": run, "prediction": reply} for name, run, reply in runs]
    assert score("longbench_pro/T3.2", records) == 75


def test_every_run_is_a_sample_and_every_question_a_group():
    _, sample = TASKS["longbench_pro/T3.2"].read(ROW | {"bon_idx": 2, "prediction": "x"})
    assert (sample.id, sample.group) == ("s1-2", "s1")


@pytest.mark.parametrize("broken", [{"prediction": None}, {"answer": []}, {"secondary_task": "T1.1 Other"}])
def test_what_is_no_record_of_the_task_is_refused(broken):
    with pytest.raises((TypeError, ValueError)):
        TASKS["longbench_pro/T3.2"].read(ROW | {"bon_idx": 1, "prediction": "x"} | broken)
    with pytest.raises(KeyError):
        TASKS["longbench_pro/T3.2"].read(ROW | {"prediction": "x"})


def test_a_task_reads_its_own_samples(tmp_path):
    other = ROW | {"id": "s2", "secondary_task": "T3.1 Multi-Doc Integration QA"}
    (tmp_path / "longbench_pro.json").write_text(json.dumps([ROW, other]))
    (sample,) = TASKS["longbench_pro/T3.2"].load(tmp_path)
    assert sample.prompt == "Long.\n\n\n\nWhere?"
    assert (sample.id, sample.answers, sample.max_tokens) == ("s1", ("Rome",), 1024)
    assert sample.data["prompt"] == "official"
    assert sample.data["token_length"] == "8k"


def test_there_are_25_tasks():
    assert len(TASKS) == 25


def test_the_missing_file_is_named(tmp_path):
    with pytest.raises(InputError, match=r"longbench_pro\.json"):
        list(TASKS["longbench_pro/T1.1"].load(tmp_path))
