import json

import pytest

from longspan.evals.metrics.ada_leval import BEST_ANSWER, TEXT_SORT, WHOLE_ORDER, designation, said_order
from longspan.evals.task import Sample


def sample(answer, **data):
    return Sample(task="t", id="1", before="", context="", after="", answers=(answer,), max_tokens=8, data=data)


@pytest.mark.parametrize(
    ("reply", "choices", "named"),
    [
        ("Answer: A3", 5, 3),
        ("A3 is better than A5, so A3", 5, 5),  # the highest, not the last
        ("A12", 20, 12),
        ("A12", 9, 1),  # A1 is inside A12
        ("The second, 2", 5, 2),
        ("42", 3, 2),  # no A: the highest number that is inside
        ("a4", 5, 4),  # small letter: found as a bare number
        ("I cannot tell", 5, 0),
        ("", 5, 0),
    ],
)
def test_the_highest_designation_counts(reply, choices, named):
    assert designation(reply, choices) == named
    assert BEST_ANSWER.grade(reply, sample(f"A{named or 1}", choices=choices)) == float(named > 0)


@pytest.mark.parametrize(
    ("reply", "order"),
    [
        ("Answer: [2, 1, 4, 3]", [2, 1, 4, 3]),
        ("[2, 1, 4, 3]", [2, 1, 4, 3]),
        ("Answer: [1] Answer: [2, 1, 4, 3]", [1]),  # what stands between the first two
        ("Segment 2, then 1, 4 and 3.", [2, 1, 4, 3]),
        ("2 < 1 < 4 < 3 < 2", [0, 0, 0, 0]),  # 1432 is in it as well as 2143
        ("Answer: 2143", 2143),
        ("no idea", [0, 0, 0, 0]),
    ],
)
def test_an_order_is_json_or_the_only_one_that_the_digits_allow(reply, order):
    assert said_order(reply) == order


@pytest.mark.parametrize(
    ("reply", "official", "ours"),
    [
        ("[3, 1, 4, 2]", 1, 1),
        ("[3, 1, 2, 4]", 0, 0),
        ("[]", 1, 0),
        ("[3]", 1, 0),
        ("[3, 1, 4, 2, 5]", 1, 0),
        ('""', 1, 0),
        ("{}", 1, 0),
        ('"3142"', 0, 0),
        ("3142", 0, 0),
        ("null", 0, 0),
        ("[" * 100_000, 0, 0),
        ("", 0, 0),
    ],
)
def test_the_official_rule_forgives_short_lists_and_ours_does_not(reply, official, ours):
    right = sample(json.dumps([3, 1, 4, 2]))
    assert TEXT_SORT.grade(reply, right) == official
    assert WHOLE_ORDER.grade(reply, right) == ours
