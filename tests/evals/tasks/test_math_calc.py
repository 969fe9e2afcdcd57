import re

from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.math_calc import TASKS


def made(length=1024, n=4):
    return list(samples("math_calc", TASKS["math_calc"], length=length, n=n, seed=0, count=count))


def test_every_value_on_the_way_has_two_digits_at_most_and_follows_from_the_last():
    for sample in made():
        signs = re.findall(r"[+-]", sample.context)
        first, *operands = [int(each) for each in re.findall(r"\d+", sample.context)]
        for sign, operand, value in zip(signs, operands, sample.answers, strict=True):
            first = first + operand if sign == "+" else first - operand
            assert str(first) == value
            assert 0 <= first <= 99
            assert operand > 0


def test_the_reply_has_room_for_every_value():
    for sample in made():
        assert count(", ".join(sample.answers)) <= sample.max_tokens


def test_one_wrong_value_ends_the_score():
    (sample,) = made(n=1)
    n = len(sample.answers)
    reply = ", ".join([*sample.answers[:10], "100", *sample.answers[11:]])
    assert TASKS["math_calc"].rule.grade(reply, sample) == 10 / n
