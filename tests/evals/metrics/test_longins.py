import pytest

from longspan.evals.metrics.longins import in_lines, number_f1
from longspan.evals.task import Sample


def sample(*answers):
    return Sample(task="t", id="i", before="", context="", after="", answers=answers, max_tokens=16)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("3, 17, 20", 1),
        ("Questions 3, 03 and 17.", 4 / 5),  # precision 1, recall 2/3
        ("3, 4, 17, 20", 6 / 7),  # precision 3/4, recall 1
        ("31", 0),
        ("none", 0),
        ("9" * 10_000, 0),
        ("", 0),
    ],
)
def test_f1_is_of_the_different_numbers(reply, score):
    assert number_f1(reply, sample("3", "17", "20")) == pytest.approx(score)


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("1. Oslo\n2. 42\n3. yes", 1),
        ("2) 42.\n 1: OSLO \n**3. Yes**", 1),
        ("1. Oslo\n2.\n3. yes", 2 / 3),
        ("1. Rome\n1. Oslo", 0),  # the first line of a number counts
        ("Oslo\n42\nyes", 0),
        ("", 0),
    ],
)
def test_answers_are_taken_by_their_numbers(reply, score):
    assert in_lines(reply, sample("Oslo", "42", "yes")) == pytest.approx(score)
