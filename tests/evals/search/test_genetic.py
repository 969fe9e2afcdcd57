"""The evolutionary search finds what was planted, the same each time, and goes on where it was stopped."""

from itertools import pairwise
from random import Random

import pytest

from longspan.core.errors import InputError
from longspan.evals.journal import Journal
from longspan.evals.search.factors import Critical, Monotone, Piecewise
from longspan.evals.search.genetic import Evolution, evolve

PLANTED = (1.0, 1.0, 1.3, 2.1, 2.2, 3.7, 3.9, 4.0)
START = (1.0, 1.0, 1.0, 1.0, 2.0, 4.0, 4.0, 4.0)
SPACES = {
    "monotone": Monotone(START, 5.0),
    "piecewise": Piecewise(START, 4.0),
    "critical": Critical((3, 4, 5), 2.0),
}


def distance(genome, planted=PLANTED):
    return sum(abs(a - b) for a, b in zip(genome, planted, strict=True))


def missed(name):
    """Fitness that is 0 at the planted genome of a space and nowhere else."""
    if name == "critical":
        planted = (2.15, 2.6, 3.1, 3.8)
        return lambda genome: distance(genome, planted) if len(genome) == 4 else 9.0
    if name == "piecewise":
        return lambda genome: distance(genome[2:])
    return distance


@pytest.mark.parametrize("name", SPACES)
@pytest.mark.parametrize("seed", range(3))
def test_a_planted_optimum_is_found_within_the_paper_s_budget(name, seed):
    plan = Evolution()
    found = evolve(SPACES[name], missed(name), plan, seed=seed)
    assert plan.budget == 64 + 40 * 32
    assert found.evaluations <= plan.budget
    assert found.fitness < 0.25
    assert found.start > 1.5
    assert found.fitness == missed(name)(found.genome)


@pytest.mark.parametrize("name", SPACES)
def test_every_genome_lies_in_the_space_and_is_asked_for_once(name):
    asked = []

    def fitness(genome):
        asked.append(genome)
        return missed(name)(genome)

    found = evolve(SPACES[name], fitness, Evolution(population=40, iterations=15))
    assert len(asked) == len(set(asked)) == found.evaluations
    for genome in asked:
        factors = genome[2:] if name == "piecewise" else genome
        if name == "critical":
            assert len(factors) in (3, 4, 5)
            assert all(a < b for a, b in pairwise(factors))
            assert factors[0] >= 2
            assert factors[-1] <= 4
        else:
            assert all(a <= b for a, b in pairwise(factors))
            assert factors[0] >= 1
            assert factors[-1] <= (4 if name == "piecewise" else 5)
        assert all(round(factor, 2) == factor for factor in factors)
    if name == "piecewise":
        for low, high, *factors in asked:
            assert factors[: round(low)] == [1.0] * round(low)
            assert factors[round(high) :] == [4.0] * (8 - round(high))


def test_the_best_never_gets_worse_with_a_longer_search():
    best = [evolve(SPACES["monotone"], distance, Evolution(iterations=n)).fitness for n in (0, 5, 20)]
    assert best[0] > best[1] > best[2]


def test_a_search_that_stopped_goes_on_to_the_identical_result(tmp_path):
    plan = Evolution(population=20, iterations=3)
    whole = evolve(SPACES["monotone"], distance, plan, seed=3)
    journal, asked = Journal(tmp_path / "found.sqlite"), []

    def remembered(genome, stop):
        if (known := journal.get(repr(genome))) is not None:
            return known
        if len(asked) == stop:
            raise KeyboardInterrupt
        asked.append(genome)
        journal.put(repr(genome), distance(genome))
        return distance(genome)

    for stop in (7, 60, None):
        try:
            again = evolve(SPACES["monotone"], lambda genome, stop=stop: remembered(genome, stop), plan, seed=3)
        except KeyboardInterrupt:
            assert len(journal) == stop
    assert again == whole
    assert len(asked) == whole.evaluations


def test_another_seed_searches_otherwise():
    plan = Evolution(population=20, iterations=3)
    assert evolve(SPACES["monotone"], distance, plan, seed=1) != evolve(SPACES["monotone"], distance, plan, seed=2)


def test_a_child_of_falling_factors_or_of_other_lengths_is_none():
    random = Random(0)
    assert all(
        child is None or all(a <= b for a, b in pairwise(child))
        for child in (Monotone(START, 5.0).cross((1.0,) * 8, (5.0,) * 8, random) for _ in range(50))
    )
    assert SPACES["critical"].cross((2.0, 3.0, 4.0), (2.0, 3.0, 3.5, 4.0), random) is None


def test_plans_and_spaces_without_anything_are_refused():
    with pytest.raises(InputError, match="at least 1"):
        Evolution(population=0)
    with pytest.raises(InputError, match="critical"):
        Critical((), 2.0)
