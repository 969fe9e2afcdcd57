import pytest

from longspan.evals.metrics import retrieval
from longspan.evals.metrics.retrieval import (
    bracketed_number,
    first_number,
    in_order,
    last_number,
    listed,
    mentioned,
    prefix,
)
from longspan.evals.task import Rule, Sample

RULES = [value for value in vars(retrieval).values() if isinstance(value, Rule)]


def wanting(*answers: str) -> Sample:
    return Sample(task="", id="", before="", context="", after="", answers=answers, max_tokens=1)


@pytest.mark.parametrize(
    ("reply", "first", "last"),
    [
        ("12345", 1, 1),
        ("The pass key is 12345.", 1, 1),
        ("**12,345**", 1, 1),
        ("12345.0", 1, 1),
        ("Line 7 holds 12345", 0, 1),
        ("12345, as line 7 says", 1, 0),
        ("123456", 0, 0),
        ("- 12345", 1, 1),
        ("-12345", 1, 0),
        ("x-12345", 1, 1),
        ("none", 0, 0),
    ],
)
def test_the_first_number_has_no_sign_and_the_last_one_has(reply, first, last):
    assert first_number(reply, wanting("12345")) == first
    assert last_number(reply, wanting("12345")) == last


@pytest.mark.parametrize("reply", ["3 - 15 = -12", "-12", "It returns \u221212.", "(-12)"])
def test_a_negative_number_is_read_as_one(reply):
    assert last_number(reply, wanting("-12")) == 1
    assert last_number(reply, wanting("12")) == 0


def test_a_difference_is_no_negative_number():
    assert last_number("20-8", wanting("8")) == 1


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("<42>", 1),
        ("7: <42>, 8: <9>", 1),
        ("< 42 >", 1),
        ("line 7 holds 42", 1),
        ("<9> or 42", 0),
        ("<x>", 0),
    ],
)
def test_the_first_number_in_brackets_counts_and_without_any_the_last_number(reply, score):
    assert bracketed_number(reply, wanting("42")) == score


@pytest.mark.parametrize(
    ("reply", "score"),
    [("Lamp, 12.", 1), ("the LAMP", 0.5), ("lamps 12", 0.5), ("12.5 lamp", 0.5), ("1,120 and 3.12", 0), ("12", 0.5)],
)
def test_what_is_mentioned_stands_as_a_whole_word_or_number(reply, score):
    assert mentioned(reply, wanting("lamp", "12")) == score


@pytest.mark.parametrize(
    ("reply", "score"),
    [("8, 2, 30, 4", 1), ("8, 2, 31, 4", 0.5), ("2, 8", 0), ("8,02,30,4,9", 1), ("", 0)],
)
def test_a_prefix_counts_up_to_the_first_wrong_value(reply, score):
    assert prefix(reply, wanting("8", "2", "30", "4")) == score


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("[1, 2, 3, 4]", 1),
        ("[4,3,2,1]", 1),
        ('{"stars": [1, 2, 9, 8]}', 0.5),
        ("Of 4 nights: [1, 2]", 0.5),
        ("[number] 1 2 3 4", 1),
        (f"[{', '.join(map(str, range(9, 0, -1)))}]", 0),
        ("[1, 1, 1, 1]", 0.25),
    ],
)
def test_a_list_gains_nothing_from_more_numbers_than_asked_for(reply, score):
    assert listed(reply, wanting("1", "2", "3", "4")) == score


@pytest.mark.parametrize(
    ("reply", "score"),
    [
        ("red, big, old", 1),
        ("lamp: RED; box: big; old", 1),
        ("big, red, old", 2 / 3),
        ("old", 1 / 3),
        ("reds", 0),
    ],
)
def test_values_count_in_their_order_whatever_stands_between(reply, score):
    assert in_order(reply, wanting("red", "big", "old")) == pytest.approx(score)


@pytest.mark.parametrize("rule", RULES, ids=lambda rule: rule.name)
@pytest.mark.parametrize("reply", ["", "[", "<", "-", ",", "9" * 9000, "1e999999", "\u0664", "\x00\ud800", "[]<>"])
def test_no_reply_is_too_odd_for_a_rule(rule, reply):
    assert 0 <= rule.grade(reply, wanting("7", "42")) <= 1
    assert rule.name.startswith("longspan.")


def test_every_rule_gives_a_full_score_for_the_references():
    assert len(RULES) == 7
    assert all(rule.grade("7", wanting("7")) == 1 for rule in RULES)
