"""One run of all sides, A B A B: medians with their spread, ratios of neighbours, and where one overtakes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

from longspan.bench.sides import Side, Trial
from longspan.core.progress import Progress, silent

QUANTITIES = ("prefill", "decode", "ttft")
WARM = 64
"""Tokens that every side reads before anything is timed."""
LETTERS = 12
"""Characters of text for a token that are enough for any tokenizer here."""


@dataclass(frozen=True, slots=True)
class Spread:
    """The middle of repeated measurements, and the lowest and highest."""

    median: float
    low: float
    high: float

    @classmethod
    def of(cls, values: Sequence[float]) -> Spread:
        """Of at least one value.

        >>> Spread.of([3.0, 1.0, 2.0])
        Spread(median=2.0, low=1.0, high=3.0)
        """
        return cls(statistics.median(values), min(values), max(values))


@dataclass(frozen=True, slots=True)
class Standing:
    """One side at one length in one quantity."""

    quantity: str
    """prefill: reading the prompt; decode: one more token; ttft: from the text to the first token."""
    length: int
    """Tokens of the prompt."""
    side: str
    ratio: Spread
    """How many times faster than the first side in the same repetition."""
    seconds: Spread
    per_second: Spread
    """Prompt tokens a second; for decode, tokens written a second."""
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class BreakEven:
    """Where a side becomes faster than the first one, or stops being it."""

    quantity: str
    side: str
    length: float
    """Tokens, between two measured lengths."""
    faster_beyond: bool


def prose(length: int) -> str:
    """Real text of at least so many tokens: this Python's own reference, as often as needed."""
    from pydoc_data.topics import topics

    text = "\n\n".join(topics[name] for name in sorted(topics))
    return (text * (length * LETTERS // len(text) + 1))[: length * LETTERS]


def contest(
    sides: Sequence[Side],
    lengths: Sequence[int],
    *,
    quantities: Sequence[str] = QUANTITIES,
    repeats: int = 3,
    steps: int = 16,
    progress: Progress = silent,
) -> Iterator[Standing]:
    """Let the sides take turns, and say of every length how they stand to the first of them."""
    written = steps if "decode" in quantities else 0
    for side in sides:
        side.run(prose(WARM), WARM, min(2, written))
    for length in lengths:
        text = prose(length)
        trials: dict[str, list[Trial]] = {side.name: [] for side in sides}
        for turn in range(repeats * len(sides)):
            side = sides[turn % len(sides)]
            trials[side.name].append(side.run(text, length, written))
            progress(f"{length:,} tokens", turn + 1, repeats * len(sides), "trials")
        for quantity in quantities:
            yield from _standings(quantity, length, trials)


def break_even(standings: Sequence[Standing]) -> list[BreakEven]:
    """Where ratios cross 1, on a straight line between measured lengths, both logarithmic."""
    found = []
    for quantity, side in dict.fromkeys((each.quantity, each.side) for each in standings):
        mine = sorted((e for e in standings if (e.quantity, e.side) == (quantity, side)), key=lambda e: e.length)
        for short, long in pairwise(mine):
            before, after = math.log(short.ratio.median), math.log(long.ratio.median)
            if (before > 0) != (after > 0) and before != after and short.side != standings[0].side:
                share = before / (before - after)
                crossing = short.length * (long.length / short.length) ** share
                found.append(BreakEven(quantity, side, crossing, after > before))
    return found


def _standings(quantity: str, length: int, trials: dict[str, list[Trial]]) -> Iterator[Standing]:
    spent: Callable[[Trial], float] = {
        "prefill": lambda trial: trial.read,
        "decode": lambda trial: statistics.median(trial.steps),
        "ttft": lambda trial: trial.encode + trial.read,
    }[quantity]
    first = [spent(trial) for trial in next(iter(trials.values()))]
    tokens = 1 if quantity == "decode" else length
    for name, done in trials.items():
        seconds = [spent(trial) for trial in done]
        yield Standing(
            quantity=quantity,
            length=length,
            side=name,
            ratio=Spread.of([base / mine for base, mine in zip(first, seconds, strict=True)]),
            seconds=Spread.of(seconds),
            per_second=Spread.of([tokens / mine for mine in seconds]),
            stored_bytes=done[-1].stored_bytes,
        )
