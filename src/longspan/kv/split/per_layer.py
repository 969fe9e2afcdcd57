"""Layers as they are told."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer


@dataclass(frozen=True, slots=True)
class PerLayer:
    """Per layer: budgets in given proportions from the first layer to the last, alike for the heads of one."""

    shares: tuple[float, ...]
    """Weights of the layers; fewer weights than layers: of stretches of layers, as equal as can be (3|1: the first half
    keeps three times what the second keeps).
    """

    def __post_init__(self) -> None:
        if not self.shares or min(self.shares) <= 0:
            raise InputError(f"shares={self.shares} must be one or more weights, all above 0")

    def __call__(self, score_BGS: Tensor, budget: int, layer: Layer, length_B: Tensor) -> Tensor:
        """Return the layer's part of what is to be shared out; what a score always keeps is every layer's own."""
        always_BG = (score_BGS == float("inf")).sum(-1)
        before, end = self._until(layer.index, layer), self._until(layer.index + 1, layer)
        total_BG = (budget - always_BG).clamp_min(0).double() * layer.depth
        return always_BG + torch.round(total_BG * end).long() - torch.round(total_BG * before).long()

    def _until(self, index: int, layer: Layer) -> float:
        """The share of all layers before one."""
        if len(self.shares) > layer.depth:
            raise InputError(
                f"{len(self.shares)} shares for a model of {layer.depth} layers: give one for each layer, or fewer"
            )
        each = [self.shares[at * len(self.shares) // layer.depth] for at in range(layer.depth)]
        return sum(each[:index]) / sum(each)
