"""Searches that try every value of a list."""

from __future__ import annotations

from collections.abc import Callable, Sequence

from longspan.core.progress import Progress, silent
from longspan.evals.search.genetic import Found, Genome


def best_of(values: Sequence[float], fitness: Callable[[Genome], float], *, progress: Progress = silent) -> Found:
    """Try every value by itself; of equals the first wins."""
    judged: dict[Genome, float] = {}
    for number, value in enumerate(values):
        judged[(value,)] = fitness((value,))
        progress("search", number + 1, len(values), "evaluations")
    best = min(judged, key=judged.__getitem__)
    return Found(best, judged[best], judged[(values[0],)], len(judged))


def best_of_each(
    start: Genome, values: Sequence[float], fitness: Callable[[Genome], float], *, progress: Progress = silent
) -> Found:
    """Try every value at each place while all others stay as they start, and put the best of each place together;
    where together they are worse than the start, that stays.

    DPE's detection of how far each group of dimensions reads well. https://arxiv.org/abs/2504.18857
    """
    judged: dict[Genome, float] = {}
    total = len({_with(start, place, value) for place in range(len(start)) for value in values} | {start}) + 1

    def judge(genome: Genome) -> float:
        if genome not in judged:
            judged[genome] = fitness(genome)
            progress("search", len(judged), total, "evaluations")
        return judged[genome]

    def best_at(place: int) -> float:
        return min(values, key=lambda value: judge(_with(start, place, value)))

    judge(start)
    together = tuple(best_at(place) for place in range(len(start)))
    best = min((together, start), key=judge)
    return Found(best, judged[best], judged[start], len(judged))


def _with(genome: Genome, place: int, value: float) -> Genome:
    return (*genome[:place], value, *genome[place + 1 :])
