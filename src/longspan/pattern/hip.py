"""A tree search for the stored tokens that a tile of queries likes best."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Tiles
from longspan.pattern.grid import Grid


@dataclass(frozen=True, slots=True)
class HiP:
    """HiP: halve stretches of the text again and again, and go on with those whose middle token scores best. https://arxiv.org/abs/2406.09827

    Differs from the paper: decoding reads everything, so there is no mask to keep between decoded tokens; every tile of
    a prompt's queries searches once; queries that would read most of what lies before them read all of it.
    """

    budget: int = 512
    """Stored tokens that the search keeps for each tile of queries (k)."""
    queries: int = 32
    """Queries of a tile, which search together (b_q)."""
    stride: int = 2
    """One query of a tile in this many scores (reduce_stride)."""
    size: int = 2
    """Stored tokens of a tile, kept or left together (b_k)."""
    sinks: int = 16
    """Tokens at the start of the text that every query reads."""
    local: int = 256
    """Latest tokens that every query reads, itself included."""
    layer: int = 3
    """The first layer that skips anything; those before it read everything."""
    looks = True

    def __post_init__(self) -> None:
        if min(self.sinks, self.layer) < 0 or min(self.local, self.queries, self.size, self.stride) < 1:
            raise InputError(
                f"HiP: sinks={self.sinks} and layer={self.layer} must be at least 0, local={self.local}, "
                f"queries={self.queries}, size={self.size} and stride={self.stride} at least 1"
            )
        if self.budget < self.size or self.stride > self.queries:
            raise InputError(
                f"HiP: budget={self.budget} must be at least size={self.size}, stride={self.stride} at most "
                f"queries={self.queries}"
            )

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep the start, what is near, and what each head's search finds between."""
        grid = Grid(q_BHTD.shape[2], k_BGSD.shape[2], self.queries, self.size, q_BHTD.device)
        near_ts = grid.near(self.sinks, self.local)
        if layer.index < self.layer or bool((near_ts | ~grid.before_ts).all()):
            return None
        (B, H), shared = q_BHTD.shape[:2], q_BHTD.shape[1] // k_BGSD.shape[1]
        each = [self._search(grid, q_BHTD[b, h], k_BGSD[b, h // shared]) for b in range(B) for h in range(H)]
        return grid.worth(torch.stack(each).reshape(B, H, *near_ts.shape) | near_ts)

    def _search(self, grid: Grid, q_TD: Tensor, k_SD: Tensor) -> Tensor:
        """The tiles [t, s] between the start and what is near that one head's search ends with."""
        first = -(-self.sinks // self.size)
        between_t1 = ((grid.begin_t1 - self.local + 1).clamp_min(0) // self.size - first).clamp_min(0)
        nodes = self.budget // self.size
        edge_tn = first + between_t1 * torch.arange(nodes + 1, device=grid.device) // nodes
        start_tn, length_tn = edge_tn[:, :-1], edge_tn.diff(dim=1)
        asking_trD = self._asking(grid, q_TD)
        while bool((length_tn > 1).any()):
            left_tn = length_tn // 2
            start_tn = torch.cat([start_tn, start_tn + left_tn], 1)
            length_tn = torch.cat([left_tn, length_tn - left_tn], 1)
            score_tn = self._score(asking_trD, k_SD, start_tn + length_tn // 2)
            best = score_tn.masked_fill(length_tn == 0, float("-inf")).topk(nodes, 1).indices
            start_tn, length_tn = start_tn.gather(1, best), length_tn.gather(1, best)
        keep_ts = torch.zeros(len(start_tn), len(grid.begin_s) + 1, dtype=torch.bool, device=grid.device)
        nowhere = len(grid.begin_s)
        return keep_ts.scatter(1, start_tn.masked_fill(length_tn == 0, nowhere), True)[:, :nowhere]

    def _asking(self, grid: Grid, q_TD: Tensor) -> Tensor:
        """The queries [t, r, D] of each tile that score; where there is none, the nearest one instead."""
        offset = torch.arange(self.stride - 1, self.queries, self.stride, device=grid.device)
        return q_TD[(grid.begin_t1 + offset).clamp(grid.S - grid.T, grid.S - 1) - (grid.S - grid.T)]

    def _score(self, asking_trD: Tensor, k_SD: Tensor, tile_tn: Tensor) -> Tensor:
        """The greatest product of any asking query and any token of each tile."""
        token_tnk = tile_tn[..., None] * self.size + torch.arange(self.size, device=k_SD.device)
        keys_tmD = k_SD[token_tnk.flatten(1).clamp_max(len(k_SD) - 1)]
        most_tm = (asking_trD @ keys_tmD.transpose(1, 2)).amax(1).float()
        return most_tm.reshape(token_tnk.shape).amax(-1)
