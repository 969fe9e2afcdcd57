"""Near tokens at their own distance, far ones at shorter and shorter steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class LeakyReRoPE:
    """Leaky ReRoPE: beyond a window distances grow a factor more slowly. https://github.com/bojone/rerope

    Differs from the paper: queries are not scaled by the logarithm of their position.
    """

    window: int
    """Tokens at their own distance, the query included (w)."""
    stretch: float
    """How many tokens beyond the window one step of distance stands for (k); 1 leaves distances as they are."""
    fixed = False

    def __post_init__(self) -> None:
        if self.window < 1 or self.stretch < 1:
            raise InputError(f"LeakyReRoPE: window={self.window} and stretch={self.stretch} must both be at least 1")

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Set far tokens at shorter steps, near ones at their own distance."""
        near_BGT, ahead = q_BGT - self.window + 1, self.window * (self.stretch - 1)
        far = Band((q_BGT + ahead) / self.stretch, k_BGS / self.stretch, end_BGT=near_BGT)
        return [far, Band(q_BGT, k_BGS, near_BGT)]
