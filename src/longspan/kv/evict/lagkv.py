"""Tokens that stand out from those behind them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, KV, Look

INF = float("inf")


@dataclass(frozen=True, slots=True)
class LagKV:
    """LagKV: keep of each partition what differs most from the next one, by keys and values alone. https://arxiv.org/abs/2504.04704"""

    sinks: int = 4
    """Tokens at the start of the text that always stay."""
    lag: int = 128
    """Tokens of a partition; the last one, and what does not fill one, always stay."""

    window = 0

    def __post_init__(self) -> None:
        if self.sinks < 0 or self.lag < 1:
            raise InputError(f"sinks={self.sinks} must be at least 0 tokens and lag={self.lag} at least 1")

    @property
    def always(self) -> int:
        """The sinks, a partition, and at most all but one token of another."""
        return self.sinks + 2 * self.lag - 1

    def __call__(self, kv: KV, look: Look) -> Tensor:
        """Rank tokens within their partition, so that each partition keeps the same share."""
        score_BGS = torch.full(kv.pos_BGS.shape, INF, device=kv.pos_BGS.device)
        for stored in set((kv.pos_BGS != EMPTY).sum(-1).flatten().tolist()):
            own_BG = (kv.pos_BGS != EMPTY).sum(-1) == stored
            cut = slice(len(kv) - stored, None)
            k_NSD, v_NSD = kv.k_BGSD[own_BG][:, cut].float(), kv.v_BGSD[own_BG][:, cut].float()
            ranked_NS = self._ranked(k_NSD, v_NSD)
            rows, heads = own_BG.nonzero(as_tuple=True)
            first = len(kv) - stored + self.sinks
            score_BGS[rows, heads, first : first + ranked_NS.shape[1]] = ranked_NS
        return score_BGS

    def _ranked(self, k_NSD: Tensor, v_NSD: Tensor) -> Tensor:
        """Ranks of the tokens from the sinks to the last whole partition but one, 0 to 1."""
        partitions = (k_NSD.shape[1] - self.sinks) // self.lag
        if partitions < 2:
            return k_NSD.new_zeros(len(k_NSD), 0)
        end = self.sinks + partitions * self.lag
        shape = (len(k_NSD), partitions, self.lag, -1)
        parts = (x[:, self.sinks : end].reshape(shape) for x in (k_NSD, v_NSD))
        score_NPL = sum((_unlike_next(part) for part in parts), torch.zeros(()))
        return (score_NPL.argsort(-1).argsort(-1) / self.lag).flatten(1)


def _unlike_next(x_NPLD: Tensor) -> Tensor:
    """How far tokens scatter, in the range that each channel has in the next partition: shares within a partition."""
    least, greatest = x_NPLD[:, 1:].amin(2, keepdim=True), x_NPLD[:, 1:].amax(2, keepdim=True)
    scaled_NPLD = (x_NPLD[:, :-1] - least) / (greatest - least).clamp_min(1e-9)
    return torch.softmax(scaled_NPLD.std(-1), -1)
