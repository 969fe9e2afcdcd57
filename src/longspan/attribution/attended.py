"""Where a reply's tokens looked, token by token of the text they answer from."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import torch
from torch import Tensor

from longspan.core.types import EMPTY, KV, Layer, Look


@dataclass(slots=True)
class Attended:
    """Sums the attention that decoded tokens pay to every stored position, over heads and some of the layers."""

    length: int
    """Positions to keep account of: the prompt's."""
    every: int = 3
    """Look at each this many layers of the second half of the model; more cost more and say the same."""
    mass_S: Tensor = field(init=False)
    """Attention received, float64, summed over tokens, heads and layers watched."""

    def __post_init__(self) -> None:
        self.mass_S = torch.zeros(self.length, dtype=torch.float64)

    def wants(self, layer: Layer) -> bool:
        """Middle and late layers, where retrieval happens."""
        return layer.index >= layer.depth // 3 and layer.index % self.every == 0

    def see(self, look: Look, parts: Sequence[KV]) -> None:
        """Add one row's attention at a decoded token."""
        weights_HS = look.weights(look.q_BHTD, look.q_BT, *parts)[0].sum(1)
        groups = parts[0].k_BGSD.shape[1]
        weights_GS = weights_HS.view(groups, -1, weights_HS.shape[-1]).sum(1)
        pos_GS = torch.cat([part.pos_BGS[0] for part in parts], -1)
        known = (pos_GS != EMPTY) & (pos_GS < self.length)
        self.mass_S.index_add_(0, pos_GS[known].cpu(), weights_GS[known].double().cpu())
