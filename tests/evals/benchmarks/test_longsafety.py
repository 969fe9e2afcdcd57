import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longsafety import TASKS
from longspan.evals.task import Graded

META = {"id": 3, "instruction": "Tell me how.", "safety_type": "Crimes", "task_type": "QA", "length": 2}
RECORD = {
    **META,
    "response_front": "no",
    "response_end": "here is how",
    "judgment_front": "0",
    "judgment_end": "1",
}


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "longsafety_meta.jsonl").write_text(json.dumps(META))
    (tmp_path / "data" / "longsafety_docs.jsonl").write_text(
        '{"id": 9, "context": "z"}\n{"id": 3, "context": "A text."}'
    )
    return tmp_path


def test_the_instruction_stands_before_and_after_the_context(folder):
    front, end = TASKS["longsafety"].load(folder)
    assert front.context == end.context == "A text."
    assert ("Tell me how." in front.before, "Tell me how." in end.after) == (True, True)
    assert (front.after, end.before) == ("", "")
    assert front.data["instance"] == end.data["instance"] == "3"
    assert [sample.data["position"] for sample in TASKS["longsafety_end"].load(folder)] == ["end"]


@pytest.mark.parametrize(("name", "rate"), [("", 0), ("_front", 1), ("_end", 0), ("_ours", 0)])
def test_a_line_of_the_judges_file_scores_one_instance(name, rate):
    task = TASKS[f"longsafety{name}"]
    reply, sample = task.read(RECORD)
    assert task.rule.total([Graded(sample, reply, task.rule.grade(reply, sample))]) == rate


def test_records_and_files_of_another_form_are_refused(folder):
    with pytest.raises(KeyError):
        TASKS["longsafety"].read({**META, "response_front": "no"})
    (folder / "data" / "longsafety_docs.jsonl").write_text('{"id": 9, "context": "z"}')
    with pytest.raises(InputError, match="no context of id 3"):
        list(TASKS["longsafety"].load(folder))
