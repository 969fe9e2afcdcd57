"""Keys unlike the others."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from longspan.core.types import EMPTY, KV, Look


@dataclass(frozen=True, slots=True)
class KeyDiff:
    """KeyDiff: keep the tokens whose keys resemble the mean key least. https://arxiv.org/abs/2504.15364"""

    window = 0
    always = 0

    def __call__(self, kv: KV, look: Look) -> Tensor:
        """Score by the negative cosine between a key and the mean of all keys, each of length one."""
        key_BGSD = F.normalize(kv.k_BGSD.float(), dim=-1)
        stored_BGS1 = (kv.pos_BGS != EMPTY)[..., None]
        anchor_BG1D = (key_BGSD * stored_BGS1).sum(2, keepdim=True) / stored_BGS1.sum(2, keepdim=True).clamp_min(1)
        return -F.cosine_similarity(key_BGSD, anchor_BG1D, dim=-1)
