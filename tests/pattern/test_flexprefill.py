"""FlexPrefill chooses lines or tiles for each head, and as many as hold a share of the attention."""

from __future__ import annotations

import math

import pytest
import torch
from tests.pattern.attention import (
    attended,
    count,
    kept,
    pairs,
    planted,
    planted_block,
    random,
    read_most,
    recall,
    wanted,
    weights,
)
from tests.position.runs import CLOSE

from longspan.core.errors import InputError
from longspan.pattern.dense import Dense
from longspan.pattern.flexprefill import FlexPrefill, divergence


def needed(mass, share):
    ranked = sorted(mass.tolist(), reverse=True)
    return next(n for n in range(len(ranked) + 1) if sum(ranked[:n]) >= share * sum(ranked) - 1e-6)


def heaviest(mass, tile, share, least, believed):
    """The tiles along one axis that a head reads: the first, then the heaviest."""
    tiles = [float(mass[start : start + tile].sum()) for start in range(0, len(mass), tile)]
    number = 1 if believed else needed(mass, share) // tile + 1
    order = sorted(range(len(tiles)), key=lambda s: -tiles[s])
    return {0, *order[: max(least, number)]}


def chosen(q_TD, k_SD, gamma, tau, least, tile):
    """The tiles of one head, and whether it believed the means, by loops."""
    (T, D), S = q_TD.shape, len(k_SD)
    first, tiles = (S - T) // tile, -(-S // tile)
    dense = weights(q_TD[None, None], k_SD[None, None])[0, 0]
    asked = range(max(0, T - tile), T)
    columns, diagonals = torch.zeros(S), torch.zeros(S)
    for t in asked:
        for j in range(S - T + t + 1):
            columns[j] += dense[t, j] / len(asked)
            diagonals[S - T + t - j] += dense[t, j] / len(asked)
    means = torch.stack([k_SD[s * tile : (s + 1) * tile].mean(0) for s in range(tiles)])
    guess = torch.softmax(means @ q_TD[list(asked)].mean(0) / D**0.5, 0)
    truth = torch.stack([columns[s * tile : (s + 1) * tile].sum() for s in range(tiles)])
    middle = (guess + truth) / 2
    distance = sum(float((p * (p / middle).log()).sum()) / 2 for p in (guess, truth))
    believed = math.sqrt(max(distance, 0)) < tau
    least_tiles = -(-least // tile)
    of_columns = heaviest(columns, tile, gamma, least_tiles, believed)
    of_diagonals = heaviest(diagonals, tile, gamma, least_tiles, believed)
    keep = torch.zeros(tiles - first, tiles, dtype=torch.bool)
    blocks = torch.zeros(tiles - first, tiles)
    for t in range(tiles - first):
        rows = [i - (S - T) for i in range((first + t) * tile, (first + t + 1) * tile) if S - T <= i < S]
        blocks[t, : first + t + 1] = torch.softmax(means[: first + t + 1] @ q_TD[rows].mean(0) / D**0.5, 0)
        for s in range(first + t + 1):
            apart = {offset // tile for offset in range((first + t - s - 1) * tile + 1, (first + t - s + 1) * tile)}
            keep[t, s] = s in of_columns or bool(apart & of_diagonals)
    if believed:
        best = blocks.flatten().argsort(descending=True)[: needed(blocks.flatten(), gamma)]
        keep.view(-1)[best] = True
    return read_most(keep, tile, tile, T, S), believed


@pytest.mark.parametrize(("T", "S"), [(63, 63), (23, 63), (30, 61)])
@pytest.mark.parametrize("settings", [(0.3, 0.0, 0, 4), (0.3, 0.45, 0, 4), (0.3, 2.0, 0, 4), (0.2, 0.4, 6, 4)])
def test_it_equals_loops_over_the_estimates(settings, T, S):
    q, k, v = random(T, S, H=4, seed=5)
    each = [chosen(q[0, h], k[0, h // 2], *settings) for h in range(4)]
    mask = pairs(torch.stack([keep for keep, _ in each])[None], settings[3], settings[3], T, S)
    assert torch.equal(kept(FlexPrefill(*settings), q, k), mask)
    torch.testing.assert_close(attended(FlexPrefill(*settings), q, k, v), wanted(q, k, v, mask), **CLOSE)
    if settings[1] in (0.0, 2.0):
        assert {believed for _, believed in each} == {settings[1] == 2.0}


def test_heads_of_one_layer_may_differ_in_kind():
    q, k, _ = random(63, 63, H=4, seed=5)
    q[:, :2] *= 0.01
    q[:, 2:] *= 3
    kinds = [chosen(q[0, h], k[0, h // 2], 0.3, 0.2, 0, 4)[1] for h in range(4)]
    assert kinds == [True, True, False, False]


def test_the_divergence_is_that_of_jensen_and_shannon():
    p, q = torch.tensor([0.5, 0.5, 0.0]), torch.tensor([0.0, 0.5, 0.5])
    assert float(divergence(p, q)) == pytest.approx(0.5 * math.log(2))
    assert float(divergence(p, p)) == 0
    assert float(divergence(torch.tensor([1.0, 0.0]), torch.tensor([0.0, 1.0]))) == pytest.approx(math.log(2))


@pytest.mark.parametrize("place", [{"column": 37}, {"distance": 90}])
def test_a_planted_line_is_found(place):
    q, k = planted(256, strength=8, **place)
    marked = kept(FlexPrefill(gamma=0.6, least=0, tile=8), q, k)[0]
    rows = range(128, 256)
    want = [place["column"] if "column" in place else i - place["distance"] for i in rows]
    assert bool(marked[:, list(rows), want].all())
    assert float(marked[:, 128:].float().mean()) < 0.3


def test_a_planted_tile_is_found_by_means():
    q, k = planted_block(256, slice(160, 168), slice(64, 72))
    q[:, :, 200:, 1] = k[:, :, 5, 1] = 8
    means, lines = (kept(FlexPrefill(gamma=0.1, tau=tau, least=0, tile=8), q, k)[0] for tau in (2.0, 0.0))
    assert bool(means[:, 160:168, 64:72].all())
    assert not bool(lines[:, 160:168, 64:72].any())


def test_recall_grows_with_the_share():
    q, k, _ = random(256, 256)
    got = [recall(FlexPrefill(gamma=share, least=0, tile=8), 2 * q, k) for share in (0.1, 0.3, 0.5, 0.7, 0.9, 1.0)]
    assert got == sorted(got)
    assert got[0] < 0.5
    assert got[-1] == pytest.approx(1)


def test_work_is_skipped(monkeypatch):
    q, k = planted(1000, column=100, strength=8)
    v = torch.randn(1, 2, 1000, 16, generator=torch.Generator().manual_seed(0))
    sparse, dense = (
        count(monkeypatch, lambda pattern=pattern: attended(pattern, q, k, v))
        for pattern in (FlexPrefill(gamma=0.9, least=0, tile=16), Dense())
    )
    assert sparse < dense / 6


@pytest.mark.parametrize("settings", [{"gamma": 1.5}, {"tau": -1.0}, {"tile": 0}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="between 0 and 1"):
        FlexPrefill(**settings)
