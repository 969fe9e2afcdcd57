import pytest

from longspan.core.errors import InputError
from longspan.evals.benchmarks.longwriter import MOST, TASKS
from longspan.evals.task import Graded


def test_the_official_files_have_120_and_48_prompts(data):
    for name, count in {"longbench_write": 120, "longwrite_ruler": 48}.items():
        task = TASKS[f"longwriter/{name}"]
        samples = list(task.load(data / task.folder))
        assert len(samples) == count
        assert {task.rule.grade("word " * each.data["length"], each) for each in samples} == {1}
        assert max(each.max_tokens for each in samples) <= MOST
        assert len({each.id for each in samples}) == count


def test_predictions_are_scored_by_their_text_on_a_scale_of_100():
    task = TASKS["longwriter/longbench_write"]
    records = [
        {"prompt": "p", "type": "t", "length": 10, "response_length": 999, "response": "a " * n} for n in (10, 25, 0)
    ]
    read = [task.read(record) for record in records]
    graded = [Graded(sample, reply, task.rule.grade(reply, sample)) for reply, sample in read]
    assert task.rule.total(graded) * task.rule.scale == pytest.approx((100 + 50 + 0) / 3)


@pytest.mark.parametrize("line", ['{"prompt": "p"}', '{"prompt": "p", "length": 0}', '{"prompt": "p", "length": "x"}'])
def test_a_line_without_a_length_is_named(tmp_path, line):
    (tmp_path / "longwrite_ruler.jsonl").write_text('{"prompt": "p", "length": 100}\n' + line)
    with pytest.raises(InputError, match="line 2: not a prompt and a length"):
        list(TASKS["longwriter/longwrite_ruler"].load(tmp_path))
