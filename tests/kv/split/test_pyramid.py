from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.types import Layer, Rotation
from longspan.kv.evict.keydiff import KeyDiff
from longspan.kv.eviction import Eviction
from longspan.kv.split.pyramid import Pyramid

LAYER = Layer(0, 8, 4, 2, 8, Rotation(torch.ones(4)), True, torch.device("cpu"), torch.float32)


def budgets(stored, budget, window, depth=8, beta=20):
    score = torch.zeros(1, 2, stored)
    score[..., stored - window :] = float("inf")
    layers = [replace(LAYER, index=index, depth=depth) for index in range(depth)]
    return [int(Pyramid(beta)(score, budget, layer, torch.tensor([stored]))[0, 0]) for layer in layers]


def naive(stored, budget, window, depth=8, beta=20):
    even = budget - window
    if stored - window < 2 * even:
        return [budget] * depth
    least = even // beta
    most = 2 * even - least
    if most >= stored - window:
        most = stored - window
        least = 2 * even - most
    step = (most - least) // (depth - 1)
    return [most - index * step + window for index in range(depth)]


@pytest.mark.parametrize(
    ("stored", "budget", "window"), [(500, 100, 8), (500, 250, 8), (500, 254, 8), (63, 24, 0), (500, 480, 8)]
)
def test_budgets_are_the_papers(stored, budget, window):
    got = budgets(stored, budget, window)
    assert got == naive(stored, budget, window)
    assert got == sorted(got, reverse=True)
    assert abs(sum(got) - 8 * budget) <= 8 * 8


def test_a_text_too_short_is_shared_evenly_and_beta_below_one_refused():
    assert budgets(30, 24, 4) == [24] * 8
    with pytest.raises(InputError, match="beta=0"):
        Pyramid(0)


def test_chunk_after_chunk_ends_where_one_whole_prompt_does(tape, kept_of):
    kept = {}
    for chunk in (600, 100):
        kept[chunk] = []
        for index in range(4):
            text = tape(600)
            layer = replace(text.page.layer, index=index, depth=4)
            store = Eviction(KeyDiff(), 60, Pyramid(4), chunks=True).open(layer)
            text.prompt(store, 600, chunk)
            kept[chunk].append(len(kept_of(store, 1, 2)[0, 0]))
    assert kept[100] == kept[600]
    assert kept[100] == sorted(set(kept[100]), reverse=True)
    assert sum(kept[100]) == pytest.approx(4 * 60, abs=4)
