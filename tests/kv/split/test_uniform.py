"""Uniform gives every head the same."""

from __future__ import annotations

import torch

from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.eviction import Eviction
from longspan.kv.split.uniform import Uniform


def test_every_head_has_the_budget():
    assert Uniform()(torch.rand(2, 3, 40), 10, None, torch.tensor([40, 40])).tolist() == [[10, 10, 10]] * 2


def test_every_head_keeps_exactly_the_budget_by_its_own_choice(tape, kept_of):
    text = tape(63)
    store = Eviction(SnapKV(window=4), 10).open(text.page.layer)
    text.prompt(store, 63, chunk=63)
    kept = kept_of(store, 1, 2)
    assert [len(tokens) for tokens in kept.values()] == [10, 10]
    assert kept[0, 0] != kept[0, 1]
