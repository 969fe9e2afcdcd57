"""The searches by the method they fit: where each begins, what it goes through, and the method string it gives."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import torch
from torch import Tensor

from longspan.core.progress import Progress, silent
from longspan.core.setting import write
from longspan.core.types import Rope
from longspan.evals.search.factors import Critical, Monotone, Piecewise
from longspan.evals.search.genetic import Evolution, Found, Genome, Space, evolve
from longspan.evals.search.sweep import best_of, best_of_each
from longspan.rope.yarn import YaRN

GROUPS = 8
"""Groups of channel pairs that DPE scales apart."""
SCALES = tuple(float(2**power) for power in range(8))
TURNS = (1.0, *(2 ** (half / 2) for half in range(-6, 7) if half))
"""Where Giraffe's basis is cut, in turns within the window; the first is its default."""
PERIODS = 10
"""Pairs that turn more often than this within the window are never critical to LongRoPE2."""


@dataclass(frozen=True)
class Quest:
    """What is searched for: a model's rotary embedding, the length to reach, and what is to be low."""

    rope: Rope
    length: int
    fitness: Callable[[str], float]
    """Of a method string."""
    plan: Evolution = field(default_factory=Evolution)
    seed: int = 0
    piecewise: bool = False
    """LongRoPE alone: search two borders too."""
    progress: Progress = silent

    @property
    def factor(self) -> float:
        """How many times the window is wanted."""
        return self.length / self.rope.window

    def evolve(self, space: Space, spell: Callable[[Genome], str]) -> tuple[str, Found]:
        """Run the evolutionary search."""
        found = evolve(
            space, lambda genome: self.fitness(spell(genome)), self.plan, seed=self.seed, progress=self.progress
        )
        return spell(found.genome), found


def longrope(quest: Quest) -> tuple[str, Found]:
    """LongRoPE's factors, from YaRN's on."""
    plain_P = _plain(quest.rope)
    start = tuple((plain_P / YaRN(quest.factor)(quest.rope, quest.length).frequencies_P).tolist())
    space = Piecewise(start, quest.factor) if quest.piecewise else Monotone(start, 1 + quest.factor)

    def spell(genome: Genome) -> str:
        factors = genome[2:] if quest.piecewise else genome
        return f"rope=longrope:factor={write(quest.factor)},long={write(factors)}"

    return quest.evolve(space, spell)


def longrope2(quest: Quest) -> tuple[str, Found]:
    """LongRoPE2's factors, from the critical pair on."""
    turns_P = _plain(quest.rope) * quest.rope.window / (2 * math.pi)
    least, most = (max(1, int((turns_P < turns).sum())) for turns in (1, PERIODS))
    space = Critical(tuple(range(least, most + 1)), quest.factor)
    return quest.evolve(space, lambda genome: f"rope=longrope2:factor={write(quest.factor)},searched={write(genome)}")


def dpe(quest: Quest) -> tuple[str, Found]:
    """DPE's scale of each group of channel pairs."""
    groups = math.gcd(GROUPS, quest.rope.dim // 2)
    start = (float(2 ** round(math.log2(2 * quest.factor))),) * groups
    near = min(1024, quest.rope.window // 4)

    def spell(genome: Genome) -> str:
        return f"positions=dpe:scales={write(tuple(int(scale) for scale in genome))},window={near}"

    found = best_of_each(start, SCALES, lambda genome: quest.fitness(spell(genome)), progress=quest.progress)
    return spell(found.genome), found


def giraffe_truncated(quest: Quest) -> tuple[str, Found]:
    """Where Giraffe's basis is cut."""

    def spell(genome: Genome) -> str:
        return f"rope=giraffe_truncated:turns={write(genome[0])}"

    found = best_of(TURNS, lambda genome: quest.fitness(spell(genome)), progress=quest.progress)
    return spell(found.genome), found


def _plain(rope: Rope) -> Tensor:
    """Frequencies of the base alone [P]."""
    exponent_P = torch.arange(0, rope.dim, 2).double() / rope.dim
    return rope.base**-exponent_P


@dataclass(frozen=True, slots=True)
class Search:
    """A search and what its fitness is measured on."""

    run: Callable[[Quest], tuple[str, Found]]
    needles: bool
    """Perplexity of hidden needles' values; else that of plain text."""


SEARCHES = {
    "longrope": Search(longrope, needles=False),
    "longrope2": Search(longrope2, needles=True),
    "dpe": Search(dpe, needles=True),
    "giraffe_truncated": Search(giraffe_truncated, needles=False),
}
"""By the name of the method."""
