"""Every stored token is read."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from longspan.core.types import Layer, Tiles


@dataclass(frozen=True, slots=True)
class Dense:
    """Dense: every query reads every stored token before it. https://arxiv.org/abs/1706.03762"""

    looks = False

    def tiles(self, q_BHTD: Tensor, k_BGSD: Tensor, layer: Layer) -> Tiles | None:
        """Keep everything."""
        return None
