"""The start of the text and what is near."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Tiles
from longspan.pattern.grid import Grid


@dataclass(frozen=True, slots=True)
class AShape:
    """A-shape: every query of a prompt reads the first tokens and the latest ones. https://arxiv.org/abs/2407.02490

    Differs from the paper: works in whole tiles, so a query also reads what shares a tile with a token it should read.
    """

    sinks: int = 128
    """Tokens at the start of the text that every query reads (n_init)."""
    local: int = 3968
    """Latest tokens that every query reads, itself included (n_local)."""
    tile: int = 64
    """Tokens of a tile, the unit in which work is skipped; 64 to 128 suit the kernels."""
    looks = False

    def __post_init__(self) -> None:
        if self.sinks < 0 or self.local < 1 or self.tile < 1:
            raise InputError(
                f"AShape: sinks={self.sinks} must be at least 0, local={self.local} and tile={self.tile} at least 1"
            )

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep the tiles of the start, and those that the first query of each tile finds near."""
        grid = Grid(q_BHTD.shape[2], k_BGSD.shape[2], self.tile)
        return grid.tiles(grid.near(self.sinks, self.local)[None, None])
