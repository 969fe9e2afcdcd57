"""A grid's arithmetic says which tiles hold which tokens, for queries that begin anywhere."""

from __future__ import annotations

import pytest
import torch
from tests.pattern.attention import causal, random

from longspan.pattern.grid import WORTH, Grid

SHAPES = [(63, 63, 4, 4), (20, 63, 8, 8), (33, 63, 8, 3), (40, 61, 4, 16), (1, 1, 4, 4), (3, 40, 7, 5)]
"""Queries, stored tokens, queries of a tile, stored tokens of a tile."""


def spans(grid):
    first = [range(t * grid.queries, (t + 1) * grid.queries) for t in range(-(-grid.S // grid.queries))]
    return first[(grid.S - grid.T) // grid.queries :], [range(s, s + grid.step) for s in range(0, grid.S, grid.step)]


def table(grid, holds):
    rows, columns = spans(grid)
    return torch.tensor([[holds(row, column) for column in columns] for row in rows])


@pytest.mark.parametrize("shape", SHAPES)
def test_tiles_before_seen_and_near_are_those_that_hold_such_tokens(shape):
    grid = Grid(*shape)
    assert torch.equal(grid.before_ts, table(grid, lambda row, column: column[0] < row[0]))
    assert torch.equal(grid.seen_ts, table(grid, lambda row, column: column[0] <= row[-1]))
    near = table(grid, lambda row, column: any(j < 3 or row[0] - 9 < j <= row[0] for j in column))
    assert torch.equal(grid.near(3, 9) & grid.before_ts, near & grid.before_ts)


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("shape", SHAPES)
def test_columns_and_diagonals_keep_every_tile_they_cross(shape, seed):
    grid = Grid(*shape)
    chosen = torch.rand(2, 3, grid.S, generator=torch.Generator().manual_seed(seed)) < 0.1
    b, h = seed % 2, seed
    marks = set(chosen[b, h].nonzero().flatten().tolist())
    columns = table(grid, lambda row, column: any(j in marks for j in column)) & grid.seen_ts
    diagonals = table(grid, lambda row, column: any(i - j in marks for i in row for j in column))
    assert torch.equal(grid.columns(chosen)[b, h], columns)
    assert torch.equal(grid.diagonals(chosen)[b, h], diagonals)


@pytest.mark.parametrize("shape", SHAPES)
def test_means_are_over_the_tokens_there_are(shape):
    grid, (q, k, _) = Grid(*shape), random(shape[0], shape[1])
    rows, columns = spans(grid)
    past = grid.S - grid.T
    for t, row in enumerate(rows):
        own = [i - past for i in row if past <= i < grid.S]
        torch.testing.assert_close(grid.mean_queries(q)[:, :, t], q[:, :, own].mean(2))
    for s, column in enumerate(columns):
        torch.testing.assert_close(grid.mean_keys(k)[:, :, s], k[:, :, column[0] : column[-1] + 1].mean(2))


def test_keeping_everything_there_is_a_choice_about_is_no_choice():
    grid = Grid(63, 63, 4)
    assert grid.tiles(grid.before_ts[None, None]) is None
    assert grid.tiles(torch.zeros(1, 1, 16, 16, dtype=torch.bool)) is not None
    assert Grid(4, 4, 4).tiles(torch.zeros(1, 1, 1, 1, dtype=torch.bool)) is None


def test_queries_that_would_read_most_of_it_read_everything():
    grid = Grid(40, 40, 4)
    keep = torch.zeros(1, 2, 10, 10, dtype=torch.bool)
    keep[0, 0, 8, : round(8 * WORTH + 0.5)] = True
    keep[0, 1, 8, : round(8 * WORTH - 1)] = True
    tiles = grid.worth(keep)
    assert bool(tiles.keep_BHts[0, 0, 8].all())
    assert torch.equal(tiles.keep_BHts[0, 1, 8], keep[0, 1, 8])
    assert grid.worth(causal(10, 10)[None, None]) is None
