"""Heads compete for the budget of their layer."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer

INF = float("inf")


@dataclass(frozen=True, slots=True)
class AdaKV:
    """AdaKV: the best tokens of all heads of a layer win, so heads keep different numbers. https://arxiv.org/abs/2407.11550
    Differs from the paper: works on any score, per key/value head, in really ragged memory; tokens that a score always
    keeps come out of each head's own budget, as the paper's observation window does.
    """

    floor: float = 0.2
    """Share of the even budget that every head is sure of (alpha)."""

    def __post_init__(self) -> None:
        if not 0 <= self.floor <= 1:
            raise InputError(f"floor is {self.floor}; it is a share of the budget: give 0 to 1")

    def __call__(self, score_BGS: Tensor, budget: int, layer: Layer, length_B: Tensor) -> Tensor:
        """Count the wins of each head among the best of the layer, and even them out by the floor."""
        stored_BG, always_BG = (score_BGS > -INF).sum(-1), (score_BGS == INF).sum(-1)
        even_BG = (budget - always_BG).clamp_min(0)
        wins_BG = _wins(score_BGS.masked_fill(score_BGS == INF, -INF), even_BG.sum(1))
        share_BG = torch.round(wins_BG * (1 - self.floor) + even_BG * self.floor).long()
        fits_B1 = stored_BG.sum(1, keepdim=True) <= budget * score_BGS.shape[1]
        return torch.where(fits_B1, stored_BG, always_BG + share_BG)


def _wins(score_BGS: Tensor, places_B: Tensor) -> Tensor:
    """How many of the best `places` scores of a row each head holds; of equals the first head's first wins."""
    B, G, S = score_BGS.shape
    best, order = score_BGS.flatten(1).sort(dim=1, descending=True, stable=True)
    won = (torch.arange(G * S, device=best.device) < places_B[:, None]) & (best > -INF)
    return torch.zeros(B, G, dtype=torch.long, device=best.device).scatter_add(1, order // S, won.long())
