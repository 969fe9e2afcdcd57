"""What each method did at each length, against the model as it was trained."""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from statistics import fmean, median

from longspan.evals.extension.trial import Trial
from longspan.evals.statistics import UNIT, Interval, Paired, holm, interval, paired

WORST = 20.0
"""Losses above this count as this: a perplexity of half a billion."""
TRAINED = ""
"""The method string of the model as it was trained."""
NOTHING = Paired(0.0, Interval(0.0, 0.0), 1.0)


@dataclass(frozen=True, slots=True)
class Cell:
    """One method at one length."""

    length: int
    perplexity: float
    interval: Interval
    """95 %, pieces drawn anew."""
    pieces: int
    found: float
    """Share of the needles whose value greedy decoding writes."""
    found_interval: Interval
    needles: int
    needle_loss: float
    """Mean loss on the tokens of the needles' values; 0 where there are no needles."""
    agreement: float | None
    """Share of the expected tokens of pieces at which the likeliest is that of the model as trained; None beyond the
    window."""
    seconds: float
    """To read a piece, the middle one of all."""
    nbytes: int
    """Stored tokens of a piece, in bytes on the computing device."""


@dataclass(frozen=True, slots=True)
class Standing:
    """One method, against the model as it was trained on the same questions."""

    method: str
    cells: tuple[Cell, ...]
    """By length."""
    failure: str
    """Why it could not be run on some question; empty: it could."""
    short: float
    """How much its loss is greater on pieces within the window."""
    cut: float
    """How much its loss at the longest length is greater than that of the model as trained on the last window alone."""
    loss: Paired
    """Its loss at the longest length less that of the model as trained; p corrected by Holm for the methods."""
    needles: Paired
    """Its loss on needles' values beyond the window less that of the model as trained, p likewise."""

    @property
    def short_percent(self) -> float:
        """How much greater its perplexity is within the window, in percent."""
        return 100 * math.expm1(self.short)

    @property
    def long_percent(self) -> float:
        """How much greater its perplexity is at the longest length, in percent."""
        return 100 * math.expm1(self.loss.difference)

    def at(self, length: int) -> Cell:
        """Its cell of a length."""
        return next(cell for cell in self.cells if cell.length == length)

    def beyond(self, window: int) -> tuple[int, int, float]:
        """Needles found and asked beyond the window, and the mean loss on their values."""
        cells = [cell for cell in self.cells if cell.length > window]
        asked = sum(cell.needles for cell in cells)
        loss = sum(cell.needle_loss * cell.needles for cell in cells) / asked if asked else 0.0
        return sum(round(cell.found * cell.needles) for cell in cells), asked, loss


def standings(trials: Sequence[Trial], window: int) -> list[Standing]:
    """A standing per method, the model as trained first; it must be among the trials."""
    by_method = {method: _keyed(trials, method) for method in dict.fromkeys(trial.method for trial in trials)}
    plain = by_method.pop(TRAINED)
    made = [_standing(method, own, plain, window) for method, own in by_method.items()]
    losses, needles = holm([each.loss.p for each in made]), holm([each.needles.p for each in made])
    corrected = [
        replace(each, loss=replace(each.loss, p=loss), needles=replace(each.needles, p=needle))
        for each, loss, needle in zip(made, losses, needles, strict=True)
    ]
    return [_standing(TRAINED, plain, plain, window), *corrected]


Keyed = dict[tuple[str, int, int], Trial]


def _keyed(trials: Iterable[Trial], method: str) -> Keyed:
    return {(trial.kind, trial.length, trial.number): trial for trial in trials if trial.method == method}


def _standing(method: str, own: Keyed, plain: Keyed, window: int) -> Standing:
    failure = next((trial.failure for trial in own.values() if trial.failure), "")
    lengths = sorted({length for _, length, _ in own})
    cells = tuple(_cell(own, plain, length, window) for length in lengths)
    longest, inside = lengths[-1], [length for length in lengths if length <= window]
    short = [(_loss(plain[key]), _loss(own[key])) for key in own if key[0] == "text" and key[1] <= window]
    far = [(key, (_loss(plain[key]), _loss(own[key]))) for key in own if key[:2] == ("text", longest)]
    cut = [
        _loss(own["text", longest, number]) - _loss(plain["text", inside[-1], number])
        for (_, _, number), _ in far
        if inside
    ]
    hidden = [key for key in own if key[0] == "needle" and key[1] > window]
    return Standing(
        method,
        cells,
        failure,
        fmean(b - a for a, b in short) if short else 0.0,
        fmean(cut) if cut else 0.0,
        _paired([losses for _, losses in far]),
        _paired([(_loss(plain[key]), _loss(own[key])) for key in hidden]),
    )


def _cell(own: Keyed, plain: Keyed, length: int, window: int) -> Cell:
    pieces = [key for key in own if key[:2] == ("text", length)]
    hidden = [own[key] for key in own if key[:2] == ("needle", length)]
    losses = [_loss(own[key]) for key in pieces]
    bounds = interval(losses, span=Interval(0.0, WORST)) if losses else Interval(0.0, WORST)
    same = [a == b for key in pieces for a, b in zip(own[key].likeliest, plain[key].likeliest, strict=False)]
    return Cell(
        length,
        math.exp(fmean(losses)) if losses else math.nan,
        Interval(math.exp(bounds.low), math.exp(bounds.high)),
        len(losses),
        fmean(trial.right for trial in hidden) if hidden else 0.0,
        interval([float(trial.right) for trial in hidden]) if hidden else UNIT,
        len(hidden),
        fmean(_loss(trial) for trial in hidden) if hidden else 0.0,
        fmean(same) if same and length <= window else None,
        median(own[key].seconds for key in pieces),
        max(own[key].nbytes for key in pieces),
    )


def _loss(trial: Trial) -> float:
    return WORST if trial.loss is None else min(trial.loss, WORST)


def _paired(pairs: Sequence[tuple[float, float]]) -> Paired:
    return paired([a for a, _ in pairs], [b for _, b in pairs]) if pairs else NOTHING
