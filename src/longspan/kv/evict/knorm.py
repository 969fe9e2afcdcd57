"""Keys of small norm."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.types import KV, Look


@dataclass(frozen=True, slots=True)
class KNorm:
    """K-norm: keep the tokens whose keys are shortest, to which attention tends to go. https://arxiv.org/abs/2406.11430
    Differs from the paper: the first two layers, which it leaves whole, are treated as the others are; lengths count to
    three digits, because a word has the same key length wherever it stands but for rounding: the first one stays.
    """

    window = 0
    always = 0

    def __call__(self, kv: KV, look: Look) -> Tensor:
        """Score by the negative length of the key."""
        length_BGS: Tensor = torch.linalg.vector_norm(kv.k_BGSD.float(), dim=-1)
        return -length_BGS.half().float()
