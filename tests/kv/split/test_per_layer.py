"""Layers get what they are told, and all together what they had."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.eviction import Eviction
from longspan.kv.split.per_layer import PerLayer

INF = float("inf")


@pytest.fixture
def budgets(tape):
    def of(shares, depth, *, budget=100, stored=1000, always=0):
        layer, score = tape(1).page.layer, torch.zeros(1, 2, stored)
        score[..., stored - always :] = INF
        layers = [replace(layer, index=index, depth=depth) for index in range(depth)]
        counts = [PerLayer(shares)(score, budget, layer, torch.tensor([score.shape[2]])).tolist() for layer in layers]
        assert all(count[0][0] == count[0][1] for count in counts)
        return [count[0][0] for count in counts]

    return of


@pytest.mark.parametrize(
    ("shares", "depth", "always", "want"),
    [
        ((3.0, 1.0), 4, 0, [150, 150, 50, 50]),
        ((1.0,), 3, 0, [100, 100, 100]),
        ((4.0, 2.0, 1.0, 1.0), 4, 0, [200, 100, 50, 50]),
        ((3.0, 1.0), 4, 20, [140, 140, 60, 60]),
        ((2.0, 1.0), 3, 0, [120, 120, 60]),
    ],
)
def test_budgets_stand_in_the_given_proportions(budgets, shares, depth, always, want):
    assert budgets(shares, depth, always=always) == want


@pytest.mark.parametrize("depth", [7, 32])
@pytest.mark.parametrize("shares", [(0.3, 0.2, 0.9), (1.0, 7.0), (1.0, 1.0, 1.0, 1.0, 1.0, 1.3, 2.0)])
def test_all_layers_together_keep_what_even_budgets_keep(budgets, shares, depth):
    assert sum(budgets(shares, depth, budget=101)) == 101 * depth


@pytest.mark.parametrize("chunks", [False, True])
def test_a_longer_text_keeps_each_layers_own_and_one_within_the_budget_all(tape, kept_of, chunks):
    text = tape(100, pads=(0, 60))
    policy = Eviction(SnapKV(window=4), 40, PerLayer((3.0, 1.0)), chunks=chunks)
    for index, own in enumerate((58, 22)):
        store = policy.open(replace(text.page.layer, index=index, depth=2))
        text.prompt(store, 100, 20)
        assert [len(kept) for kept in kept_of(store, 2, 2).values()] == [own, own, 40, 40]


def test_shares_that_make_no_sense_are_refused_before_anything_is_read(tape):
    for shares in ((), (1.0, 0.0), (2.0, -1.0)):
        with pytest.raises(InputError, match="must be one or more weights, all above 0"):
            PerLayer(shares)
    with pytest.raises(InputError, match="2 shares for a model of 1 layers"):
        Eviction(SnapKV(), 100, PerLayer((1.0, 2.0))).open(tape(1).page.layer)
