"""What the searches for slowing factors go through, a factor per pair of channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random

from longspan.core.errors import InputError
from longspan.evals.search.genetic import Genome

MUTATED = 0.3
"""Share of the factors that a mutation draws anew, and of those half that a child takes from its second parent."""
DIGITS = 2
"""Decimals of a factor."""
WANDER = 2.0
"""Standard deviation of how far a mutation moves a border, in pairs."""
LEAP = 4.0
"""How far above its neighbour LongRoPE2's last factor may lie at most."""


@dataclass(frozen=True, slots=True)
class Monotone:
    """LongRoPE: factors that never fall from a pair to the next slower one. https://arxiv.org/abs/2402.13753"""

    start: Genome
    """What the search begins from, YaRN's in the paper."""
    highest: float
    """No factor is greater; 1 + s in the authors' code."""

    def seeds(self) -> list[Genome]:
        """The start alone, on the grid."""
        return [_risen(self.start, 1.0, self.highest)]

    def mutate(self, genome: Genome, random: Random) -> Genome:
        """Draw some factors anew, each between its neighbours."""
        return _redrawn(genome, random, lowest=1.0, highest=self.highest)

    def cross(self, genome: Genome, other: Genome, random: Random) -> Genome | None:
        """Take some factors of the other; None where they then fall."""
        child = _mixed(genome, other, random)
        return child if all(a <= b for a, b in pairwise(child)) else None


@dataclass(frozen=True, slots=True)
class Piecewise:
    """LongRoPE: like monotone, and outside two borders that move too the factors are 1 and s.

    A genome is the two borders, then the factors.
    """

    start: Genome
    """Factors that the search begins from."""
    factor: float
    """How many times the trained window the text may be long (s)."""

    def seeds(self) -> list[Genome]:
        """The start between borders where it leaves 1 and reaches s."""
        factors = _risen(self.start, 1.0, self.factor)
        kept, full = sum(each == 1 for each in factors), sum(each < self.factor for each in factors)
        return [(float(kept), float(full), *factors)]

    def mutate(self, genome: Genome, random: Random) -> Genome:
        """Move both borders and draw some factors anew."""
        pairs = len(genome) - 2
        low, high = sorted(min(max(round(random.gauss(border, WANDER)), 0), pairs) for border in genome[:2])
        factors = _redrawn(genome[2:], random, lowest=1.0, highest=self.factor)
        return (float(low), float(high), *self._bounded(low, high, factors))

    def cross(self, genome: Genome, other: Genome, random: Random) -> Genome | None:
        """Keep the borders and take some factors of the other."""
        low, high = round(genome[0]), round(genome[1])
        factors = self._bounded(low, high, _mixed(genome[2:], other[2:], random))
        return (*genome[:2], *factors) if all(a <= b for a, b in pairwise(factors)) else None

    def _bounded(self, low: int, high: int, factors: Genome) -> Genome:
        return (*(1.0 for _ in range(low)), *factors[low:high], *(self.factor for _ in range(len(factors) - high)))


@dataclass(frozen=True, slots=True)
class Critical:
    """LongRoPE2: from a critical pair on, factors that rise strictly and may exceed s. https://arxiv.org/abs/2502.20082

    A genome holds the factors of the critical pair and all slower ones; those of faster pairs follow from the first.
    """

    counts: tuple[int, ...]
    """How many pairs may be critical or slower: the theory's number first."""
    factor: float
    """How many times the trained window the text may be long (s); factors lie between it and its double."""

    def __post_init__(self) -> None:
        if not self.counts or min(self.counts) < 1:
            raise InputError("no channel pair is critical: every one turns fully within the window many times")

    def seeds(self) -> list[Genome]:
        """Eight for each critical pair: s and a tenth more of it each time, each further pair a tenth above."""
        starts = [self.factor * (1 + tenth / 10) for tenth in range(8)]
        return [self._rising(first, count) for first in starts for count in self.counts]

    def mutate(self, genome: Genome, random: Random) -> Genome:
        """Draw some factors anew, each strictly between its neighbours."""
        step, drawn = 10**-DIGITS, list(genome)
        for at in range(len(drawn)):
            if random.random() < MUTATED:
                low = drawn[at - 1] + step if at else self.factor
                above = drawn[at + 1] - step if at + 1 < len(drawn) else min(2 * self.factor, low + LEAP)
                drawn[at] = _drawn(random, low, above)
        return tuple(drawn)

    def cross(self, genome: Genome, other: Genome, random: Random) -> Genome | None:
        """Take some factors of the other; None where they do not rise or begin at another pair."""
        if len(genome) != len(other):
            return None
        child = _mixed(genome, other, random)
        return child if all(a < b for a, b in pairwise(child)) else None

    def _rising(self, first: float, count: int) -> Genome:
        """Factors a tenth apart, or closer where the last would exceed the double of s."""
        step = min(0.1, (2 * self.factor - first) / count)
        return tuple(round(first + step * at, DIGITS) for at in range(count))


def _risen(factors: Sequence[float], lowest: float, highest: float) -> Genome:
    """The factors on the grid, within bounds, none below one before it."""
    risen: list[float] = []
    for factor in factors:
        risen.append(round(max(min(factor, highest), lowest, *risen[-1:]), DIGITS))
    return tuple(risen)


def _redrawn(genome: Genome, random: Random, *, lowest: float, highest: float) -> Genome:
    drawn = list(genome)
    for at in range(len(drawn)):
        if random.random() < MUTATED:
            low = drawn[at - 1] if at else lowest
            drawn[at] = _drawn(random, low, drawn[at + 1] if at + 1 < len(drawn) else highest)
    return tuple(drawn)


def _drawn(random: Random, low: float, high: float) -> float:
    """A number of the grid from low to high, both included."""
    grid: int = 10**DIGITS
    bottom, top = round(low * grid), round(high * grid)
    return random.randint(bottom, max(bottom, top)) / grid


def _mixed(genome: Genome, other: Genome, random: Random) -> Genome:
    return tuple(b if random.random() < MUTATED / 2 else a for a, b in zip(genome, other, strict=True))
