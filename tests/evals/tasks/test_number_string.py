from itertools import groupby

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.number_string import TASKS


def test_ten_digits_have_at_most_five_runs_as_five_of_them_double_a_neighbour():
    made = list(samples("number_string", TASKS["number_string"], length=512, n=50, seed=0, count=count))
    runs = [len(list(groupby(sample.answers[0]))) for sample in made]
    assert {len(sample.answers[0]) for sample in made} == {10}
    assert max(runs) == 5
    assert min(runs) < 5


def test_a_missing_repetition_is_wrong():
    (sample,) = samples("number_string", TASKS["number_string"], length=512, n=1, seed=0, count=count)
    (digits,) = sample.answers
    grade = TASKS["number_string"].rule.grade
    assert grade(f" {digits}.", sample) == 1
    assert grade(digits[:-1], sample) == 0
