from types import SimpleNamespace

import pytest

from longspan.evals.metrics.mrcr import FIRST_CODE, LAST_CODE

CODE = "AbCd1234EfGh"
SAMPLE = SimpleNamespace(answers=(f"{CODE}expected answer",))


@pytest.mark.parametrize(
    ("reply", "last", "first"),
    [
        (f"{CODE}expected answer", 1, 1),
        (f"  {CODE} \n expected answer\n", 1, 1),
        (f"preface {CODE}expected answer", 1, 0),
        (f"preface {CODE}wrong answer {CODE}expected answer", 1, 0),
        (f"{CODE}wrong {CODE}expected answer", 1, 1),
        (f"{CODE.lower()}expected answer", 0, 0),
        ("expected answer", 0, 0),
        (CODE, 0, 0),
        ("", 0, 0),
    ],
)
def test_what_follows_the_last_code_counts_and_the_strict_rule_wants_it_first(reply, last, first):
    assert LAST_CODE.grade(reply, SAMPLE) == last
    assert FIRST_CODE.grade(reply, SAMPLE) == first


def test_likeness_is_twice_the_letters_in_common_over_all_letters():
    sample = SimpleNamespace(answers=(f"{CODE}abcd",))
    assert LAST_CODE.grade(f"{CODE}bcde", sample) == 2 * 3 / 8
    assert LAST_CODE.grade(f"{CODE}abcdabcd", sample) == 2 * 4 / 12


def test_a_long_reply_that_differs_at_its_beginning_scores_less_than_one_that_differs_at_its_end():
    text = "the quick brown fox jumps over the lazy dog and on it goes, " * 6
    sample = SimpleNamespace(answers=(CODE + text,))
    assert LAST_CODE.grade(f"{CODE}{text}!", sample) > 0.99
    assert LAST_CODE.grade(f"{CODE}!{text}", sample) == 0
