"""One threshold for the whole model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.types import Layer


@dataclass(frozen=True, slots=True)
class Pooled:
    """Pooled: heads of all layers compete for one budget, so that those keep most whose tokens are asked for most. https://arxiv.org/abs/2505.23416

    Only for a score that is known of every layer before any is evicted (kvzip, which published it).
    """

    pooled = True

    def __call__(self, score_BGS: Tensor, budget: int, layer: Layer, length_B: Tensor) -> Tensor:
        """As many for each head, which is what a layer by itself can say."""
        return torch.full(score_BGS.shape[:2], budget, device=score_BGS.device)


def thresholds(scores: Sequence[Tensor], budgets: Sequence[int]) -> Tensor:
    """Of each row the score [B] of the last token that is kept, from the scores [B, G, S] of every layer.

    `budgets` is each row's mean over all heads and layers.
    """
    heads = sum(score_BGS.shape[1] for score_BGS in scores)
    pool_BN = torch.cat([score_BGS.flatten(1) for score_BGS in scores], 1)
    counts = [min(heads * budget, pool_BN.shape[1]) for budget in budgets]
    return torch.stack([row_N.topk(count).values[-1] for row_N, count in zip(pool_BN, counts, strict=True)])
