import pytest

from longspan.evals.metrics.longgenbench import ANSWERED, BY_NUMBER, CR, STIC_1, STIC_2, parts
from longspan.evals.task import Graded, Sample


def text(*answers, number=4):
    data = {"unit": "Week", "number": number}
    return Sample(task="t", id="i", before="", context="", after="", answers=answers, max_tokens=16, data=data)


def questions(*answers):
    data = {"first": 2}
    return Sample(task="t", id="i", before="", context="", after="", answers=answers, max_tokens=16, data=data)


DIARY = "#*# Week 1: I went to the Night\nHike.\n#*# Week 3 (June): a book fair.\n#*# Week 3: night hike\n#*# Week 9: -"


def test_parts_are_found_by_the_first_number_after_their_name():
    assert list(parts(DIARY, "Week")) == [1, 3, 9]
    assert parts(DIARY, "Week")[3] == " Week 3 (June): a book fair.\n"  # the first of two parts counts
    assert list(parts("Of Week 2, then:\n#*# Day 5", "Week")) == [2]  # text before the first divider is a part too


def test_completion_is_the_share_of_parts_asked_for():
    assert CR.grade(DIARY, text("1: x")) == 2 / 4
    assert CR.grade("", text("1: x")) == 0


def test_stic_1_takes_requirements_of_parts_that_are_there_and_stic_2_all():
    sample = text("1: night hike", "2: night hike", "3: night hike", "3: book fair")
    assert STIC_1.grade(DIARY, sample) == 2 / 3
    assert STIC_2.grade(DIARY, sample) == 2 / 4
    assert STIC_1.grade("nothing", sample) == STIC_2.grade("nothing", sample) == 0


def test_requirements_of_all_texts_are_counted_together():
    one, three = text("1: night hike"), text("1: a", "3: b", "2: c")
    graded = [Graded(one, DIARY, 1), Graded(three, "#*# Week 1: a", 1 / 3)]
    assert STIC_2.total(graded) == 2 / 4
    assert STIC_1.total(graded) == 2 / 2
    assert STIC_1.total([]) == 0


GOOD = "Answer_2:\n6 * 7 = 42. The answer is 42.\n\nAnswer_3:\nThe answer is 1,250.\n\nAnswer_4:\nIt is $7.00"


def test_the_last_number_of_each_answer_counts():
    for rule in (ANSWERED, BY_NUMBER):
        assert rule.grade(GOOD, questions("42", "1250", "7.00")) == 1
        assert rule.grade(GOOD, questions("6", "1250", "8")) == 1 / 3
        assert rule.grade("", questions("42")) == 0


@pytest.mark.parametrize(
    ("reply", "answers", "theirs", "ours"),
    [
        ("Answer_2:\nThe answer is 42.", ("42", "7"), 1, 1 / 2),  # left out at the end: not counted
        ("Answer_3:\nThe answer is 7.", ("42", "7"), 0, 1 / 2),  # left out before: the others move up
        ("Answer_2: The answer is 42.", ("42",), 0, 1),  # no line break after the colon
        ("Answer_2:\nAs follows:\n\nIt is 42.", ("42",), 0, 1),  # an empty line ends the answer
        ("Answer_2:\nNo idea", ("0",), 1, 0),  # no number: the place in the list is taken for one
        ("Answer_2:\nThe answer is -42.", ("42",), 1, 1),  # signs do not count
    ],
)
def test_where_the_original_differs_from_answers_by_number(reply, answers, theirs, ours):
    assert ANSWERED.grade(reply, questions(*answers)) == theirs
    assert BY_NUMBER.grade(reply, questions(*answers)) == ours


def test_odd_replies_raise_nothing():
    for reply in (
        "Answer_",
        "Answer_:",
        "Answer_2",
        ":\n",
        "#*#",
        "#*# Week " + "9" * 5000,
        "Answer_2:\n" + "9" * 5000,
    ):
        for rule in (ANSWERED, BY_NUMBER):
            assert rule.grade(reply, questions("42")) == 0
        for rule in (CR, STIC_1, STIC_2):
            assert rule.grade(reply, text("1: a")) == 0
