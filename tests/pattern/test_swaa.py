"""SWAA slides a window over the prompt in most layers, and never over what is decoded."""

from __future__ import annotations

import pytest
import torch
from tests.pattern.attention import attended, causal, count, kept, random, wanted
from tests.position.runs import CLOSE, model, read, text

from longspan.core.errors import InputError
from longspan.pattern.a_shape import AShape
from longspan.pattern.dense import Dense
from longspan.pattern.swaa import SWAA


def seen(T, S, window, sinks, tile):
    def reads(i, j):
        begin, first = i // tile * tile, j // tile * tile
        return j <= i and (first < sinks or first + tile > begin - window + 1)

    return torch.tensor([[reads(i, j) for j in range(S)] for i in range(S - T, S)])


@pytest.mark.parametrize(("T", "S"), [(63, 63), (21, 63)])
@pytest.mark.parametrize("settings", [(9, 3, 4), (1, 0, 8), (20, 5, 4)])
def test_sliding_layers_equal_a_masked_softmax(settings, T, S):
    q, k, v = random(T, S, B=2)
    window, sinks, tile = settings
    got = attended(SWAA(window, sinks, tile=tile), q, k, v, chunk=13)
    torch.testing.assert_close(got, wanted(q, k, v, seen(T, S, *settings)), **CLOSE)


@pytest.mark.parametrize(("every", "full"), [(2, {1, 3, 5}), (4, {3}), (1, {0, 1, 2, 3, 4, 5}), (0, set())])
def test_one_layer_of_each_group_is_full(every, full):
    q, k, _ = random(40, 40)
    pattern = SWAA(window=4, sinks=0, every=every, tile=4)
    dense = {index for index in range(6) if torch.equal(kept(pattern, q, k, index=index)[0, 0], causal(40, 40))}
    assert dense == full


def test_decoded_tokens_read_everything():
    own, row = model(num_hidden_layers=1), text(63)
    sliding = read(own, [row], reply=5, pattern=SWAA(window=8, sinks=2, every=0, tile=4))
    dense = read(own, [row], reply=5, pattern=Dense())
    assert not torch.allclose(sliding[:, 0], dense[:, 0], atol=1e-3)
    torch.testing.assert_close(sliding[:, 1:], dense[:, 1:], **CLOSE)


def test_without_full_layers_it_is_an_a_shape():
    own, rows = model(), [text(63), text(40, seed=1)]
    got = read(own, rows, reply=2, chunk=20, pattern=SWAA(window=20, sinks=9, every=0, tile=8))
    assert torch.equal(got, read(own, rows, reply=2, chunk=20, pattern=AShape(9, 20, 8)))


def test_work_is_skipped_in_sliding_layers_only(monkeypatch):
    q, k, v = random(1000, 1000)
    sliding, full = (
        count(monkeypatch, lambda index=index: attended(SWAA(32, 16, tile=16), q, k, v, index=index))
        for index in (0, 1)
    )
    assert sliding < 1000 * (16 + 32 + 4 * 16) * 4 < full / 4


def test_senseless_settings_are_refused():
    with pytest.raises(InputError, match="window=0"):
        SWAA(window=0)
