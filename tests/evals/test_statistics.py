"""Intervals and tests against closed forms, exhaustive enumeration and hand-computed cases."""

from itertools import product

import numpy as np
import pytest

from longspan.core.errors import InputError
from longspan.evals.statistics import Interval, Method, holm, interval, mcnemar, paired, wilson

METHODS: tuple[Method, ...] = ("percentile", "bca")
RANDOM = np.random.default_rng(7)


def test_wilson_is_that_of_the_worked_example() -> None:
    # 81 of 263 at 95 %: Newcombe 1998, table I (https://doi.org/10.1002/(SICI)1097-0258(19980430)17:8<857::AID-SIM777>3.0.CO;2-E)
    found = wilson(81, 263)
    assert found.low == pytest.approx(0.2553, abs=5e-5)
    assert found.high == pytest.approx(0.3662, abs=5e-5)


def test_wilson_ends_at_the_ends() -> None:
    assert wilson(0, 20) == Interval(0.0, pytest.approx(0.1611, abs=5e-5))
    assert wilson(20, 20) == Interval(pytest.approx(0.8389, abs=5e-5), 1.0)


def test_an_interval_of_zeros_and_ones_is_wilsons() -> None:
    assert interval([1, 1, 0, 1]) == wilson(3, 4)


def test_all_right_is_not_certainty() -> None:
    # z²/(n + z²) with z = 1.96 and n = 5: 3.8415 / 8.8415
    assert interval([1.0] * 5).low == pytest.approx(1 - 0.43448, abs=1e-4)
    half = pytest.approx(0.21724, abs=1e-4)
    assert (0.5 - interval([0.5] * 5).low, interval([0.5] * 5).high - 0.5) == (half, half)


@pytest.mark.parametrize("method", METHODS)
def test_a_bootstrap_of_many_is_the_normal_interval(method: Method) -> None:
    scores = RANDOM.uniform(size=400)
    half = 1.959964 * scores.std() / 20
    found = interval(scores, method=method)
    assert found.low == pytest.approx(scores.mean() - half, abs=half / 20)
    assert found.high == pytest.approx(scores.mean() + half, abs=half / 20)


def test_bca_moves_towards_the_long_tail() -> None:
    scores = [0.0] * 15 + [0.1, 0.1, 0.2, 0.3, 0.9]
    plain, corrected = interval(scores), interval(scores, method="bca")
    assert corrected.low > plain.low
    assert corrected.high > plain.high


def test_both_bootstraps_are_those_of_scipy() -> None:
    # scipy.stats.bootstrap of 1.17 with 400,000 resamples
    scores = [0.05, 0.1, 0.1, 0.2, 0.3, 0.35, 0.9, 1.0]
    plain, corrected = interval(scores), interval(scores, method="bca")
    assert (plain.low, plain.high) == pytest.approx((0.15625, 0.63125), abs=0.01)
    assert (corrected.low, corrected.high) == pytest.approx((0.18125, 0.68125), abs=0.01)


def test_copies_in_a_group_say_nothing_new() -> None:
    scores = RANDOM.uniform(size=30)
    copied = interval(np.repeat(scores, 5), [str(number) for number in range(30) for _ in range(5)])
    assert (copied.low, copied.high) == pytest.approx((interval(scores).low, interval(scores).high))
    assert interval(np.repeat(scores, 5)).high - interval(np.repeat(scores, 5)).low < 0.6 * (copied.high - copied.low)


def test_an_empty_group_is_a_sample_by_itself() -> None:
    scores = RANDOM.uniform(size=20)
    assert interval(scores, [""] * 20) == interval(scores)
    assert interval([1, 0, 1], ["", "", ""]) == wilson(2, 3)


def test_one_document_is_one_observation() -> None:
    found = interval([1.0, 1.0, 0.0, 0.0], ["same"] * 4)
    assert found.high - found.low == pytest.approx(wilson(0, 1).high)


def test_intervals_cover_what_they_say() -> None:
    draws = np.random.default_rng(0).beta(2, 5, size=(120, 40))
    found = [interval(row) for row in draws]
    assert 0.88 <= np.mean([each.low <= 2 / 7 <= each.high for each in found]) <= 0.99


