"""How sure a score is: intervals, paired tests and corrections, over samples or over the documents they share."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import comb, sqrt
from statistics import NormalDist
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from longspan.core.errors import InputError

FEW = 10
"""Below so many samples a score is marked."""
DRAWS = 10_000
"""Resamples of a bootstrap, and draws of a permutation test too large to be exact."""
EXACT = 16
"""Units that differ up to which a permutation test goes through every assignment of signs."""
AT_ONCE = 2_000_000
"""Numbers drawn at a time: bounds the memory."""

Floats = NDArray[np.float64]
Method = Literal["percentile", "bca"]
_NORMAL = NormalDist()


@dataclass(frozen=True, slots=True)
class Interval:
    """A confidence interval."""

    low: float
    high: float


UNIT = Interval(0.0, 1.0)
"""Where scores lie unless they say otherwise."""


@dataclass(frozen=True, slots=True)
class Paired:
    """How much better the second of two is on the same samples."""

    difference: float
    """Mean of second minus first."""
    interval: Interval
    p: float
    """Two-sided: how often chance alone differs as much."""


def interval(
    scores: ArrayLike,
    groups: Sequence[str] | None = None,
    *,
    level: float = 0.95,
    seed: int = 0,
    method: Method = "percentile",
    span: Interval = UNIT,
) -> Interval:
    """Where the mean of scores that lie in `span` lies. https://doi.org/10.1201/9780429246593 (bootstrap)

    Wilson's for scores that are all 0 or 1; else a bootstrap of the samples, or of whole groups where samples share
    one (an empty group is a sample by itself). Where all are alike a resample tells nothing: then the bound is on the
    share of unlike ones that would still go unseen, which for 0 or 1 is Wilson's. InputError without scores, or where
    the lengths differ.
    """
    values, owner = _checked(scores, groups)
    if int(owner.max()) + 1 == len(values) and bool(np.isin(values, (0.0, 1.0)).all()):
        return wilson(int(values.sum()), len(values), level=level)
    return _of_mean(values, owner, level=level, seed=seed, method=method, span=span)


def wilson(hits: int, n: int, *, level: float = 0.95) -> Interval:
    """Wilson's score interval of a share. https://doi.org/10.1080/01621459.1927.10502953"""
    if not 0 <= hits <= n or not n:
        raise InputError(f"{hits} hits of {n} are no share: at least 1 sample, and 0 to all of them hits")
    z = _quantile(0.5 + _level(level) / 2)
    middle = (hits + z * z / 2) / (n + z * z)
    half = z / (n + z * z) * sqrt(hits * (n - hits) / n + z * z / 4)
    return Interval(0.0 if hits == 0 else middle - half, 1.0 if hits == n else middle + half)


def paired(
    a: ArrayLike, b: ArrayLike, groups: Sequence[str] | None = None, *, level: float = 0.95, seed: int = 0
) -> Paired:
    """Compare `b` with `a` on the same samples: a bootstrap of the differences and a test that flips their signs.

    Signs flip by group where samples share one. The test is exact for up to 16 groups that differ and for scores of
    0 or 1 (there it is McNemar's); else 10,000 draws, the smallest p being 1/10,001. InputError where lengths differ.
    """
    first, owner = _checked(a, groups)
    second, _ = _checked(b, groups)
    if len(first) != len(second):
        raise InputError(f"{len(first)} and {len(second)} scores are not of the same samples: pair them by sample")
    gains = second - first
    if int(owner.max()) + 1 == len(gains) and bool(np.isin(gains, (-1.0, 0.0, 1.0)).all()):
        p = mcnemar(int((gains < 0).sum()), int((gains > 0).sum()))
    else:
        p = _sign_flip(_summed(gains, owner), seed)
    span = Interval(-1.0, 1.0)
    return Paired(
        float(gains.mean()), _of_mean(gains, owner, level=level, seed=seed, method="percentile", span=span), p
    )


def mcnemar(only_a: int, only_b: int) -> float:
    """Exact two-sided p of McNemar's test: samples that only one of two got right. https://doi.org/10.1007/BF02295996"""
    n = only_a + only_b
    tail = sum(comb(n, k) for k in range(min(only_a, only_b) + 1))
    return min(1.0, 2 * tail / (1 << n))


def holm(ps: Sequence[float]) -> list[float]:
    """P values corrected for there being several, in their order. https://www.jstor.org/stable/4615733"""
    corrected = [0.0] * len(ps)
    largest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda index: ps[index])):
        largest = max(largest, min(1.0, (len(ps) - rank) * ps[index]))
        corrected[index] = largest
    return corrected


