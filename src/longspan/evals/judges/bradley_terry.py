"""Bradley-Terry: strengths of many from comparisons of two, with intervals. https://doi.org/10.2307/2334029"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import log

import numpy as np
from numpy.typing import NDArray

from longspan.core.errors import InputError
from longspan.evals.statistics import Interval

ELO = 400 / log(10)
"""Elo points of one natural unit of strength: 400 points are odds of 10 to 1."""
STEPS = 100
LARGEST = 1.0
"""Units of strength a step of the fit may go: keeps Newton's method from overshooting."""

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Match:
    """One comparison."""

    first: str
    second: str
    points: float
    """Of the first: 1 won, 0.5 a tie, 0 lost."""
    group: str = ""
    """Comparisons over one task share it, and are resampled together; empty: by itself."""


@dataclass(frozen=True, slots=True)
class Rating:
    """How strong one is, in Elo points around an average of 0."""

    strength: float
    interval: Interval
    matches: int


def rate(
    matches: Sequence[Match], *, draws: int = 1000, level: float = 0.95, seed: int = 0, prior: float = 1.0
) -> dict[str, Rating]:
    """Ratings by name, the strongest first; intervals from a bootstrap of the matches, whole groups at a time.

    `prior` ties against an average opponent are added for each, so that one who always wins has a finite strength.
    InputError without matches, or where one is no match.
    """
    names = sorted({name for match in matches for name in (match.first, match.second)})
    _check(matches, level, prior)
    number = {name: index for index, name in enumerate(names)}
    groups: dict[str | int, int] = {}
    owner = [groups.setdefault(match.group or index, len(groups)) for index, match in enumerate(matches)]
    won = np.zeros((len(groups), len(names), len(names)))
    for group, match in zip(owner, matches, strict=True):
        first, second = number[match.first], number[match.second]
        won[group, first, second] += match.points
        won[group, second, first] += 1 - match.points
    drawn = np.random.default_rng(seed).multinomial(len(groups), np.full(len(groups), 1 / len(groups)), draws)
    resampled = (drawn @ won.reshape(len(groups), -1)).reshape(draws, len(names), len(names))
    strengths = _fit(np.concatenate([won.sum(0)[None], resampled]), prior) * ELO
    tail = (1 - level) / 2
    low, high = np.quantile(strengths[1:], (tail, 1 - tail), axis=0)
    played = won.sum((0, 1)) + won.sum((0, 2))
    found = {
        name: Rating(float(strengths[0, at]), Interval(float(low[at]), float(high[at])), round(played[at]))
        for name, at in number.items()
    }
    return dict(sorted(found.items(), key=lambda item: -item[1].strength))


def _check(matches: Sequence[Match], level: float, prior: float) -> None:
    if not matches:
        raise InputError("no matches: ratings need at least one comparison")
    if not (0 < level < 1 and prior > 0):
        raise InputError(
            f"a level of {level} and a prior of {prior}: the first lies between 0 and 1, the second above 0"
        )
    for match in matches:
        if match.first == match.second or not 0 <= match.points <= 1:
            raise InputError(f"{match.first} against {match.second} for {match.points} points is no match of two")


def _fit(won_DNN: Floats, prior: float) -> Floats:
    """Strengths [D, N] of most likelihood for points won [D, N, N], their mean 0, by Newton's method."""
    n = won_DNN.shape[-1]
    games_DNN = won_DNN + won_DNN.swapaxes(1, 2)
    strength_DN = np.zeros(won_DNN.shape[:2])
    for _ in range(STEPS):
        share_DNN = 1 / (1 + np.exp(strength_DN[:, None, :] - strength_DN[:, :, None]))
        alone_DN = 1 / (1 + np.exp(-strength_DN))
        slope_DN = (won_DNN - games_DNN * share_DNN).sum(2) + prior * (0.5 - alone_DN)
        bend_DNN = -games_DNN * share_DNN * (1 - share_DNN)
        bend_DNN[:, range(n), range(n)] = -bend_DNN.sum(2) + prior * alone_DN * (1 - alone_DN)
        step_DN = np.linalg.solve(bend_DNN, slope_DN[..., None])[..., 0]
        strength_DN += np.clip(step_DN, -LARGEST, LARGEST)
        if np.abs(step_DN).max() < 1e-9:
            break
    mean_D1: Floats = strength_DN.mean(1, keepdims=True)
    return strength_DN - mean_D1
