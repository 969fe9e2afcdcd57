"""One run of all sides, A B, B A, A B: medians with their spread, ratios within a round, and where one overtakes.

Every other round goes backwards: who runs behind a side that has just freed much memory pays for it.
"""

from __future__ import annotations

import math
import statistics
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise

from longspan.bench.sides import Side, Trial
from longspan.core.progress import Progress, silent

QUANTITIES = ("prefill", "decode", "ttft")
WARM, WARM_STEPS = 512, 2
"""Tokens that every side reads, or the shortest length, and writes before anything is timed."""


@dataclass(frozen=True, slots=True)
class Plan:
    """What is timed."""

    lengths: tuple[int, ...]
    """Tokens of the prompts."""
    quantities: tuple[str, ...] = QUANTITIES
    repeats: int = 4
    """Rounds at each length: turns of every side."""
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

    @property
    def sign(self) -> int:
        """Of a ratio: 1 where all of it is above 1, -1 where all is below, 0 where turns differ."""
        return int(self.low > 1) - int(self.high < 1)


@dataclass(frozen=True, slots=True)
class Standing:
    """One side at one length in one quantity."""

    quantity: str
    """prefill: reading the prompt; decode: one more token; ttft: from the text to the first token."""
    length: int
    """Tokens of the prompt."""
    side: str
    ratios: Mapping[str, Spread]
    """How many times faster than each rival in the same round; empty for other programs."""
    seconds: Spread
    per_second: Spread
    """Prompt tokens a second; for decode, tokens written a second."""
    stored_bytes: int


@dataclass(frozen=True, slots=True)
class Verdict:
    """How a side fares against a rival over all lengths; where turns differ in who is faster, nobody is."""

    quantity: str
    side: str
    rival: str
    faster: tuple[int, ...]
    """Lengths at which it is faster in every turn."""
    slower: tuple[int, ...]
    """Lengths at which it is slower in every turn."""
    level: tuple[int, ...]
    """The other lengths."""
    break_even: tuple[float, ...]
    """Tokens at which one overtakes the other, between measured lengths."""

    def __str__(self) -> str:
        """As a person says it."""
        if len(self.break_even) == 1:
            at, late = f"about {self.break_even[0]:,.0f} tokens", self.faster[0] > self.slower[0]
            before, beyond = ("slower", "faster") if late else ("faster", "slower")
            return f"{self.quantity}: {self.side} is {before} than {self.rival} below {at}, {beyond} beyond"
        found = {"faster": self.faster, "slower": self.slower, "as fast within the spread": self.level}
        said = "; ".join(f"{word} at {', '.join(f'{n:,}' for n in at)}" for word, at in found.items() if at)
        return f"{self.quantity}: {self.side} against {self.rival} is {said} tokens"


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
    short = min(WARM, *plan.lengths)
    for side in sides:
        side.run(text(short), short, min(WARM_STEPS, plan.written))
    for length in plan.lengths:
        read, trials = text(length), {side.name: list[Trial]() for side in sides}
        turns = [side for number in range(plan.repeats) for side in (sides[::-1] if number % 2 else sides)]
        for done, side in enumerate(turns, 1):
            trials[side.name].append(side.run(read, length, plan.written))
            progress(f"{length:,} tokens", done, len(turns), "trials")
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
    """Every side of ours against every rival.

    A break-even lies between two lengths with another winner each, where the line through the medians, both axes
    logarithmic, crosses 1 for the last time.
    """
    found = []
    for quantity, side in dict.fromkeys((each.quantity, each.side) for each in standings):
        mine = sorted((e for e in standings if (e.quantity, e.side) == (quantity, side)), key=lambda e: e.length)
        for rival in mine[0].ratios:
            ratios = {each.length: each.ratios[rival] for each in mine}
            faster, slower, level = (tuple(n for n, r in ratios.items() if r.sign == sign) for sign in (1, -1, 0))
            found.append(Verdict(quantity, side, rival, faster, slower, level, tuple(_break_even(ratios))))
    return found


def _break_even(ratios: Mapping[int, Spread]) -> Iterator[float]:
    decided = [(length, ratio) for length, ratio in ratios.items() if ratio.sign]
    for (first, before), (last, after) in pairwise(decided):
        if before.sign != after.sign:
            medians = [(length, ratio.median) for length, ratio in ratios.items() if first <= length <= last]
            yield [_crossing(*pair) for pair in pairwise(medians) if (pair[0][1] < 1) != (pair[1][1] < 1)][-1]


def _crossing(before: tuple[int, float], after: tuple[int, float]) -> float:
    """The length where the line through two lengths and their ratios, all logarithmic, crosses 1."""
    (short, fall), (long, rise) = before, after
    return float(short * (long / short) ** (math.log(fall) / math.log(fall / rise)))


def _ratio(rival: Sequence[float], mine: Sequence[float]) -> Spread:
    return Spread.of([theirs / ours for theirs, ours in zip(rival, mine, strict=True)])


def _spent(quantity: str, trial: Trial, plan: Plan) -> float:
    """Seconds of a prompt, of a written token, or from the text to the first token."""
    if quantity == "decode":
        return trial.write / plan.written
    return trial.read + (trial.encode if quantity == "ttft" else 0.0)
