"""Near tokens at their own distance, all far ones at the same."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class ReRoPE:
    """ReRoPE: no token seems farther away than a window. https://github.com/bojone/rerope

    Differs from the paper: queries are not scaled by the logarithm of their position.
    """

    window: int
    """The greatest distance, in tokens, that the model sees (w)."""
    fixed = False

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InputError(f"ReRoPE: window={self.window} must be at least 1; half the trained window is usual")

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Set far tokens at the window's distance, near ones at their own."""
        near_BGT = q_BGT - self.window + 1
        far = Band(torch.full_like(q_BGT, self.window), torch.zeros_like(k_BGS), end_BGT=near_BGT)
        return [far, Band(q_BGT, k_BGS, near_BGT)]
