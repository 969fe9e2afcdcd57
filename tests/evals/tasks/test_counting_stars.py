import re

import pytest
from tests.evals.test_generators import count

from longspan.evals.ask import samples
from longspan.evals.tasks.counting_stars import TASKS


def made(name, length=4096, n=4):
    return list(samples(name, TASKS[name], length=length, n=n, seed=0, count=count))


def test_thirty_two_numbers_lie_at_equal_distances():
    for sample in made("counting_stars", length=8192):
        assert len(sample.spans) == 32
        for index, (first, last) in enumerate(sample.spans):
            assert re.search(r"saw (\d+) ★", sample.context[first:last])[1] == sample.answers[index]
            assert last / len(sample.context) == pytest.approx((index + 1) / 32, abs=0.04)


def test_a_corrected_number_stands_beside_the_wrong_one_which_is_no_answer():
    for sample in made("counting_stars/corrected"):
        found = re.findall(r"saw (\d+) ★\. Looking again, it saw that (\d+) ★", sample.context)
        assert tuple(right for _, right in found) == sample.answers
        assert not {wrong for wrong, _ in found} & set(sample.answers)
        grade = TASKS["counting_stars/corrected"].rule.grade
        assert grade(f"[{', '.join(wrong for wrong, _ in found)}]", sample) == 0


def test_half_of_the_numbers_are_half_a_score():
    (sample,) = made("counting_stars", n=1)
    assert TASKS["counting_stars"].rule.grade(f"[{', '.join(sample.answers[::2])}]", sample) == 0.5
