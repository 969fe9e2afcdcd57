"""What an early layer's last query looks at."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass

import torch.nn.functional as F

from longspan.core.errors import InputError
from longspan.core.types import Glance


@dataclass(frozen=True, slots=True)
class GemFilter:
    """GemFilter: the first layers choose the tokens that the whole model then reads, as a short prompt. https://arxiv.org/abs/2409.17422

    Differs from the paper: the layer is a share of the depth, the same for all models (the paper's are 13 of 32, 19 of
    40 and 19 of 32); the last tokens of a prompt are kept as any others are.
    """

    keep: int = 1024
    """Tokens of the prompt that are read (k)."""
    depth: float = 0.4
    """Share of the layers that choose, 0 to 1 (r / number of layers)."""
    kernel: int = 5
    """Neighbouring tokens whose scores are averaged, odd."""

    def __post_init__(self) -> None:
        if self.keep < 1:
            raise InputError(f"GemFilter: keep={self.keep} tokens must be at least 1")
        if not 0 < self.depth <= 1:
            raise InputError(f"GemFilter: depth={self.depth} must be above 0 and at most 1")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise InputError(f"GemFilter: kernel={self.kernel} tokens must be odd and at least 1")

    def choose(self, prompt: Sequence[int], glance: Glance) -> Sequence[int]:
        """Return the tokens with the highest logits of the last query, summed over heads, in text order."""
        if len(prompt) <= self.keep:
            return range(len(prompt))
        logits_HS = glance.logits(math.ceil(self.depth * glance.layers) - 1)
        score_S = F.avg_pool1d(logits_HS.sum(0)[None], self.kernel, stride=1, padding=self.kernel // 2)[0]
        return sorted(score_S.topk(self.keep).indices.tolist())
