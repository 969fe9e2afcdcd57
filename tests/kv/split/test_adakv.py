"""AdaKV against the formulas of the paper."""

from __future__ import annotations

import pytest
import torch

from longspan.kv.split.adakv import AdaKV

LONG = torch.tensor([500])
"""More has been read than any of these budgets."""


INF = float("inf")


def scores(heads, tokens, always, empty=0, seed=0):
    """Random scores of unlike heads, the last `always` tokens at infinity, the first `empty` slots without one."""
    generator = torch.Generator().manual_seed(seed)
    score = torch.rand(heads, tokens, generator=generator) ** torch.rand(heads, 1, generator=generator).mul(6)
    score[:, tokens - always :], score[:, :empty] = INF, -INF
    return score


def naive(score, budget, floor, always):
    """Each head's count: its wins among the best of all heads, moved towards the even budget by the floor."""
    even = budget - always
    flat = sorted(((float(x), -g, -s) for g, row in enumerate(score) for s, x in enumerate(row) if abs(x) < INF))
    winners = [-g for _, g, _ in flat[-even * len(score) :]]
    return [round(winners.count(g) * (1 - floor) + even * floor) + always for g in range(len(score))]


@pytest.mark.parametrize("floor", [0.0, 0.2, 0.5, 1.0])
@pytest.mark.parametrize("heads", [1, 2, 5])
def test_counts_are_those_of_the_formula(floor, heads):
    rows = [scores(heads, 63, 8), scores(heads, 63, 8, empty=20, seed=1)]
    counts = AdaKV(floor)(torch.stack(rows), 24, None, LONG)
    assert counts.tolist() == [naive(score, 24, floor, 8) for score in rows]


@pytest.mark.parametrize("seed", range(5))
def test_the_budget_is_spent_and_the_floor_is_sure(seed):
    counts = AdaKV(0.25)(scores(6, 500, 32, seed=seed)[None], 100, None, LONG)[0]
    assert abs(int(counts.sum()) - 6 * 100) <= 3
    assert int(counts.min()) >= 32 + 0.25 * (100 - 32)
    assert int(counts.max()) > 100


def test_a_row_that_fits_keeps_all():
    rows = torch.stack([scores(2, 63, 4), scores(2, 63, 4, empty=40)])
    counts = AdaKV()(rows, 30, None, LONG)
    assert counts[1].tolist() == [23, 23]
    assert int(counts[0].sum()) == 60


def test_equal_heads_share_evenly():
    assert AdaKV(0.0)(scores(1, 63, 4).expand(1, 3, 63), 24, None, LONG).tolist() == [[24, 24, 24]]
