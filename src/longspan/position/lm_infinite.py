"""The start of the text at a bounded distance, and what is near."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class LMInfinite:
    """LM-Infinite: a lambda-shaped view of the first tokens and the latest ones, no distance beyond a limit. https://arxiv.org/abs/2308.16137

    Differs from the paper: the few tokens in between that it lets some layers look up are left out.
    """

    local: int
    """Latest tokens that every query sees, itself included (n_local); the trained window."""
    limit: int
    """The greatest distance, in tokens, that the first tokens are seen at (L_pretrain); the trained window."""
    sinks: int = 10
    """Tokens at the start of the text that every query sees (n_global); 10 to 100."""
    fixed = False

    def __post_init__(self) -> None:
        if self.local < 1 or self.limit < 1 or self.sinks < 0:
            raise InputError(
                f"LMInfinite: local={self.local} and limit={self.limit} must be at least 1, "
                f"sinks={self.sinks} at least 0"
            )

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Set the first tokens at the limit, or nearer if they are, and leave the latest; what is between is unseen."""
        near_BGT = q_BGT - self.local + 1
        limited_BGT = torch.minimum(q_BGT - self.limit + 1, near_BGT)
        limit = torch.full_like(q_BGT, self.limit)
        return [
            Band(limit, torch.zeros_like(k_BGS), end_BGT=limited_BGT.clamp_max(self.sinks)),
            Band(q_BGT, k_BGS, limited_BGT, near_BGT.clamp_max(self.sinks)),
            Band(q_BGT, k_BGS, near_BGT),
        ]
