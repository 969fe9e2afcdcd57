"""A sliding window while the prompt is read, everything while the answer is written."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Tiles
from longspan.pattern.grid import Grid


@dataclass(frozen=True, slots=True)
class SWAA:
    """SWAA: a sliding window with sinks reads the prompt, full layers lie between, decoding reads all. https://arxiv.org/abs/2512.10411

    Differs from the paper: works in whole tiles, so a query also reads what shares a tile with a token it should read;
    sliding layers keep all tokens, which full decoding needs; thinking aloud and fine-tuning are the user's.
    """

    window: int = 2048
    """Latest tokens that a query of the prompt reads in a sliding layer, itself included (sliding_window_size)."""
    sinks: int = 100
    """Tokens at the start of the text that it reads too (keep_first)."""
    every: int = 2
    """One layer in this many, the last of each such group, reads everything; 0: none does (non_sliding_layers)."""
    tile: int = 64
    """Tokens of a tile, the unit in which work is skipped; 64 to 128 suit the kernels."""
    looks = False

    def __post_init__(self) -> None:
        if min(self.sinks, self.every) < 0 or min(self.window, self.tile) < 1:
            raise InputError(
                f"SWAA: sinks={self.sinks} and every={self.every} must be at least 0, "
                f"window={self.window} and tile={self.tile} at least 1"
            )

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep the tiles of the start and of the window in sliding layers, everything in full ones."""
        if self.every and layer.index % self.every == self.every - 1:
            return None
        grid = Grid(q_BHTD.shape[2], k_BGSD.shape[2], self.tile)
        return grid.tiles(grid.near(self.sinks, self.window)[None, None])
