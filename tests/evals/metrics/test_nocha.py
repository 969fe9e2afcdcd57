import pytest

from longspan.evals.metrics.nocha import PAIR_ACCURACY, PAIR_ACCURACY_OURS, verdict
from longspan.evals.task import Graded, Sample


def graded(*rows):
    """Rows of pair, label and reply."""
    made = []
    for pair, label, reply in rows:
        sample = Sample(
            task="nocha",
            id="i",
            before="",
            context="",
            after="",
            answers=(label,),
            max_tokens=1,
            data={"pair": pair},
        )
        made.append(Graded(sample, reply, PAIR_ACCURACY.grade(reply, sample)))
    return made


@pytest.mark.parametrize(
    ("reply", "expected"),
    [
        ("<explanation>It is false that ...</explanation>\n <answer> TRUE </answer>", "TRUE"),
        ("<answer>False.</answer> <answer>True</answer>", "FALSE"),
        ("TRUE", "TRUE"),
        ("**False**, because", "FALSE"),
        ("SKIPPED", None),
        ("The statement is true.", None),
        ("<answer>maybe</answer>", None),
        ("True? <answer", None),
        ("", None),
    ],
)
def test_a_verdict_is_read_from_the_tag_or_the_first_word(reply, expected):
    assert verdict(reply) == expected


def test_a_pair_counts_when_both_claims_are_right():
    rows = graded(
        *(("1", "TRUE", "TRUE"), ("1", "FALSE", "FALSE")),
        *(("2", "TRUE", "TRUE"), ("2", "FALSE", "TRUE")),
        *(("3", "TRUE", "no idea"), ("3", "FALSE", "FALSE")),
        ("4", "TRUE", "TRUE"),
    )
    assert PAIR_ACCURACY.total(rows) == 1 / 2  # pair 3 is unreadable, 4 has no other half
    assert PAIR_ACCURACY_OURS.total(rows) == 1 / 3
    assert PAIR_ACCURACY.total([]) == PAIR_ACCURACY_OURS.total([]) == 0
