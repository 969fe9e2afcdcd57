"""The three patterns that a head may follow, with numbers of its own."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from longspan.pattern.estimate import dots, lines, top
from longspan.pattern.grid import Grid
from longspan.pattern.recipe import Kind


class Heads:
    """What each kind of pattern makes of one call's queries and keys; estimates are made once, when needed."""

    def __init__(
        self, grid: Grid, q_BHTD: Tensor, k_BGSD: Tensor, *, last: int = 64, sinks: int = 30, near: int = 100
    ) -> None:
        self.grid = grid
        self._q_BHTD = q_BHTD
        self._k_BGSD = k_BGSD
        self._last = last
        self._forced = sinks, near
        self._lines: tuple[Tensor, Tensor] | None = None
        self._blocks: Tensor | None = None

    def keep(self, kind: Kind, first: Sequence[int], second: Sequence[int]) -> Tensor:
        """Tiles [B or 1, H, t, s] that the heads keep under one kind, with two numbers for each head."""
        first_1H, second_1H = (torch.tensor(of_heads, device=self.grid.device)[None] for of_heads in (first, second))
        if kind == "stream_llm":
            return self.grid.near(first_1H[..., None, None], second_1H[..., None, None])
        if kind == "block_sparse":
            return self._block_sparse(first_1H)
        return self._vertical_slash(first_1H, second_1H)

    def _vertical_slash(self, columns_1H: Tensor, diagonals_1H: Tensor) -> Tensor:
        sinks, near = self._forced
        if self._lines is None:
            self._lines = lines(self._q_BHTD, self._k_BGSD, self._last)
            self._lines[0][..., :sinks] = float("inf")
            self._lines[1][..., :near] = float("inf")
        columns_BHS = top(self._lines[0], columns_1H.clamp_min(sinks))
        diagonals_BHS = top(self._lines[1], diagonals_1H)
        return self.grid.columns(columns_BHS) | self.grid.diagonals(diagonals_BHS)

    def _block_sparse(self, count_1H: Tensor) -> Tensor:
        grid = self.grid
        square = Grid(grid.T, grid.S, grid.queries, device=grid.device)
        if self._blocks is None:
            scores_BHts = dots(square.mean_queries(self._q_BHTD), square.mean_keys(self._k_BGSD))
            self._blocks = scores_BHts.masked_fill(~square.seen_ts, float("-inf"))
        keep_BHts = top(self._blocks, count_1H[..., None]) & square.seen_ts
        return keep_BHts.repeat_interleave(grid.queries // grid.step, -1)[..., : len(grid.begin_s)]
