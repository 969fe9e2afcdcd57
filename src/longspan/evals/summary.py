"""Rows to figures: scores with intervals, effective length, what did not fit, and what it cost."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any, TypeVar

import numpy as np

from longspan.evals.row import Row
from longspan.evals.statistics import FEW, Interval, interval

THRESHOLD = 0.856
"""RULER's: what Llama-2-7B-chat reaches at 4k (https://arxiv.org/abs/2404.06654)."""
RELATIVE = 0.85
"""NoLiMa's: the share of the score at the shortest length (https://arxiv.org/abs/2502.05167)."""
DRAWS = 4000
K = TypeVar("K", bound=Hashable)
Array = np.ndarray[Any, np.dtype[Any]]


@dataclass(frozen=True, slots=True)
class Cell:
    """Scores of one task, or of an ability, at one length."""

    name: str
    length: int
    score: float
    """Mean, 0 to 1."""
    interval: Interval
    """95 %, by bootstrap, samples of one document drawn together."""
    n: int
    over: int = 0
    """Samples that did not fit and were not asked."""
    cut: int = 0
    """Samples whose context was cut."""

    @property
    def few(self) -> bool:
        """Whether there are too few samples to trust."""
        return bool(self.n < FEW)


@dataclass(frozen=True, slots=True)
class Effective:
    """How long inputs may be before the model's score falls below a threshold."""

    rule: str
    threshold: float
    length: int
    """Longest length asked up to which the lower confidence bound stays at the threshold or above; 0: none."""
    point: int
    """The same by the score itself."""
    low: int
    high: int
    """95 % interval of `point` over redrawn samples."""
    longest: int
    """Longest length that was asked: the effective length may be greater when it equals this."""


@dataclass(frozen=True, slots=True)
class Cost:
    """What the samples of one length took."""

    length: int
    tokens: float
    """Prompt tokens, mean."""
    seconds: float
    """Median of a sample."""
    kv_bytes: float
    """Stored tokens at the end of a reply, mean."""


def by_task(rows: Iterable[Row]) -> list[Cell]:
    """A cell per task and length."""
    return _cells(rows, lambda row: row.task)


def by_ability(rows: Iterable[Row]) -> list[Cell]:
    """A cell per ability and length."""
    return _cells(rows, lambda row: row.ability)


def by_depth(rows: Iterable[Row], bins: int = 11) -> dict[tuple[int, int], float]:
    """Mean score by (bin of depth, length) over the rows whose evidence lies at one depth."""
    found: defaultdict[tuple[int, int], list[float]] = defaultdict(list)
    for row in rows:
        if row.depth is not None and row.score is not None and row.length:
            found[min(bins - 1, round(row.depth * (bins - 1))), row.length].append(row.score)
    return {place: fmean(scores) for place, scores in found.items()}


def overall(rows: Sequence[Row]) -> list[Cell]:
    """A cell per length: the mean of its tasks' means, samples redrawn within each task."""
    cells = []
    for length, draws in sorted(_draws(rows).items()):
        scored = [row for row in rows if row.length == length and row.score is not None]
        tasks = _group(scored, lambda row: row.task)
        means = [fmean(_scores(each)) for each in tasks.values()]
        cells.append(Cell("all tasks", length, fmean(means), _bounds(draws, scored), len(scored)))
    return cells


def effective(rows: Sequence[Row]) -> list[Effective]:
    """Effective length by RULER's threshold and by the model's own score at the shortest length."""
    cells, draws = overall(rows), _draws(rows)
    if not cells:
        return []
    base = cells[0]
    rules = [
        (f"score of at least {THRESHOLD:.1%} (RULER)", THRESHOLD),
        (f"{RELATIVE:.0%} of its own score at {base.length:,} tokens (NoLiMa)", RELATIVE * base.score),
    ]
    return [_effective(rule, threshold, cells, draws) for rule, threshold in rules]


def costs(rows: Iterable[Row]) -> list[Cost]:
    """What each length took, over all tasks."""
    asked = _group((row for row in rows if row.status == "scored" and row.length), lambda row: row.length)
    return [
        Cost(
            length,
            fmean(row.tokens for row in each),
            median(row.seconds for row in each),
            fmean(row.kv_bytes for row in each),
        )
        for length, each in sorted(asked.items())
    ]


def _cells(rows: Iterable[Row], name: Callable[[Row], str]) -> list[Cell]:
    cells = []
    for (called, length), each in sorted(_group(rows, lambda row: (name(row), row.length)).items()):
        scored = [row for row in each if row.score is not None]
        scores = _scores(scored)
        bounds = interval(scores, [row.group for row in scored]) if scores else Interval(0.0, 1.0)
        over, cut = sum(row.status == "over" for row in each), sum(bool(row.cut) for row in each)
        cells.append(Cell(called, length, fmean(scores) if scores else 0.0, bounds, len(scores), over, cut))
    return cells


def _effective(rule: str, threshold: float, cells: list[Cell], draws: dict[int, Array]) -> Effective:
    lengths = [cell.length for cell in cells]
    holds = np.stack([draws[length] >= threshold for length in lengths])
    reached = np.array([0, *lengths])[np.cumprod(holds, axis=0).sum(axis=0)]
    low, high = (int(value) for value in np.quantile(reached, [0.025, 0.975], method="nearest"))
    bound = _longest(cells, [cell.interval.low >= threshold for cell in cells])
    point = _longest(cells, [cell.score >= threshold for cell in cells])
    return Effective(rule, threshold, bound, point, low, high, lengths[-1])


def _longest(cells: list[Cell], holds: list[bool]) -> int:
    reached = 0
    for cell, held in zip(cells, holds, strict=True):
        if not held:
            break
        reached = cell.length
    return reached


def _draws(rows: Sequence[Row]) -> dict[int, Array]:
    """Bootstrap draws of the overall score, [DRAWS] by length."""
    random = np.random.default_rng(0)
    drawn: dict[int, Array] = {}
    scored = (row for row in rows if row.score is not None and row.length)
    for length, each in sorted(_group(scored, lambda row: row.length).items()):
        tasks = _group(each, lambda row: row.task)
        drawn[length] = np.mean([_redraw(tasks[task], random) for task in sorted(tasks)], axis=0)
    return drawn


def _redraw(rows: list[Row], random: np.random.Generator) -> Array:
    """Means of a task's scores with its documents drawn anew, [DRAWS]."""
    clusters = list(_group(rows, lambda row: row.group or row.sample).values())
    sums = np.array([sum(_scores(each)) for each in clusters])
    sizes = np.array([len(each) for each in clusters])
    picked = random.integers(len(clusters), size=(DRAWS, len(clusters)))
    means: Array = sums[picked].sum(axis=1) / sizes[picked].sum(axis=1)
    return means


def _bounds(draws: Array, scored: list[Row]) -> Interval:
    """The 95 % interval of draws; where all scores are alike they say nothing, so Wilson's takes their place."""
    if len(set(_scores(scored))) == 1:
        return interval(_scores(scored))
    low, high = np.quantile(draws, [0.025, 0.975])
    return Interval(float(low), float(high))


def _scores(rows: Iterable[Row]) -> list[float]:
    return [row.score for row in rows if row.score is not None]


def _group(rows: Iterable[Row], name: Callable[[Row], K]) -> dict[K, list[Row]]:
    groups: dict[K, list[Row]] = {}
    for row in rows:
        groups.setdefault(name(row), []).append(row)
    return groups
