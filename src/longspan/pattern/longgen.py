"""Full layers in the middle, sinks, window and strided tiles in the others."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Tiles
from longspan.pattern.grid import Grid


@dataclass(frozen=True, slots=True)
class LongGen:
    """LongGen: the middle third of the layers reads everything, the others sinks, window and strided tiles. https://arxiv.org/abs/2410.01485

    Differs from the paper: the model is not trained for it; decoding reads everything, so sparse layers keep all
    tokens; sparse layers read both the start and strided tiles, which the paper has as two variants (stride=0,
    sinks=0); numbers of tokens are ours, the strided tiles' shift from head to head that of its authors' kernel.
    """

    sinks: int = 64
    """Tokens at the start of the text that every query reads."""
    local: int = 2048
    """Latest tokens that every query reads, itself included."""
    stride: int = 16
    """One tile in this many is read by all later queries, another one in each key/value head; 0: none."""
    full: int = 3
    """One layer in this many reads everything; they lie in the middle."""
    tile: int = 64
    """Tokens of a tile."""
    looks = False

    def __post_init__(self) -> None:
        if min(self.sinks, self.stride) < 0 or min(self.local, self.full, self.tile) < 1:
            raise InputError(
                f"LongGen: sinks={self.sinks} and stride={self.stride} must be at least 0, "
                f"local={self.local}, full={self.full} and tile={self.tile} at least 1"
            )

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep the tiles of the start, of the window and of each head's stride, but everything in the middle layers."""
        if self._is_full(layer):
            return None
        grid = Grid(q_BHTD.shape[2], k_BGSD.shape[2], self.tile)
        keep_BHts = grid.near(self.sinks, self.local)[None, None]
        if self.stride:
            keep_BHts = keep_BHts | self._strided(grid, layer)[None, :, None]
        return grid.tiles(keep_BHts)

    def _is_full(self, layer: Layer) -> bool:
        count = layer.depth // self.full
        first = (layer.depth - count) // 2
        return first <= layer.index < first + count

    def _strided(self, grid: Grid, layer: Layer) -> Tensor:
        """The tiles [H, s] that all later queries of a head read, others for each key/value head."""
        shared = layer.num_heads // layer.num_kv_heads
        head_H1 = (torch.arange(layer.num_heads) // shared + layer.kv_head)[:, None]
        return (grid.begin_s // self.tile + head_H1 + 1) % self.stride == 0
