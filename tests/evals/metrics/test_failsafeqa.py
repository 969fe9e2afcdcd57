import pytest

from longspan.core.errors import InputError
from longspan.evals.metrics.failsafeqa import ANSWERABLE, COMPLIANCE, GROUNDING, ROBUSTNESS, TRADE_OFF, UNANSWERABLE
from longspan.evals.task import Graded, Sample


def sample(item, variant, rating):
    return Sample(
        task="failsafeqa",
        id="i",
        before="",
        context="",
        after="",
        answers=(),
        max_tokens=1,
        data={"item": item, "variant": variant, "rating": rating},
    )


def graded(*rows):
    samples = [sample(*row) for row in rows]
    return [Graded(each, "", COMPLIANCE.grade("", each)) for each in samples]


def test_ratings_from_4_comply():
    assert [COMPLIANCE.grade("", sample(1, "query", rating)) for rating in (1, 3, 4, 6, "5", "good")] == [
        0,
        0,
        1,
        1,
        1,
        0,
    ]
    with pytest.raises(InputError, match="`rating`"):
        COMPLIANCE.grade("", sample(1, "query", None))


def test_the_worst_form_of_a_question_decides_robustness():
    rows = graded(
        *((1, variant, 5) for variant in ANSWERABLE), *((2, variant, 5) for variant in ANSWERABLE[1:]), (2, "query", 2)
    )
    assert ROBUSTNESS.total(rows) == 1 / 2
    assert GROUNDING.total(rows) == 0


def test_the_trade_off_weighs_grounding_more():
    """The paper's Palmyra-Fin: robustness 0.83 and grounding 0.80 make 0.81."""
    rows = [(item, "query", 6 if item < 83 else 1) for item in range(100)]
    rows += [(item, UNANSWERABLE[item % 2], 6 if item < 80 else 1) for item in range(100)]
    assert ROBUSTNESS.total(graded(*rows)) == 0.83
    assert GROUNDING.total(graded(*rows)) == 0.8
    assert TRADE_OFF.total(graded(*rows)) == pytest.approx(1.25 * 0.83 * 0.8 / (0.25 * 0.8 + 0.83))
    assert round(TRADE_OFF.total(graded(*rows)), 2) == 0.81
    assert TRADE_OFF.total([]) == 0
