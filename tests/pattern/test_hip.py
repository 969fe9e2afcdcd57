"""HiP halves stretches of the text, scores their middles, and keeps the best to the end."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from tests.pattern.attention import (
    attended,
    causal,
    count,
    kept,
    pairs,
    planted,
    random,
    read_most,
    recall,
    wanted,
    weights,
)
from tests.position.runs import CLOSE

from longspan.core.errors import InputError
from longspan.pattern.dense import Dense
from longspan.pattern.hip import HiP


def found(queries, k_SD, first, end, pattern):
    """The tiles that a search between two of them ends with, node by node."""
    nodes, size = pattern.budget // pattern.size, pattern.size
    edges = [first + max(0, end - first) * j // nodes for j in range(nodes + 1)]
    spans = list(pairwise(edges))
    while any(b - a > 1 for a, b in spans):
        halves = [part for a, b in spans for part in ((a, a + (b - a) // 2), (a + (b - a) // 2, b))]
        scored = []
        for a, b in halves:
            middle = a + (b - a) // 2
            keys = k_SD[middle * size : (middle + 1) * size]
            if b > a:
                scored.append((max(float(q @ key) for q in queries for key in keys), (a, b)))
        spans = [span for _, span in sorted(scored, reverse=True)[:nodes]]
    return {a for a, b in spans if b > a}


def chosen(q_TD, k_SD, pattern):
    """The tiles of one head."""
    T, S, size = len(q_TD), len(k_SD), pattern.size
    keep = []
    for begin in range((S - T) // pattern.queries * pattern.queries, S, pattern.queries):
        asking = [min(max(begin + i, S - T), S - 1) for i in range(pattern.queries) if (i + 1) % pattern.stride == 0]
        nearest, first = max(0, begin - pattern.local + 1) // size, -(-pattern.sinks // size)
        best = found(q_TD[[i - (S - T) for i in asking]], k_SD, first, nearest, pattern)
        tiles = range(-(-S // size))
        keep.append([s * size < pattern.sinks or s >= nearest or s in best for s in tiles])
    return read_most(torch.tensor(keep), pattern.queries, size, T, S)


SMALL = HiP(budget=8, queries=4, stride=2, size=2, sinks=2, local=4, layer=0)
SETTINGS = [SMALL, HiP(6, 8, 3, 1, 3, 5, 0), HiP(10, 5, 1, 2, 0, 1, 0)]


@pytest.mark.parametrize(("T", "S"), [(63, 63), (23, 63), (30, 61), (3, 40)])
@pytest.mark.parametrize("pattern", SETTINGS)
def test_it_equals_a_search_node_by_node(pattern, T, S):
    q, k, v = random(T, S)
    keep = torch.stack([chosen(q[0, h], k[0, h // 2], pattern) for h in range(4)])[None]
    mask = pairs(keep, pattern.queries, pattern.size, T, S)
    assert not bool(mask[..., -1, :].all())
    assert torch.equal(kept(pattern, q, k), mask)
    torch.testing.assert_close(attended(pattern, q, k, v), wanted(q, k, v, mask), **CLOSE)


@pytest.mark.parametrize("chunk", [8, 20])
def test_chunks_of_whole_tiles_choose_what_the_whole_does(chunk):
    q, k, v = random(63, 63, B=2)
    torch.testing.assert_close(attended(SMALL, q, k, v, chunk=chunk), attended(SMALL, q, k, v), **CLOSE)


def test_a_planted_stretch_is_found():
    q, k = planted(512, column=slice(320, 352), strength=8)
    marked = kept(HiP(budget=32, queries=8, local=16, layer=0), q, k)[0]
    assert float(marked[:, 400:, 320:352].float().mean()) > 0.9
    assert float(marked[:, 400:].float().mean()) < 0.2


def test_recall_grows_with_the_budget():
    q, k, _ = random(256, 256)
    got = [recall(HiP(budget, 8, 1, 2, 4, 8, 0), 2 * q, k) for budget in (4, 16, 48, 96, 256)]
    assert got == sorted(got)
    assert got[0] < 0.5
    assert got[-1] == pytest.approx(1)


def test_what_is_found_is_worth_more_than_chance():
    q, k = planted(512, distance=200, strength=8)
    pattern = HiP(budget=32, queries=8, stride=1, sinks=0, local=1, layer=0)
    by_chance = kept(pattern, *random(512, 512)[:2])
    assert recall(pattern, q, k) > 0.9 > 3 * float((weights(q, k) * by_chance).sum(-1).mean())


def test_scores_grow_with_the_logarithm_of_the_length(monkeypatch):
    asked, score = [], HiP._score
    monkeypatch.setattr(HiP, "_score", lambda *given: (asked.append(given[-1].shape[1]), score(*given))[1])
    rounds = []
    for S in (512, 1024, 2048):
        q, k, _ = random(8, S, H=1, G=1)
        asked.clear()
        kept(HiP(budget=32, queries=8, layer=0, local=1), q, k)
        rounds.append(sum(asked))
    assert rounds == [32 * 4, 32 * 5, 32 * 6]


def test_work_is_skipped_and_as_much_as_promised(monkeypatch):
    q, k, v = random(1000, 1000)
    pattern = HiP(budget=32, queries=16, sinks=4, local=32, layer=0)
    sparse, dense = (
        count(monkeypatch, lambda pattern=pattern: attended(pattern, q, k, v)) for pattern in (pattern, Dense())
    )
    assert sparse <= 4 * 1000 * (32 + 4 + 32 + 2 * 16 + 20)
    assert sparse < dense / 6


def test_layers_before_the_first_are_dense():
    q, k, _ = random(63, 63)
    pattern = HiP(8, 4, 2, 2, 2, 4, layer=2)
    assert [torch.equal(kept(pattern, q, k, index=i)[0, 0], causal(63, 63)) for i in range(4)] == [True] * 2 + [
        False
    ] * 2


@pytest.mark.parametrize("settings", [{"local": 0}, {"budget": 1}, {"stride": 33}, {"sinks": -1}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="must be at least"):
        HiP(**settings)
