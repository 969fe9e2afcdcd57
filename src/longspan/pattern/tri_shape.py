"""The start of the text, what is near, and the prompt's last queries in full."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Tiles
from longspan.pattern.grid import Grid


@dataclass(frozen=True, slots=True)
class TriShape:
    """Tri-shape: A-shape, but the last queries of a prompt read everything. https://arxiv.org/abs/2412.10319
    also: TriangleMix, the same in the deeper layers only (sinks=8, local=512, last=128, layer=16) https://arxiv.org/abs/2507.21526
    Differs from the paper: works in whole tiles; where a prompt is read in chunks, the last queries of every chunk read
    everything, those of the last chunk no further back than it begins.
    """

    sinks: int = 128
    """Tokens at the start of the text that every query reads (n_init)."""
    local: int = 3968
    """Latest tokens that every query reads, itself included (n_local)."""
    last: int = 100
    """Queries at the end that read everything (n_last)."""
    layer: int = 0
    """The first layer that skips anything; those before it read everything (starting_layer)."""
    tile: int = 64
    """Tokens of a tile, the unit in which work is skipped; 64 to 128 suit the kernels."""
    looks = False

    def __post_init__(self) -> None:
        if min(self.sinks, self.last, self.layer) < 0 or min(self.local, self.tile) < 1:
            raise InputError(
                f"TriShape: sinks={self.sinks}, last={self.last} and layer={self.layer} must be at least 0, "
                f"local={self.local} and tile={self.tile} at least 1"
            )

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep the tiles of an A-shape, and all for the tiles of the last queries."""
        if layer.index < self.layer:
            return None
        grid = Grid(q_BHTD.shape[2], k_BGSD.shape[2], self.tile)
        last_t1 = grid.begin_t1 + self.tile > grid.S - self.last
        return grid.tiles((grid.near(self.sinks, self.local) | last_t1)[None, None])
