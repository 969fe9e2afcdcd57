"""Bradley-Terry against closed forms and the model's own data."""

import math

import numpy as np
import pytest

from longspan.core.errors import InputError
from longspan.evals.judges.bradley_terry import ELO, Match, rate


def played(first: str, second: str, won: int, lost: int, ties: int = 0) -> list[Match]:
    return [Match(first, second, points) for points in [1.0] * won + [0.0] * lost + [0.5] * ties]


def test_two_are_as_far_apart_as_the_log_of_their_odds() -> None:
    found = rate(played("a", "b", 30, 10), draws=10, prior=1e-9)
    assert found["a"].strength - found["b"].strength == pytest.approx(ELO * math.log(3), abs=1e-3)
    assert found["a"].strength == pytest.approx(-found["b"].strength)
    assert (found["a"].matches, found["b"].matches) == (40, 40)
    assert rate(played("a", "b", 90, 10), draws=10, prior=1e-9)["a"].strength * 2 == pytest.approx(381.7, abs=0.1)


def test_a_tie_is_half_a_win() -> None:
    tied = rate(played("a", "b", 3, 1, ties=4), draws=10)
    assert tied["a"].strength == pytest.approx(rate(played("a", "b", 5, 3), draws=10)["a"].strength)


def test_strengths_are_where_points_expected_are_points_won() -> None:
    matches = played("a", "b", 7, 3) + played("b", "c", 6, 4) + played("a", "c", 9, 1, ties=2) + played("c", "d", 5, 2)
    found = rate(matches, draws=10, prior=1e-9)
    for name in "abcd":
        won = sum(m.points if m.first == name else 1 - m.points for m in matches if name in (m.first, m.second))
        others = [m.second if m.first == name else m.first for m in matches if name in (m.first, m.second)]
        expected = sum(1 / (1 + 10 ** ((found[o].strength - found[name].strength) / 400)) for o in others)
        assert expected == pytest.approx(won, abs=1e-4)
    assert sum(each.strength for each in found.values()) == pytest.approx(0, abs=1e-6)


def test_one_who_never_loses_is_strong_and_finite() -> None:
    found = rate(played("a", "b", 1000, 0) + played("b", "c", 1000, 0), draws=20)
    assert list(found) == ["a", "b", "c"]
    assert 800 < found["a"].strength - found["b"].strength < 4000


def test_intervals_shrink_with_matches_and_cover_the_strength() -> None:
    few, many = (rate(played("a", "b", 6 * n, 4 * n), seed=1)["a"] for n in (2, 50))
    for found in (few, many):
        assert found.interval.low < found.strength < found.interval.high
    assert many.interval.high - many.interval.low < (few.interval.high - few.interval.low) / 3
    # half the difference of two: standard error of a log odds is sqrt(1/300 + 1/200)
    half = 1.96 * math.sqrt(1 / 300 + 1 / 200) * ELO / 2
    assert (many.interval.high - many.interval.low) / 2 == pytest.approx(half, rel=0.1)


def test_matches_over_one_task_are_resampled_together() -> None:
    single = [Match("a", "b", points, f"{index}") for index, points in enumerate([1.0] * 12 + [0.0] * 8)]
    copies = [match for match in single for _ in range(25)]
    alone = [Match(match.first, match.second, match.points) for match in copies]
    grouped, apart = (rate(each, prior=1e-6)["a"].interval for each in (copies, alone))
    assert grouped.high - grouped.low > 3 * (apart.high - apart.low)


def test_strengths_that_made_the_matches_are_found_again() -> None:
    random = np.random.default_rng(3)
    true = {"a": 200.0, "b": 50.0, "c": -50.0, "d": -200.0}
    pairs = [(x, y) for x in true for y in true if x < y]
    matches = [
        Match(x, y, float(random.uniform() < 1 / (1 + 10 ** ((true[y] - true[x]) / 400))))
        for x, y in pairs
        for _ in range(300)
    ]
    found = rate(matches, draws=200)
    for name, strength in true.items():
        assert found[name].strength == pytest.approx(strength, abs=45)


def test_the_same_seed_gives_the_same_ratings() -> None:
    matches = played("a", "b", 5, 3, 2)
    assert rate(matches, seed=4) == rate(matches, seed=4) != rate(matches, seed=5)


def test_what_is_no_match_is_refused() -> None:
    with pytest.raises(InputError, match="no matches"):
        rate([])
    for match in (Match("a", "a", 1.0), Match("a", "b", 2.0)):
        with pytest.raises(InputError, match="no match of two"):
            rate([match])
    with pytest.raises(InputError, match="prior"):
        rate([Match("a", "b", 1.0)], prior=0.0)
