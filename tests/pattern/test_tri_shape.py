"""Tri-shape is an A-shape whose last queries read everything."""

from __future__ import annotations

import pytest
import torch
from tests.pattern.attention import attended, causal, count, random, wanted
from tests.position.runs import CLOSE

from longspan.core.errors import InputError
from longspan.pattern.tri_shape import TriShape


def seen(T, S, sinks, local, last, tile):
    """Which keys each of the last T queries sees, by whole tiles."""
    mask = torch.zeros(T, S, dtype=torch.bool)
    for i in range(S - T, S):
        begin = i // tile * tile
        for j in range(i + 1):
            tokens = range(j // tile * tile, j // tile * tile + tile)
            near = any(begin - local < token <= begin for token in tokens)
            mask[i - S + T, j] = begin + tile > S - last or near or tokens[0] < sinks or tokens[0] == begin
    return mask


@pytest.mark.parametrize(("T", "S"), [(63, 63), (21, 63), (1, 40)])
@pytest.mark.parametrize("settings", [(3, 9, 6, 4), (0, 1, 1, 8), (5, 4, 0, 4)])
def test_it_equals_a_masked_softmax(settings, T, S):
    q, k, v = random(T, S, B=2)
    got = attended(TriShape(*settings[:3], tile=settings[3]), q, k, v)
    torch.testing.assert_close(got, wanted(q, k, v, seen(T, S, *settings)), **CLOSE)


def test_chunks_differ_only_in_their_last_queries():
    q, k, v = random(64, 64)
    pattern = TriShape(sinks=4, local=8, last=6, tile=4)
    parts = [seen(16, end, 4, 8, 6, 4) for end in (16, 32, 48, 64)]
    mask = torch.cat([torch.nn.functional.pad(part, (0, 64 - part.shape[1])) for part in parts])
    torch.testing.assert_close(attended(pattern, q, k, v, chunk=16), wanted(q, k, v, mask), **CLOSE)


def test_layers_before_the_first_are_dense():
    q, k, v = random(40, 40)
    pattern = TriShape(sinks=0, local=4, last=4, layer=2, tile=4)
    dense = wanted(q, k, v, causal(40, 40))
    for index in range(4):
        got = attended(pattern, q, k, v, index=index, depth=4)
        assert torch.allclose(got, dense, atol=1e-5) == (index < 2)


def test_no_last_queries_do_the_work_of_an_a_shape(monkeypatch):
    q, k, v = random(1000, 1000)
    some, none = (
        count(monkeypatch, lambda last=last: attended(TriShape(16, 32, last, tile=16), q, k, v)) for last in (48, 0)
    )
    assert none < 1000 * (16 + 32 + 4 * 16) * 4
    assert some - none == pytest.approx(48 * 1000 * 4, rel=0.2)


def test_senseless_settings_are_refused():
    with pytest.raises(InputError, match="last=-1"):
        TriShape(last=-1)
