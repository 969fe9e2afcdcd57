"""Every token at its place among those still stored."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.types import EMPTY, Band


@dataclass(frozen=True, slots=True)
class CacheRelative:
    """Cache-relative: positions count stored tokens, so a small store never leaves the window. https://arxiv.org/abs/2309.17453"""

    fixed = False

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Rank keys and queries among all stored tokens."""
        stored_BGS = k_BGS.sort(-1).values
        empty_BG1 = (k_BGS == EMPTY).sum(-1, keepdim=True)
        q_rank, k_rank = (
            (torch.searchsorted(stored_BGS, x.contiguous()) - empty_BG1).clamp_min(0) for x in (q_BGT, k_BGS)
        )
        return [Band(q_rank, k_rank)]
