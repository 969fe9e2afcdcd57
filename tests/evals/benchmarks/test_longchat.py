import json

import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longchat import TASKS, response
from longspan.evals.task import Graded

LINES = """\
Label: 41, Predict: The <REGISTER\\_CONTENT> in line bold-cup is <41>., Parsed: 41, prompt length: 7156
Label: 52, Predict: The content, of line 52, is <25>., Parsed: 25, prompt length: 7111
Label: 63, Predict: I will tell you soon., Parsed: -1, prompt length: -1
Label: 74, Predict: line 3: 0074, Parsed: 74, prompt length: 7111"""


def test_the_last_number_counts_in_official_response_files():
    task = TASKS["longchat/lines_300"]
    read = [task.read(response(line)) for line in LINES.splitlines()]
    assert [sample.answers for _, sample in read] == [("41",), ("52",), ("63",), ("74",)]
    assert read[1][0] == "The content, of line 52, is <25>."
    graded = [Graded(sample, reply, task.rule.grade(reply, sample)) for reply, sample in read]
    assert [each.score for each in graded] == [1, 0, 0, 1]
    assert task.rule.total(graded) * task.rule.scale == 0.5


def test_the_line_with_the_accuracy_is_no_prediction():
    with pytest.raises(ValueError, match="not a line of a response file: 'Accuracy"):
        response("Accuracy: 0.9")


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("['The first topic was the role of art in society.']", 1),
        ("Role of Art, in Society", 1),
        ("the role of arts in society", 0),
        ("art", 0),
        ("", 0),
    ],
)
def test_a_topic_is_named_by_its_words(reply, score):
    line = f"Label: The role of art in society, Predict: {reply}, prompt length: 6472"
    task = TASKS["longchat/topics_5_ours"]
    prediction, sample = task.read(response(line))
    assert prediction == reply
    assert task.rule.grade(prediction, sample) == score


def test_the_official_files_have_50_cases_each_with_the_evidence_in_the_record(data):
    for name in ("lines_200", "lines_500", "topics_1", "topics_10"):
        task = TASKS.get(f"longchat/{name}") or TASKS[f"longchat/{name}_ours"]
        samples = list(task.load(data / task.folder))
        assert len(samples) == 50
        assert {task.rule.grade(f"It is {each.answers[0]}", each) for each in samples} == {1}
        assert all(0 <= each.depth < 1 for each in samples)
        assert all("REGISTER_CONTENT is" in each.context or "USER:" in each.context for each in samples)
        assert all("record start" in each.before and "record" in each.after for each in samples)


def test_files_may_have_the_repositorys_names(tmp_path):
    row = {"prompt": "Now the record start:\nline a: 5\nNow the record is over.", "correct_line": "line a: 5\n"}
    (tmp_path / "400_lines.jsonl").write_text(json.dumps({**row, "expected_number": 5}) + "\n" + json.dumps(row))
    with pytest.raises(InputError, match="line 2: not a case of lines"):
        print([sample.depth for sample in TASKS["longchat/lines_400"].load(tmp_path)])
