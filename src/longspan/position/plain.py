"""Every token at its own position."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class Plain:
    """Plain: every token at the position it has in the text. https://arxiv.org/abs/2104.09864"""

    fixed = True

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Return the true positions."""
        return [Band(q_BGT, k_BGS)]
