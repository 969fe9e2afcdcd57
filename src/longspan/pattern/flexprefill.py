"""Each head chooses between lines and blocks, and how many of them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Tiles
from longspan.pattern.estimate import cover, dots, lines, top
from longspan.pattern.grid import Grid

TINY = 1e-20
"""Keeps a logarithm finite."""


@dataclass(frozen=True, slots=True)
class FlexPrefill:
    """FlexPrefill: read what holds a share of the attention, by tiles where means tell it, else by lines. https://arxiv.org/abs/2502.20766

    Differs from the paper: as in the authors' code, as many tiles of columns and of diagonals are read as the tokens
    that make up the share would fill, heaviest first; a tile of diagonals is read whole, hence in two tiles of keys;
    where a prompt is read in chunks, each chunk's own last queries choose, and its own tiles make up the share; queries
    that would read most of what lies before them read all of it.
    """

    gamma: float = 0.9
    """Share of the estimated attention that is read."""
    tau: float = 0.1
    """Distance (root of the Jensen-Shannon divergence) up to which means of tiles are believed."""
    least: int = 512
    """Tokens that at least are read in columns, and at least in diagonals (min_budget)."""
    tile: int = 128
    """Tokens of a tile, and last queries that choose (block_size)."""
    looks = True

    def __post_init__(self) -> None:
        if not 0 <= self.gamma <= 1 or self.tau < 0 or self.least < 0 or self.tile < 1:
            raise InputError(
                f"FlexPrefill: gamma={self.gamma} must lie between 0 and 1, tau={self.tau} and least={self.least} be "
                f"at least 0, tile={self.tile} at least 1"
            )

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep the first tile, and for each head lines, or few lines and the heaviest tiles."""
        grid = Grid(q_BHTD.shape[2], k_BGSD.shape[2], self.tile, device=q_BHTD.device)
        if not bool(grid.before_ts.any()):
            return None
        columns_BHS, diagonals_BHS = lines(q_BHTD, k_BGSD, self.tile)
        columns_BHs, k_BGsD = self._by_tile(columns_BHS), grid.mean_keys(k_BGSD)
        guess_BHs = torch.softmax(dots(q_BHTD[:, :, -self.tile :].mean(2, keepdim=True), k_BGsD)[:, :, 0], -1)
        believed_BH = divergence(guess_BHs, columns_BHs).sqrt() < self.tau
        chosen_BHs = self._heaviest(columns_BHS, columns_BHs, believed_BH)
        distances_BHs = self._heaviest(diagonals_BHS, self._by_tile(diagonals_BHS), believed_BH)
        keep_BHts = chosen_BHs[:, :, None] | grid.diagonals(
            distances_BHs.repeat_interleave(self.tile, -1)[..., : grid.S]
        )
        if bool(believed_BH.any()):
            keep_BHts = keep_BHts | (self._blocks(grid, q_BHTD, k_BGsD) & believed_BH[..., None, None])
        return grid.worth(keep_BHts)

    def _by_tile(self, mass_BHS: Tensor) -> Tensor:
        return F.pad(mass_BHS, (0, -mass_BHS.shape[2] % self.tile)).reshape(*mass_BHS.shape[:2], -1, self.tile).sum(-1)

    def _heaviest(self, mass_BHS: Tensor, mass_BHs: Tensor, believed_BH: Tensor) -> Tensor:
        """The first tile, and as many of the heaviest as the share needs, or the least that is allowed."""
        least = max(-(-self.least // self.tile), 1)
        needed_BH = cover(mass_BHS, self.gamma).sum(-1) // self.tile + 1
        count_BH = needed_BH.masked_fill(believed_BH, least).clamp_min(least)
        return top(mass_BHs, count_BH) | (torch.arange(mass_BHs.shape[-1], device=mass_BHs.device) == 0)

    def _blocks(self, grid: Grid, q_BHTD: Tensor, k_BGsD: Tensor) -> Tensor:
        """The heaviest tiles of a head that make up the share of all its rows together, by the means of tiles."""
        scores_BHts = dots(grid.mean_queries(q_BHTD), k_BGsD).masked_fill(~grid.seen_ts, float("-inf"))
        return cover(torch.softmax(scores_BHts, -1).flatten(2), self.gamma).reshape(scores_BHts.shape)


def divergence(p: Tensor, q: Tensor) -> Tensor:
    """Jensen-Shannon divergence in nats along the last axis."""
    middle = ((p + q) / 2).clamp_min(TINY)
    return ((torch.xlogy(p, p / middle) + torch.xlogy(q, q / middle)).sum(-1) / 2).clamp_min(0)
