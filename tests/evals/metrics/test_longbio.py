import pytest

from longspan.evals.metrics.longbio import CITED, IN_ORDER, NUMBER, TWINS, TWO_DIFF
from longspan.evals.task import Graded, Sample


def sample(*answers, group="", **data):
    return Sample(
        task="t", id="1", before="", context="", after="", answers=answers, max_tokens=8, data=data, group=group
    )


@pytest.mark.parametrize(
    ("reply", "right"),
    [
        ("chess, then Rome", 1),
        ("CHESS and ROME", 1),
        ("Rome, then chess", 0),
        ("chess", 0),
        ("Rome chess Rome", 1),
        ("", 0),
    ],
)
def test_all_answers_must_come_in_order_and_nothing_is_half_right(reply, right):
    assert IN_ORDER.grade(reply, sample("chess", "Rome")) == right


def test_an_answer_is_looked_for_after_the_end_of_the_one_before():
    assert IN_ORDER.grade("Romeo", sample("Rome", "Romeo")) == 0


@pytest.mark.parametrize(
    ("reply", "right"),
    [("61 - 43 = 18", 1), ("18 years, from 61 and 43", 0), ("018", 1), ("18.0", 0), ("none", 0), ("9" * 5000, 0)],
)
def test_the_last_whole_number_counts(reply, right):
    assert NUMBER.grade(reply, sample("18")) == right


def test_a_difference_of_0_is_never_right():
    assert NUMBER.grade("0", sample("0")) == 0


@pytest.mark.parametrize(
    ("reply", "right"),
    [("Ada and Leo", 1), ("Leo, Ada, Leo", 1), ("Ada and Ida", 0), ("Ada", 0), ("Ada, Leo and Ida", 0), ("Max", 0)],
)
def test_exactly_two_people_of_that_difference_are_named(reply, right):
    assert TWO_DIFF.grade(reply, sample("18", ages={"Ada": 61, "Leo": 43, "Ida": 60})) == right


def test_citations_count_and_answers_do_not():
    assert CITED.grade("wrong [12], wrong too [3]", sample("chess", "Rome", citations=[12, 3])) == 1
    assert CITED.grade("chess 12, Rome 3", sample("chess", "Rome", citations=[12, 3])) == 0
    assert CITED.grade("chess [2]", sample("chess", citations=[12])) == 0


def test_twins_are_right_together_or_not_at_all():
    def graded(group, score):
        return Graded(sample("x", group=group), "", score)

    pairs = [graded("a", 1), graded("b", 1), graded("a", 1), graded("b", 0)]
    assert TWINS.total(pairs) == 0.5
    assert TWINS.total([*pairs, graded("c", 1)]) == 0.5
    assert TWINS.total([graded("a", 1), graded("b", 0), graded("c", 0)]) == pytest.approx(1 / 3)
    assert TWINS.total([]) == 0
