"""Every head the same."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.types import Layer


@dataclass(frozen=True, slots=True)
class Uniform:
    """Uniform: every head of every layer keeps as many tokens."""

    def __call__(self, score_BGS: Tensor, budget: int, layer: Layer, length_B: Tensor) -> Tensor:
        """Return the budget for each head."""
        return torch.full(score_BGS.shape[:2], budget, device=score_BGS.device)
