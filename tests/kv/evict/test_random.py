"""Lots are fair, and the same again."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.types import KV
from longspan.kv.evict.random import Random
from longspan.kv.eviction import Eviction


def lots(layer, seed=0, length=20_000):
    nothing = torch.empty(1, 2, length, 0)
    return Random(seed).judge(layer).score(KV(nothing, nothing, torch.arange(length).expand(1, 2, -1)), None)[0]


def test_lots_are_even_and_those_of_neighbours_heads_layers_and_seeds_unrelated(tape):
    layer = tape(1).page.layer
    base = lots(layer)
    others = [base.roll(1, 1), base.flip(0), lots(replace(layer, index=1)), lots(layer, seed=1)]
    for other in others:
        related = torch.corrcoef(torch.stack([base[0], other[0]]))[0, 1]
        assert abs(float(related)) < 0.03
    counts = torch.histc(base[0], bins=20, min=0, max=2**24)
    assert float(((counts - 1000) ** 2 / 1000).sum()) < 45


@pytest.mark.parametrize("chunk", [100, 16])
def test_every_token_is_as_likely_to_stay(tape, kept_of, chunk):
    text, times = tape(100, kv_heads=4), torch.zeros(100)
    for seed in range(200):
        store = Eviction(Random(seed), 25, chunks=True).open(text.page.layer)
        text.prompt(store, 100, chunk)
        for kept in kept_of(store, 1, 4).values():
            times[kept] += 1
    assert abs(float(times.mean()) - 200) < 1e-3
    assert abs(float(times[:50].mean()) - 200) < 8
    assert float(times.min()) > 150


def test_evicting_early_and_often_keeps_what_evicting_once_does(tape, kept_of):
    text, kept = tape(100, pads=(0, 30)), []
    for chunk, chunks in ((100, False), (7, True)):
        store = Eviction(Random(3), 20, chunks=chunks).open(text.page.layer)
        text.prompt(store, 100, chunk)
        kept.append(kept_of(store, 2, 2))
    assert kept[0] == kept[1]
    assert kept[0][0, 0] != kept[0][0, 1]
