"""Near tokens at their own distance, far ones in groups."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class SelfExtend:
    """Self-Extend: tokens beyond a window share positions in groups, so distances stay trained. https://arxiv.org/abs/2401.01325

    Differs from the paper: the window is rounded down to whole groups in prefill as in decoding (the authors' code
    divides without rounding in prefill); the optional logarithmic scale is left out.
    """

    group: int = 8
    """Neighbouring far tokens that share a position (G)."""
    window: int = 1024
    """Tokens at their own distance, the query included (w_n)."""
    fixed = False

    def __post_init__(self) -> None:
        if self.group < 1 or self.window < 1:
            raise InputError(f"SelfExtend: group={self.group} and window={self.window} must both be at least 1")

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Group far tokens, and set near ones at their own distance."""
        near_BGT, shift = q_BGT - self.window + 1, self.window - self.window // self.group
        far = Band(q_BGT // self.group + shift, k_BGS // self.group, end_BGT=near_BGT)
        return [far, Band(q_BGT, k_BGS, near_BGT)]
