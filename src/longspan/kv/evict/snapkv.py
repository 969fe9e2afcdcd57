"""What the end of the prompt attends to."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Look

QUERIES = 16
"""Queries whose weights are held at a time."""


@dataclass(frozen=True, slots=True)
class SnapKV:
    """SnapKV: keep what the last queries of the prompt attend to, and its neighbours. https://arxiv.org/abs/2404.14469
    Differs from the paper: query heads that share a key/value head choose together, by the mean of their pooled scores,
    so that keys are not stored once per query head.
    """

    window: int = 64
    """Last queries of the prompt that vote, and last tokens that are always kept (L_obs)."""
    kernel: int = 5
    """Neighbouring tokens that share a vote, odd (kernel size)."""
    pool: Literal["avg", "max"] = "avg"
    """How neighbours share it; the released code's default is avg, its LongBench runs use max, kernel 7, window 32."""

    def __post_init__(self) -> None:
        if self.window < 1:
            raise InputError(f"window is {self.window} queries; give 1 or more")
        if self.kernel < 1 or self.kernel % 2 == 0:
            raise InputError(f"kernel is {self.kernel} tokens; give an odd number, 1 or more")
        if self.pool not in ("avg", "max"):
            raise InputError(f"pool is {self.pool!r}; give avg or max")

    @property
    def always(self) -> int:
        """The window."""
        return self.window

    def __call__(self, kv: KV, look: Look) -> Tensor:
        """Sum the attention of the window's queries, pool it over neighbours, average it over the heads of a group."""
        votes_BHS = _votes(kv, look)[..., : len(kv) - self.window]
        pool = F.max_pool1d if self.pool == "max" else F.avg_pool1d
        pooled_BHS = pool(votes_BHS, self.kernel, stride=1, padding=self.kernel // 2)
        score_BGS = pooled_BHS.reshape(*kv.pos_BGS.shape[:2], -1, votes_BHS.shape[2]).mean(2)
        return F.pad(score_BGS, (0, self.window), value=float("inf"))


def _votes(kv: KV, look: Look) -> Tensor:
    votes_BHS = torch.zeros(*look.q_BHTD.shape[:2], len(kv), device=kv.pos_BGS.device)
    for start in range(0, look.q_BT.shape[1], QUERIES):
        block = slice(start, start + QUERIES)
        votes_BHS += look.weights(look.q_BHTD[:, :, block], look.q_BT[:, block], kv).sum(2)
    return votes_BHS
