"""Sums along columns and diagonals, the best and the fewest, against loops."""

from __future__ import annotations

import pytest
import torch
from tests.pattern.attention import random, weights

from longspan.pattern import estimate


@pytest.mark.parametrize(("T", "S"), [(63, 63), (20, 63), (1, 5), (1, 1)])
def test_weights_are_those_of_dense_attention(T, S):
    q, k, _ = random(T, S, B=2, H=8)
    torch.testing.assert_close(estimate.weights(q, k), weights(q, k))


@pytest.mark.parametrize(("T", "S"), [(30, 30), (9, 30), (1, 5)])
@pytest.mark.parametrize("last", [1, 8, 64])
def test_lines_are_means_over_the_last_queries(T, S, last):
    q, k, _ = random(T, S, B=2, H=4)
    columns, diagonals = estimate.lines(q, k, last)
    dense = weights(q, k)
    asked = range(max(0, T - last), T)
    want = torch.zeros(2, 4, S)
    for t in asked:
        for j in range(S - T + t + 1):
            want[:, :, S - T + t - j] += dense[:, :, t, j] / len(asked)
    torch.testing.assert_close(columns, dense[:, :, list(asked)].mean(2))
    torch.testing.assert_close(diagonals, want)


def test_each_row_marks_its_own_number_of_best():
    score = torch.rand(2, 3, 20, generator=torch.Generator().manual_seed(0))
    count = torch.tensor([[0, 3, 50]])
    marked = estimate.top(score, count)
    assert marked.sum(-1).tolist() == [[0, 3, 20]] * 2
    assert bool((score[:, 1][marked[:, 1]].reshape(2, 3).amin(-1) >= score[:, 1].sort(-1).values[:, -3]).all())


@pytest.mark.parametrize("share", [0.0, 0.3, 0.9, 1.0])
def test_the_fewest_that_cover_a_share_are_marked(share):
    mass = torch.rand(4, 12, generator=torch.Generator().manual_seed(1))
    marked = estimate.cover(mass, share)
    for row, mine in zip(mass, marked, strict=True):
        ranked = sorted(row.tolist(), reverse=True)
        fewest = next(n for n in range(13) if sum(ranked[:n]) >= share * sum(ranked) - 1e-6)
        assert int(mine.sum()) == fewest
        assert sorted(row[mine].tolist(), reverse=True) == ranked[:fewest]


def test_what_is_always_kept_counts_towards_the_share():
    mass, always = torch.tensor([[0.1, 0.5, 0.3, 0.1]]), torch.tensor([[True, False, False, False]])
    assert estimate.cover(mass, 0.6, always).tolist() == [[True, True, False, False]]
    assert estimate.cover(mass, 0.05, always).tolist() == [[True, False, False, False]]
