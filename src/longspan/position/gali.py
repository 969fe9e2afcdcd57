"""A long text squeezed between the trained positions, logits interpolated."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class GALI:
    """GALI: early tokens share the trained positions, their logits interpolated between whole distances. https://arxiv.org/abs/2502.02659

    Differs from the paper: positions are those of a text that fills its last chunk, for replies too, so that neither
    the cut of a prompt nor the length of a reply matters; interpolated logits get no noise.
    """

    window: int
    """Tokens of the trained window, no position reaches (L)."""
    local: int = 128
    """Latest tokens at whole positions, at the end of a chunk (L_w)."""
    chunk: int = 3000
    """Tokens beyond the window that are read with the same positions (s)."""
    fixed = False

    def __post_init__(self) -> None:
        if not 0 < self.local < self.window or self.chunk < 1:
            raise InputError(
                f"GALI: local={self.local} must be at least 1 and less than window={self.window}, "
                f"chunk={self.chunk} at least 1"
            )

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Place everything as the text stands at the end of a query's chunk, for each chunk that has queries."""
        index_BGT = ((q_BGT - self.window) // self.chunk + 1).clamp_min(0)
        bands = []
        for index in sorted(set(index_BGT.flatten().tolist())):
            here_BGT, length = index_BGT == index, self.window + index * self.chunk
            end_BGT = None if bool(here_BGT.all()) else torch.where(here_BGT, q_BGT + 1, 0)
            q, k = self._placed(q_BGT, length).ceil(), self._placed(k_BGS, length)
            bands.append(Band(q, k, end_BGT=end_BGT, blended=index > 0))
        return bands

    def _placed(self, pos: Tensor, length: int) -> Tensor:
        """Positions in a text of so many tokens: the fewest early ones crowd together, each as many to a position."""
        if length <= self.window:
            return pos
        crowd, surplus = math.ceil((length - self.local) / (self.window - self.local)), length - self.window
        crowded = surplus + math.ceil(surplus / (crowd - 1))
        return torch.where(pos < crowded, pos / crowd, pos - surplus)