def _checked(scores: ArrayLike, groups: Sequence[str] | None) -> tuple[Floats, NDArray[np.intp]]:
    """Scores, and for each the number of its unit: its group, or itself."""
    values = np.asarray(scores, dtype=np.float64).reshape(-1)
    if not len(values):
        raise InputError("no scores: at least one is needed")
    if not np.isfinite(values).all():
        raise InputError("a score is not a number: leave out what has none, and count it")
    if groups is not None and len(groups) != len(values):
        raise InputError(f"{len(values)} scores have {len(groups)} groups: give one each")
    numbers: dict[str | int, int] = {}
    units = (group or index for index, group in enumerate(groups)) if groups is not None else range(len(values))
    return values, np.array([numbers.setdefault(unit, len(numbers)) for unit in units])


def _summed(values: Floats, owner: NDArray[np.intp]) -> Floats:
    return np.bincount(owner, weights=values).astype(np.float64)


def _of_mean(
    values: Floats, owner: NDArray[np.intp], *, level: float, seed: int, method: Method, span: Interval
) -> Interval:
    """Bootstrap interval of a mean whose values lie within `span`, units drawn whole."""
    sums, sizes = _summed(values, owner), _summed(np.ones(len(values)), owner)
    tail = (1 - _level(level)) / 2
    mean = float(sums.sum() / sizes.sum())
    if np.allclose(sums, mean * sizes, rtol=0, atol=1e-12):
        unseen = wilson(0, len(sums), level=level).high
        return Interval(mean - unseen * (mean - span.low), mean + unseen * (span.high - mean))
    means = np.concatenate([sums[drawn].sum(1) / sizes[drawn].sum(1) for drawn in _resamples(len(sums), seed)])
    tails = _bca(tail, means, sums, sizes) if method == "bca" else (tail, 1 - tail)
    low, high = np.quantile(means, tails)
    return Interval(float(low), float(high))


def _resamples(units: int, seed: int) -> Iterator[NDArray[np.int64]]:
    """Numbers of the units drawn, a row per resample, 10,000 in all."""
    random = np.random.default_rng(seed)
    rows = max(1, min(DRAWS, AT_ONCE // units))
    for start in range(0, DRAWS, rows):
        yield random.integers(0, units, (min(rows, DRAWS - start), units))


def _bca(tail: float, means: Floats, sums: Floats, sizes: Floats) -> tuple[float, float]:
    """Tails corrected for bias and skew. https://doi.org/10.1080/01621459.1987.10478410"""
    mean = sums.sum() / sizes.sum()
    below = float((means < mean).mean() + (means == mean).mean() / 2)
    bias = _quantile(min(max(below, 1 / len(means)), 1 - 1 / len(means)))
    without = (sums.sum() - sums) / (sizes.sum() - sizes)
    gaps = without.mean() - without
    skew = float((gaps**3).sum() / (6 * (gaps**2).sum() ** 1.5))
    ends = (bias + _quantile(tail), bias + _quantile(1 - tail))
    low, high = (_NORMAL.cdf(bias + end / (1 - skew * end)) for end in ends)
    return low, high


def _sign_flip(gains: Floats, seed: int) -> float:
    """Share of assignments of signs whose sum is at least as far from 0 as the one seen."""
    moving = gains[gains != 0]
    seen = abs(moving.sum()) - 1e-9 * (1 + np.abs(moving).sum())
    if len(moving) <= EXACT:
        sums = np.zeros(1)
        for gain in moving:
            sums = np.concatenate([sums + gain, sums - gain])
        return float((np.abs(sums) >= seen).mean())
    random = np.random.default_rng(seed)
    rows = max(1, min(DRAWS, AT_ONCE // len(moving)))
    as_far = 0
    for start in range(0, DRAWS, rows):
        signs = 2.0 * random.integers(0, 2, (min(rows, DRAWS - start), len(moving))) - 1
        as_far += int((np.abs(signs @ moving) >= seen).sum())
    return (1 + as_far) / (1 + DRAWS)


def _level(level: float) -> float:
    if not 0 < level < 1:
        raise InputError(f"a level of {level} makes no interval: above 0 and below 1, such as 0.95")
    return level


def _quantile(share: float) -> float:
    return _NORMAL.inv_cdf(share)
