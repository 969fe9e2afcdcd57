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
        """Late layers: on SmolLM2 they look where the answer stands, those of the first half hardly ever do."""
        behind = layer.index - layer.depth // 2
        return behind >= 0 and behind % self.every == 0

    def see(self, look: Look, parts: Sequence[KV]) -> None:
        """Add one row's attention at a decoded token; heads that store different tokens come in parts of their own."""
        total = max(part.heads[1] if part.heads else part.k_BGSD.shape[1] for part in parts)
        shared = look.q_BHTD.shape[1] // total
        for first, end in dict.fromkeys(part.heads or (0, total) for part in parts):
            own = [part for part in parts if (part.heads or (0, total)) == (first, end)]
            weights_HS = look.weights(look.q_BHTD[:, first * shared : end * shared], look.q_BT, *own)[0].sum(1)
            self._add(weights_HS.view(end - first, shared, -1).sum(1), torch.cat([part.pos_BGS[0] for part in own], -1))

    def _add(self, weights_GS: Tensor, pos_GS: Tensor) -> None:
        known = (pos_GS != EMPTY) & (pos_GS < self.length)
        self.mass_S.index_add_(0, pos_GS[known].cpu(), weights_GS[known].double().cpu())
