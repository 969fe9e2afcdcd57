"""Early layers more, late layers less."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer


@dataclass(frozen=True, slots=True)
class Pyramid:
    """PyramidKV: budgets fall evenly from the first layer to the last, the same in all. https://arxiv.org/abs/2406.02069
    Differs from the paper: works on any score; tokens that a score always keeps come out of each layer's budget, as the
    paper's window does.
    """

    beta: int = 20
    """How steep: the last layer keeps the even budget divided by this, beside what always stays."""

    def __post_init__(self) -> None:
        if self.beta < 1:
            raise InputError(f"beta={self.beta} must be at least 1; 1 is the even budget")

    def __call__(self, score_BGS: Tensor, budget: int, layer: Layer, length_B: Tensor) -> Tensor:
        """Return the layer's budget for each of its heads; the even one for a text too short for a pyramid."""
        always_BG = (score_BGS == float("inf")).sum(-1)
        even_BG, room_BG = (budget - always_BG).clamp_min(0), length_B[:, None] - always_BG
        least_BG = even_BG // self.beta
        most_BG = torch.minimum(2 * even_BG - least_BG, room_BG)
        least_BG = torch.maximum(2 * even_BG - most_BG, least_BG)
        step_BG = (most_BG - least_BG) // max(1, layer.depth - 1)
        fits_BG = room_BG >= 2 * even_BG
        return always_BG + torch.where(fits_BG, most_BG - layer.index * step_BG, even_BG)
