import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.mqar import PLAIN, TASKS


def made(name, length=2048, n=4):
    return list(samples(name, TASKS[name], length=length, n=n, seed=0, count=count))


@pytest.mark.parametrize("name", list(TASKS))
def test_keys_and_values_are_different_words_and_each_key_has_one_value(name):
    for sample in made(name):
        pairs = [line.split(" = ") for line in sample.context.split("\n") if " = " in line]
        keys = [key for key, _ in pairs]
        assert len(set(keys)) == len(keys)
        assert not set(keys) & {value for _, value in pairs}
        assert (len(keys) == 8) == (name == "mqar/words")
        spans = [sample.context[first:last].split(" = ") for first, last in sample.spans]
        assert tuple(value for _, value in spans) == sample.answers
        assert f"keys: {', '.join(key for key, _ in spans)}." in sample.after


def test_keys_never_run_out():
    (sample,) = made("mqar", length=65_536, n=1)
    keys = [line.partition(" = ")[0] for line in sample.context.split("\n")]
    assert len(set(keys)) == len(keys) > PLAIN


def test_values_of_other_keys_and_a_false_order_are_no_full_score():
    (sample,) = made("mqar", n=1)
    grade = TASKS["mqar"].rule.grade
    assert grade(", ".join(reversed(sample.answers)), sample) == 1 / 8
    assert grade(", ".join(sample.answers[:4]), sample) == 0.5
