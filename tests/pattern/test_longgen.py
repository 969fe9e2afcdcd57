"""LongGen reads everything in its middle layers, sinks, window and every so-manieth tile in the others."""

from __future__ import annotations

import pytest
import torch
from tests.pattern.attention import attended, causal, count, kept, random, wanted
from tests.position.runs import CLOSE

from longspan.core.errors import InputError
from longspan.pattern.longgen import LongGen


def seen(T, S, settings, heads, shared):
    sinks, local, stride, tile = settings

    def reads(head, i, j):
        begin, first = i // tile * tile, j // tile * tile
        near = first + tile > begin - local + 1
        strided = stride and (j // tile + head // shared + 1) % stride == 0
        return j <= i and (first < sinks or near or bool(strided))

    return torch.tensor([[[reads(head, i, j) for j in range(S)] for i in range(S - T, S)] for head in range(heads)])


@pytest.mark.parametrize(("H", "G"), [(4, 2), (4, 1), (4, 4)])
@pytest.mark.parametrize("settings", [(3, 9, 3, 4), (0, 1, 2, 8), (6, 4, 0, 4)])
def test_sparse_layers_equal_a_masked_softmax(settings, H, G):
    q, k, v = random(50, 63, B=2, H=H, G=G)
    sinks, local, stride, tile = settings
    got = attended(LongGen(sinks, local, stride, tile=tile), q, k, v, chunk=13, depth=6)
    torch.testing.assert_close(got, wanted(q, k, v, seen(50, 63, settings, H, H // G)), **CLOSE)


@pytest.mark.parametrize(
    ("depth", "full"), [(32, range(11, 21)), (6, range(2, 4)), (4, range(1, 2)), (2, range(0)), (3, range(1, 2))]
)
def test_the_middle_third_is_full(depth, full):
    q, k, _ = random(40, 40)
    pattern = LongGen(sinks=0, local=4, stride=0, tile=4)
    dense = [torch.equal(kept(pattern, q, k, index=i, depth=depth)[0, 0], causal(40, 40)) for i in range(depth)]
    assert dense == [i in full for i in range(depth)]


def test_heads_together_read_every_tile():
    q, k, _ = random(64, 64, H=4, G=4)
    pairs = kept(LongGen(sinks=0, local=1, stride=4, tile=4), q, k, depth=3)[0]
    assert torch.equal(pairs.any(0), causal(64, 64))
    assert not torch.equal(pairs[0], pairs[1])


def test_a_part_of_the_heads_chooses_as_within_the_whole():
    q, k, _ = random(64, 64, H=4, G=4)
    pattern = LongGen(sinks=0, local=1, stride=4, tile=4)
    whole = kept(pattern, q, k, depth=3)
    assert torch.equal(kept(pattern, q[:, 2:], k[:, 2:], depth=3, kv_head=2), whole[:, 2:])


def test_work_is_skipped(monkeypatch):
    q, k, v = random(1000, 1000)
    sparse = count(monkeypatch, lambda: attended(LongGen(16, 32, 8, tile=16), q, k, v, depth=3))
    full = count(monkeypatch, lambda: attended(LongGen(16, 32, 8, tile=16), q, k, v, index=1, depth=3))
    assert sparse < full / 2.5


def test_senseless_settings_are_refused():
    with pytest.raises(InputError, match="stride=-1"):
        LongGen(stride=-1)
