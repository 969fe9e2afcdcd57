"""One run of all sides, A B A B: medians with their spread, ratios of neighbours, and where one overtakes."""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

from longspan.bench.sides import Side, Trial
from longspan.core.progress import Progress, silent

QUANTITIES = ("prefill", "decode", "ttft")
WARM, WARM_STEPS = 64, 2
"""Tokens that every side reads and writes before anything is timed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is timed."""

    lengths: tuple[int, ...]
    """Tokens of the prompts."""
    quantities: tuple[str, ...] = QUANTITIES
    repeats: int = 3
    """Turns of every side at each length."""
    steps: int = 16
    """Tokens written after the first one to time one."""

    @property
    def written(self) -> int:
        """Tokens that are written after the first one."""
        return self.steps if "decode" in self.quantities else 0


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
    ratios: Mapping[str, Spread]
    """How many times faster than each rival in the same repetition; empty for other programs."""
    seconds: Spread
    per_second: Spread
    """Prompt tokens a second; for decode, tokens written a second."""
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a side fares against a rival over all lengths."""

    quantity: str
    side: str
    rival: str
    kind: Literal["faster", "slower", "faster beyond", "faster up to"]
    length: float
    """Tokens of the break-even; the longest length that was measured where there is none."""

    @property
    def crosses(self) -> bool:
        """Whether there is a break-even within what was measured."""
        return self.kind not in ("faster", "slower")

    def __str__(self) -> str:
        """As a person says it."""
        if not self.crosses:
            said = f"{self.kind} than {self.rival} at every length measured, up to {self.length:,.0f} tokens"
        elif self.kind == "faster beyond":
            said = f"slower than {self.rival} below about {self.length:,.0f} tokens, faster beyond"
        else:
            said = f"faster than {self.rival} up to about {self.length:,.0f} tokens, slower beyond"
        return f"{self.quantity}: {self.side} is {said}"


def contest(
    ours: Sequence[Side],
    peers: Sequence[Side],
    text: Callable[[int], str],
    plan: Plan,
    *,
    progress: Progress = silent,
) -> Iterator[Standing]:
    """Let all sides take turns, and say how ours stand to the first of them and to the peers.

    `text` gives a text of at least so many tokens.
    """
    sides, rivals = [*ours, *peers], [ours[0].name, *(peer.name for peer in peers)]
    for side in sides:
        side.run(text(WARM), WARM, min(WARM_STEPS, plan.written))
    for length in plan.lengths:
        read, trials = text(length), {side.name: list[Trial]() for side in sides}
        for turn in range(plan.repeats * len(sides)):
            side = sides[turn % len(sides)]
            trials[side.name].append(side.run(read, length, plan.written))
            progress(f"{length:,} tokens", turn + 1, plan.repeats * len(sides), "trials")
        for quantity in plan.quantities:
            seconds = {name: [_spent(quantity, each, plan) for each in done] for name, done in trials.items()}
            for side in sides:
                mine = seconds[side.name]
                tokens = 1 if quantity == "decode" else length
                against = [rival for rival in rivals if side in ours and rival != side.name]
                yield Standing(
                    quantity=quantity,
                    length=length,
                    side=side.name,
                    ratios={rival: _ratio(seconds[rival], mine) for rival in against},
                    seconds=Spread.of(mine),
                    per_second=Spread.of([tokens / spent for spent in mine]),
                    stored_bytes=trials[side.name][-1].stored_bytes,
                )


def verdicts(standings: Sequence[Standing]) -> list[Verdict]:
    """Where medians of ratios cross 1, on straight lines between measured lengths, both logarithmic."""
    found = []
    for quantity, side in dict.fromkeys((each.quantity, each.side) for each in standings):
        mine = sorted((e for e in standings if (e.quantity, e.side) == (quantity, side)), key=lambda e: e.length)
        for rival in mine[0].ratios:
            gains = [(each.length, math.log(each.ratios[rival].median)) for each in mine]
            crossings = list(_crossings(gains))
            for length, rising in crossings:
                found.append(Verdict(quantity, side, rival, "faster beyond" if rising else "faster up to", length))
            if not crossings:
                kind: Literal["faster", "slower"] = "faster" if gains[0][1] > 0 else "slower"
                found.append(Verdict(quantity, side, rival, kind, gains[-1][0]))
    return found


def _crossings(gains: Sequence[tuple[int, float]]) -> Iterator[tuple[float, bool]]:
    """Lengths at which a gain changes its sign, and whether it rises there."""
    for (short, before), (long, after) in pairwise(gains):
        if (before > 0) != (after > 0):
            yield short * (long / short) ** (before / (before - after)), after > before


def _ratio(rival: Sequence[float], mine: Sequence[float]) -> Spread:
    return Spread.of([theirs / ours for theirs, ours in zip(rival, mine, strict=True)])


def _spent(quantity: str, trial: Trial, plan: Plan) -> float:
    """Seconds of a prompt, of a written token, or from the text to the first token."""
    if quantity == "decode":
        return trial.write / plan.written
    return trial.read + (trial.encode if quantity == "ttft" else 0.0)
