"""The start of the text and what is near."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Tiles


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

    def __post_init__(self) -> None:
        if self.sinks < 0 or self.local < 1 or self.tile < 1:
            raise InputError(
                f"AShape: sinks={self.sinks} must be at least 0, local={self.local} and tile={self.tile} at least 1"
            )

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep the tiles of the start, and those that the first query of each tile finds near."""
        T, S = q_BHTD.shape[2], k_BGSD.shape[2]
        query_t1 = torch.arange((S - T) // self.tile, -(-S // self.tile))[:, None]
        key_s = torch.arange(-(-S // self.tile))
        nearest_t1 = (query_t1 * self.tile - self.local + 1).clamp_min(0) // self.tile
        keep_ts = (key_s * self.tile < self.sinks) | (key_s >= nearest_t1)
        return None if bool(keep_ts.all()) else Tiles(keep_ts[None, None], self.tile)
