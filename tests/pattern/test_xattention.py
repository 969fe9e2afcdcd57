"""XAttention scores tiles by strided antidiagonals and keeps what makes up the threshold."""

from __future__ import annotations

import pytest
import torch
from tests.pattern.attention import attended, count, kept, pairs, planted, random, read_most, recall, wanted
from tests.position.runs import CLOSE

from longspan.core.errors import InputError
from longspan.pattern.dense import Dense
from longspan.pattern.xattention import XAttention


def chosen(q_TD, k_SD, stride, threshold, tile):
    """The tiles of one head, by loops over groups of tokens."""
    (T, D), S = q_TD.shape, len(k_SD)
    first, tiles = (S - T) // tile, -(-S // tile)
    mass = torch.zeros(tiles - first, tiles, dtype=torch.float64)
    for a in range((S - T) // stride, -(-S // stride)):
        scores = []
        for b in range(a + 1):
            antidiagonal = 0.0
            for i in range(stride):
                query, key = a * stride + stride - 1 - i, b * stride + i
                if S - T <= query < S and key < S:
                    antidiagonal += float(q_TD[query - (S - T)].double() @ k_SD[key].double())
            scores.append(antidiagonal / D**0.5 / stride)
        for b, share in enumerate(torch.softmax(torch.tensor(scores, dtype=torch.float64), 0)):
            mass[a * stride // tile - first, b * stride // tile] += share
    keep = torch.zeros(mass.shape, dtype=torch.bool)
    for t, row in enumerate(mass):
        keep[t, [0, first + t]] = True
        for s in row.argsort(descending=True).tolist():
            if row[keep[t]].sum() >= threshold * row.sum():
                break
            keep[t, s] = True
    return read_most(keep, tile, tile, T, S)


@pytest.mark.parametrize(("T", "S"), [(63, 63), (23, 63), (30, 61)])
@pytest.mark.parametrize("settings", [(2, 0.5, 4), (4, 0.3, 4), (2, 0.7, 8), (1, 0.6, 4)])
def test_it_equals_loops_over_antidiagonals(settings, T, S):
    q, k, v = random(T, S, H=4)
    q = 3 * q
    keep = torch.stack([chosen(q[0, h], k[0, h // 2], *settings) for h in range(4)])[None]
    mask = pairs(keep, settings[2], settings[2], T, S)
    assert not bool(mask[..., -1, :].all())
    assert torch.equal(kept(XAttention(*settings), q, k), mask)
    torch.testing.assert_close(attended(XAttention(*settings), q, k, v), wanted(q, k, v, mask), **CLOSE)


@pytest.mark.parametrize("chunk", [8, 24])
def test_chunks_of_whole_tiles_choose_what_the_whole_does(chunk):
    q, k, v = random(63, 63, B=2)
    pattern = XAttention(stride=2, threshold=0.5, tile=8)
    torch.testing.assert_close(attended(pattern, q, k, v, chunk=chunk), attended(pattern, q, k, v), **CLOSE)


@pytest.mark.parametrize("place", [{"column": 37}, {"distance": 89}])
def test_a_planted_line_is_found(place):
    q, k = planted(256, strength=16, **place)
    marked = kept(XAttention(stride=4, threshold=0.6, tile=8), q, k)[0]
    rows = range(200, 256)
    want = [place["column"] if "column" in place else i - place["distance"] for i in rows]
    assert float(marked[:, list(rows), want].float().mean()) > 0.8
    assert float(marked[:, 200:].float().mean()) < 0.3


def test_recall_grows_with_the_threshold():
    q, k, _ = random(256, 256)
    got = [recall(XAttention(stride=4, threshold=share, tile=8), 3 * q, k) for share in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]
    assert got == sorted(got)
    assert got[0] < 0.5
    assert got[-1] == pytest.approx(1)


def test_work_is_skipped(monkeypatch):
    q, k = planted(1000, column=100, strength=16)
    v = torch.randn(1, 2, 1000, 16, generator=torch.Generator().manual_seed(0))
    sparse, dense = (
        count(monkeypatch, lambda pattern=pattern: attended(pattern, q, k, v))
        for pattern in (XAttention(stride=4, threshold=0.5, tile=16), Dense())
    )
    assert sparse < dense / 6


@pytest.mark.parametrize("settings", [{"stride": 3}, {"threshold": 1.5}, {"tile": 0}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="divide tile"):
        XAttention(**settings)
