import json
from uuid import UUID

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.key_value import TASKS


def made(name, length=4096, n=11):
    return list(samples(name, TASKS[name], length=length, n=n, seed=0, count=count))


@pytest.mark.parametrize("name", list(TASKS))
def test_the_text_is_a_json_object_of_different_ids(name):
    for sample in made(name, n=2):
        pairs = json.loads(sample.context)
        ids = [*pairs, *pairs.values()]
        assert len(set(ids)) == len(ids)
        assert {UUID(each).version for each in ids} == {4}


def test_the_key_asked_for_lies_at_every_depth_in_turn():
    for index, sample in enumerate(made("key_value")):
        pairs = list(json.loads(sample.context).items())
        key = sample.after.split('"')[1]
        at = [each for each, _ in pairs].index(key)
        assert at == round(index * 7 % 11 / 10 * (len(pairs) - 1))
        assert pairs[at][1] == sample.answers[0]
        assert sample.context[slice(*sample.spans[0])] == f'"{key}": "{sample.answers[0]}"'


def test_two_shots_show_other_pairs_of_the_object():
    for sample in made("key_value/two_shots", n=4):
        pairs = json.loads(sample.context)
        shown = [line.split('"')[1] for line in sample.after.splitlines() if line.startswith(("Key", "Value"))]
        assert len(shown) == 5
        assert (pairs[shown[0]], pairs[shown[2]]) == (shown[1], shown[3])
        assert sample.answers[0] not in sample.after


def test_asked_twice_the_question_stands_before_the_text_too():
    (sample,) = made("key_value/asked_twice", n=1)
    key = sample.after.split('"')[1]
    assert sample.before.count(key) == 1


def test_another_value_of_the_object_is_wrong():
    (sample,) = made("key_value", n=1)
    grade = TASKS["key_value"].rule.grade
    assert grade(f"It is {sample.answers[0].upper()}.", sample) == 1
    assert (
        grade(next(value for value in json.loads(sample.context).values() if value != sample.answers[0]), sample) == 0
    )
