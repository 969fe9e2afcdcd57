"""Totals of benchmarks whose replies a model judges: HelloBench's checklists and LongFact's F1@K."""

from __future__ import annotations

from collections.abc import Sequence
from functools import cache
from importlib import resources

from longspan.core.errors import InputError
from longspan.evals.metrics.overlap import harmonic
from longspan.evals.task import Graded, Rule, Sample, mean

HELLOBENCH = "Quehry/HelloBench d403282"
LONGFACT = "google-deepmind/long-form-factuality 9d27158"
PIVOT, STRETCH = 0.75, 4
"""HelloBench stretches its scores: 75 becomes 0, and 100 stays."""


@cache
def weights() -> dict[str, tuple[float, ...]]:
    """HelloBench's weights of a category's points, fitted to people's grades; about 1 in sum."""
    text = resources.files("longspan.evals.metrics").joinpath("hellobench.txt").read_text(encoding="utf-8")
    rows = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {name: tuple(float(number) / 100 for number in numbers) for name, *numbers in rows}


def checklist(reply: str, sample: Sample) -> float:
    """Weighted sum of the verdicts, each 0 to 1, in `judged` of the sample's data; 0 without readable ones."""
    verdicts: Sequence[float] | None = sample.data.get("judged")
    if verdicts is None:
        return 0.0
    return sum(share * weight for share, weight in zip(verdicts, weights()[sample.data["category"]], strict=True))


def stretched(graded: Sequence[Graded]) -> float:
    """(score - 75) x 4, so from -300 to 100. A sample counts once, the first time; one without verdicts does not."""
    first: dict[str, Graded] = {}
    for each in graded:
        first.setdefault(each.sample.id, each)
    return (mean(_decided(list(first.values()))) - PIVOT) * STRETCH


def f1_at(k: int) -> Rule:
    """F1@K of LongFact: precision of the facts in a reply, and recall as if `k` supported facts were all there are."""

    def grade(reply: str, sample: Sample) -> float:
        supported, not_supported = sample.data.get("judged") or (0, 0)
        if not supported:
            return 0.0
        precision, recall = supported / (supported + not_supported), min(1.0, supported / k)
        return harmonic(precision, recall)

    return Rule(f"longfact.f1_at_{k}", grade, LONGFACT, decided_mean)


def decided_mean(graded: Sequence[Graded]) -> float:
    """The mean over replies that have verdicts."""
    return mean(_decided(graded))


def _decided(graded: Sequence[Graded]) -> list[Graded]:
    decided = [each for each in graded if each.sample.data.get("judged") is not None]
    if graded and not decided:
        raise InputError(
            f"no reply of {graded[0].sample.task} has a judge's verdict that can be read: judge the replies first"
        )
    return decided


CHECKLIST = Rule("hellobench.weighted_checklist", checklist, HELLOBENCH, stretched)
