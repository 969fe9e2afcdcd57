"""Evolutionary search over tuples of numbers, after LongRoPE's. https://arxiv.org/abs/2402.13753

The same seed asks for the same genomes in the same order as long as their fitness is the same: a search whose fitness
is remembered need store nothing else to be resumed.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import Protocol

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent

Genome = tuple[float, ...]
TRIES = 20
"""Attempts at a child that was not judged before."""


class Space(Protocol):
    """Which genomes there are."""

    def seeds(self) -> list[Genome]:
        """The genomes to begin with, at least one; mutations of them fill the first population."""
        ...

    def mutate(self, genome: Genome, random: Random) -> Genome:
        """A neighbour, which may be the genome itself."""
        ...

    def cross(self, genome: Genome, other: Genome, random: Random) -> Genome | None:
        """A child of two; None where they have none."""
        ...


@dataclass(frozen=True, slots=True)
class Evolution:
    """How long and how broadly to search; the defaults are the paper's."""

    population: int = 64
    """Genomes judged before the first generation."""
    iterations: int = 40
    """Generations."""
    parents: int = 32
    """The best so far, which children descend from."""
    mutations: int = 16
    """Mutated children of a generation."""
    crossovers: int = 16
    """Children of two parents, of a generation."""

    def __post_init__(self) -> None:
        if min(self.population, self.parents) < 1 or min(self.iterations, self.mutations, self.crossovers) < 0:
            raise InputError(f"{self}: population and parents are at least 1, the others at least 0")

    @property
    def budget(self) -> int:
        """Evaluations at most."""
        return self.population + self.iterations * (self.mutations + self.crossovers)


@dataclass(frozen=True, slots=True)
class Found:
    """The end of a search."""

    genome: Genome
    fitness: float
    """Of the genome found; the lower the better."""
    start: float
    """Of the first seed."""
    evaluations: int


def evolve(
    space: Space,
    fitness: Callable[[Genome], float],
    plan: Evolution,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> Found:
    """Find the genome of the lowest fitness within the plan's budget."""
    random, judged = Random(seed), dict[Genome, float]()

    def judge(genomes: Iterator[Genome]) -> None:
        for genome in genomes:
            judged[genome] = fitness(genome)
            progress("search", len(judged), plan.budget, "evaluations")

    judge(_first(space, plan.population, random, judged))
    for _ in range(plan.iterations):
        parents = sorted(judged, key=judged.__getitem__)[: plan.parents]
        judge(_mutated(space, parents, plan.mutations, random, judged))
        judge(_crossed(space, parents, plan.crossovers, random, judged))
    best = min(judged, key=judged.__getitem__)
    return Found(best, judged[best], judged[space.seeds()[0]], len(judged))


def _first(space: Space, population: int, random: Random, judged: dict[Genome, float]) -> Iterator[Genome]:
    seeds = list(dict.fromkeys(space.seeds()))[:population]
    yield from seeds
    yield from _mutated(space, seeds, population - len(seeds), random, judged)


def _mutated(
    space: Space, parents: list[Genome], wanted: int, random: Random, judged: dict[Genome, float]
) -> Iterator[Genome]:
    for _ in range(wanted):
        yield from _new(lambda: space.mutate(random.choice(parents), random), judged)


def _crossed(
    space: Space, parents: list[Genome], wanted: int, random: Random, judged: dict[Genome, float]
) -> Iterator[Genome]:
    for _ in range(wanted if len(parents) > 1 else 0):
        yield from _new(lambda: _child(space, parents, random), judged)


def _child(space: Space, parents: list[Genome], random: Random) -> Genome | None:
    mother, father = random.sample(parents, 2)
    return space.cross(mother, father, random)


def _new(make: Callable[[], Genome | None], judged: dict[Genome, float]) -> Iterator[Genome]:
    """One genome that was not judged yet, or none."""
    for _ in range(TRIES):
        genome = make()
        if genome is not None and genome not in judged:
            yield genome
            return
