"""Tiles by what their antidiagonals hold."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Tiles
from longspan.pattern.estimate import cover, dots
from longspan.pattern.grid import Grid


@dataclass(frozen=True, slots=True)
class XAttention:
    """XAttention: read the tiles whose sampled antidiagonals hold most of the attention. https://arxiv.org/abs/2503.16428

    Differs from the paper: one threshold serves all heads (the paper can search one for each); queries that would read
    most of what lies before them read all of it.
    """

    stride: int = 8
    """Every so-manieth token pairs with one token in as many: the cost of the estimate is that of attention divided by
    this (S)."""
    threshold: float = 0.9
    """Share of a tile row's estimated attention that is read (tau)."""
    tile: int = 128
    """Tokens of a tile (B)."""
    looks = True

    def __post_init__(self) -> None:
        if self.stride < 1 or self.tile < 1 or self.tile % self.stride or not 0 <= self.threshold <= 1:
            raise InputError(
                f"XAttention: stride={self.stride} must be at least 1 and divide tile={self.tile}, "
                f"threshold={self.threshold} lie between 0 and 1"
            )

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep the first tile, and the fewest others that make up the threshold with it and the queries' own."""
        grid = Grid(q_BHTD.shape[2], k_BGSD.shape[2], self.tile, device=q_BHTD.device)
        if not bool(grid.before_ts.any()):
            return None
        shared = q_BHTD.shape[1] // k_BGSD.shape[1]
        heads = range(k_BGSD.shape[1])
        each = [self._mass(grid, q_BHTD[:, g * shared : (g + 1) * shared], k_BGSD[:, g : g + 1]) for g in heads]
        always_ts = (grid.begin_s == 0) | (grid.begin_s == grid.begin_t1)
        return grid.worth(cover(torch.cat(each, 1), self.threshold, always_ts))

    def _mass(self, grid: Grid, q_BHTD: Tensor, k_BGSD: Tensor) -> Tensor:
        """Estimated attention [B, H, t, s] between tiles, from groups of as many tokens as the stride.

        The dot product of a group of queries, last first, with a group of keys is the sum of their antidiagonal.
        """
        fine = Grid(grid.T, grid.S, self.stride, device=q_BHTD.device)
        queries_BHnd = fine.rows(q_BHTD).flip(3).flatten(3)
        padded = F.pad(k_BGSD, (0, 0, 0, -grid.S % self.stride))
        keys_BGmd = padded.reshape(*k_BGSD.shape[:2], -1, queries_BHnd.shape[3])
        sums = dots(queries_BHnd, keys_BGmd) / self.stride**0.5
        share = torch.softmax(sums.masked_fill(~fine.seen_ts, float("-inf")), -1)
        groups = self.tile // self.stride
        front, rows, columns = fine.first - grid.first * groups, len(grid.begin_t1), len(grid.begin_s)
        back, right = rows * groups - front - share.shape[2], columns * groups - share.shape[3]
        whole = F.pad(share, (0, right, front, back))
        return whole.reshape(*share.shape[:2], rows, groups, columns, groups).sum((3, 5))
