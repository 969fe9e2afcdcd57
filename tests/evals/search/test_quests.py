"""Each search, on a fitness with a planted optimum: any callable on method strings will do."""

import math

import pytest
import torch

from longspan.core.discover import entries
from longspan.core.types import Rope, Rotation
from longspan.evals.search.genetic import Evolution
from longspan.evals.search.quests import SCALES, SEARCHES, TURNS, Quest
from longspan.evals.search.sweep import best_of_each
from longspan.models.method import Method

PAIRS, BASE, WINDOW, LENGTH = 16, 1e4, 512, 2048
ROPE = Rope(2 * PAIRS, BASE, WINDOW, Rotation(BASE ** -(torch.arange(0, 2 * PAIRS, 2) / (2 * PAIRS))))
HERE = {entry.name for entry in entries()}


def setting(method, name):
    (text,) = [word for word in method.partition(":")[2].split(",") if word.startswith(f"{name}=")]
    return [float(value) for value in text.partition("=")[2].split("|")]


def quest(fitness, **more):
    return Quest(ROPE, LENGTH, fitness, plan=Evolution(population=32, iterations=30), **more)


def test_longrope_begins_from_yarn_and_comes_nearer():
    asked = []

    def fitness(method):
        asked.append(setting(method, "long"))
        return sum(abs(each - 2.5) for each in asked[-1][8:]) + sum(asked[-1][:8])

    method, found = SEARCHES["longrope"].run(quest(fitness))
    assert asked[0][0] == 1.0
    assert asked[0][-1] == 4.0
    assert found.fitness < 0.7 * found.start
    assert setting(method, "factor") == [4.0]


def test_longrope_s_borders_are_searched_when_asked():
    method, found = SEARCHES["longrope"].run(quest(lambda text: sum(setting(text, "long")), piecewise=True))
    assert len(setting(method, "long")) == PAIRS
    assert found.fitness < found.start


def test_longrope2_searches_the_critical_pairs_alone_and_which_is_the_first():
    turns = [WINDOW * BASE ** (-pair / PAIRS) / (2 * math.pi) for pair in range(PAIRS)]
    least, most = sum(turn < 1 for turn in turns), sum(turn < 10 for turn in turns)
    method, found = SEARCHES["longrope2"].run(quest(lambda method: abs(len(setting(method, "searched")) - most)))
    assert 1 <= least < most
    assert len(setting(method, "searched")) == most
    assert (found.start, found.fitness) == (most - least, 0)


def test_dpe_finds_the_planted_scale_of_every_group():
    planted = [2, 8, 2, 8, 32, 32, 128, 1]

    def cost(method):
        scales = setting(method, "scales")
        return sum(abs(math.log2(a) - math.log2(b)) for a, b in zip(scales, planted, strict=True))

    method, found = SEARCHES["dpe"].run(quest(cost))
    assert setting(method, "scales") == planted
    assert found.fitness == 0
    assert found.evaluations <= 8 * len(SCALES) + 2


def test_places_that_are_worse_together_than_the_start_leave_the_start():
    def at_odds(genome):
        return 1.0 - sum(0.1 for value in genome if value == 2) if genome.count(2) < 2 else 5.0

    found = best_of_each((4.0, 4.0), (1.0, 2.0), at_odds)
    assert (found.genome, found.fitness) == ((4.0, 4.0), 1.0)


def test_giraffe_finds_the_planted_cut():
    method, found = SEARCHES["giraffe_truncated"].run(quest(lambda method: abs(setting(method, "turns")[0] - 2)))
    assert method == "rope=giraffe_truncated:turns=2"
    assert (found.start, found.evaluations) == (1.0, len(TURNS))


@pytest.mark.parametrize("name", [name for name in SEARCHES if name in HERE])
def test_what_is_asked_and_found_are_method_strings(name):
    method, _ = SEARCHES[name].run(quest(lambda text: hash(Method.parse(text)) % 7))
    made = Method.parse(method)
    assert made.extends
    if made.rope != Method().rope:
        assert made.rope(ROPE, LENGTH).frequencies_P.shape == (PAIRS,)