def test_a_higher_level_is_wider() -> None:
    scores = RANDOM.uniform(size=25)
    narrow, wide = interval(scores, level=0.5), interval(scores, level=0.99)
    assert wide.low < narrow.low < narrow.high < wide.high


def test_the_same_seed_gives_the_same_interval() -> None:
    scores = RANDOM.uniform(size=25)
    assert interval(scores, seed=3) == interval(scores, seed=3) != interval(scores, seed=4)


def test_a_small_permutation_test_is_the_enumeration() -> None:
    a, b = np.array([0.1, 0.5, 0.2, 0.9, 0.4, 0.3]), np.array([0.6, 0.4, 0.9, 0.95, 0.7, 0.3])
    gains = b - a
    sums = [abs(np.dot(signs, gains)) for signs in product((1, -1), repeat=6)]
    expected = np.mean([total >= abs(gains.sum()) - 1e-9 for total in sums])
    found = paired(a, b)
    assert found.p == pytest.approx(expected)
    assert found.difference == pytest.approx(gains.mean())
    assert found.interval.low <= found.difference <= found.interval.high


def test_signs_flip_by_group() -> None:
    # four samples, all better by 0.5, of two documents: 2 of the 4 assignments are as far from 0
    assert paired([0.1] * 4, [0.6] * 4, ["x", "x", "y", "y"]).p == pytest.approx(0.5)
    assert paired([0.1] * 4, [0.6] * 4).p == pytest.approx(2 / 16)


def test_a_large_permutation_test_agrees_with_the_normal_law() -> None:
    from statistics import NormalDist

    gains = np.random.default_rng(1).normal(0.03, 0.2, size=200)
    z = abs(gains.sum()) / np.sqrt((gains**2).sum())
    assert paired(np.zeros(200), gains).p == pytest.approx(2 * (1 - NormalDist().cdf(z)), abs=0.015)


def test_p_is_never_0() -> None:
    a = np.linspace(0, 0.3, 60)
    assert paired(a, a + 0.5 + a / 10).p == pytest.approx(1 / 10_001)


def test_mcnemar_is_that_of_the_worked_example() -> None:
    # 1 against 9: 2 (C(10,0) + C(10,1)) / 2^10 = 22 / 1024
    assert mcnemar(1, 9) == pytest.approx(22 / 1024)
    assert mcnemar(3, 3) == 1.0
    assert mcnemar(0, 0) == 1.0


def test_paired_zeros_and_ones_are_mcnemars_at_any_size() -> None:
    a, b = [1] * 5 + [0] * 25 + [1] * 40, [0] * 5 + [1] * 25 + [1] * 40
    assert paired(a, b).p == pytest.approx(mcnemar(5, 25))


def test_no_difference_is_p_1_and_not_certainty() -> None:
    found = paired([0.3, 0.6, 0.9], [0.3, 0.6, 0.9])
    assert (found.difference, found.p) == (0.0, 1.0)
    assert found.interval == Interval(pytest.approx(-wilson(0, 3).high), pytest.approx(wilson(0, 3).high))


def test_holm_is_that_of_the_worked_example() -> None:
    # 4 x 0.005, 3 x 0.01, then 2 x 0.03 and 1 x 0.04 raised to the one before
    assert holm([0.01, 0.04, 0.03, 0.005]) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    assert holm([0.7, 0.8]) == [1.0, 1.0]
    assert holm([]) == []


def test_many_samples_need_little_memory() -> None:
    found = interval(RANDOM.uniform(size=3_000))
    assert found.high - found.low == pytest.approx(2 * 1.96 * np.sqrt(1 / 12 / 3_000), rel=0.1)


@pytest.mark.parametrize(
    ("scores", "groups", "level"),
    [([], None, 0.95), ([1.0, float("nan")], None, 0.95), ([1.0], ["a", "b"], 0.95), ([1.0], None, 95.0)],
)
def test_what_has_no_interval_is_refused(scores: list[float], groups: list[str] | None, level: float) -> None:
    with pytest.raises(InputError):
        interval(scores, groups, level=level)


def test_scores_of_different_samples_are_not_compared() -> None:
    with pytest.raises(InputError, match="3 and 2 scores"):
        paired([1, 0, 1], [1, 0])
    with pytest.raises(InputError, match="no share"):
        wilson(3, 2)
