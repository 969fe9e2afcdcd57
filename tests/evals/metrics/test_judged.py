"""HelloBench's and LongFact's totals, worked out by hand."""

from typing import Any

import pytest

from longspan.core.errors import InputError
from longspan.evals.metrics.judged import CHECKLIST, f1_at, weights
from longspan.evals.task import Graded, Rule, Sample


def graded(rule: Rule, id: str = "1", **data: Any) -> Graded:
    sample = Sample(task="t", id=id, before="", context="", after="", answers=(), max_tokens=0, data=data)
    return Graded(sample, "", rule.grade("", sample))


def test_weights_of_every_category_are_about_1_in_sum() -> None:
    assert len(weights()) == 38
    assert all(sum(each) == pytest.approx(1, abs=1e-6) for each in weights().values())
    assert weights()["story_writing"][2] == pytest.approx(0.105399, abs=1e-6)


def test_a_checklist_is_the_weighted_sum_of_its_verdicts() -> None:
    first, second, *_, last = weights()["continuation"]
    verdicts = [1, 0.5, 0, 0, 0.25]
    found = graded(CHECKLIST, category="continuation", judged=verdicts).score
    assert found == pytest.approx(first + second / 2 + last / 4)


def test_scores_are_stretched_so_that_75_is_0() -> None:
    full = graded(CHECKLIST, "1", category="continuation", judged=[1] * 5)
    none = graded(CHECKLIST, "2", category="continuation", judged=[0] * 5)
    assert CHECKLIST.total([full]) == pytest.approx(1)
    assert CHECKLIST.total([full, none]) * CHECKLIST.scale == pytest.approx(-100)


def test_repeated_and_unjudged_samples_do_not_count() -> None:
    full = graded(CHECKLIST, "1", category="continuation", judged=[1] * 5)
    again = graded(CHECKLIST, "1", category="continuation", judged=[0] * 5)
    unread = graded(CHECKLIST, "2", category="continuation", judged=None)
    assert CHECKLIST.total([full, again, unread]) == pytest.approx(1)
    with pytest.raises(InputError, match="judge the replies first"):
        CHECKLIST.total([unread])


@pytest.mark.parametrize(
    ("supported", "not_supported", "k", "score"),
    [(32, 32, 64, 0.5), (64, 0, 64, 1), (128, 0, 64, 1), (0, 5, 64, 0), (0, 0, 64, 0), (10, 30, 100, 1 / 7)],
)
def test_f1_at_k_is_that_of_the_paper(supported: int, not_supported: int, k: int, score: float) -> None:
    # 10 of 40 at K = 100: precision 1/4, recall 1/10, so 2/40 / (14/40) = 1/7
    assert graded(f1_at(k), judged=[supported, not_supported]).score == pytest.approx(score)
    assert f1_at(k).total([graded(f1_at(k), judged=[64, 0]), graded(f1_at(k))]) == pytest.approx(min(1, 128 / (64 + k)))
