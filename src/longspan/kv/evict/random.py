"""Lots."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.types import KV, Layer, Look
from longspan.kv.score import Judge

MIXERS = (-0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15)
"""Odd 64-bit numbers of SplitMix64, as signed ones: multiplying by them and folding scatters neighbouring numbers."""


class _Lots(Judge):
    """A lot for each token and head of a layer."""

    def __init__(self, seed: int, layer: Layer) -> None:
        self._seed = seed
        self._layer = layer

    def score(self, kv: KV, look: Look) -> Tensor:
        """Draw: a token's lot is the same whenever it is asked for."""
        heads = kv.pos_BGS.shape[1]
        place_G = self._layer.index * heads + torch.arange(heads, device=kv.pos_BGS.device)
        lots_G = _mixed(place_G + _mixed(torch.tensor(self._seed, device=place_G.device)))
        return (_mixed(kv.pos_BGS + lots_G[:, None]) & 0xFFFFFF).float()


def _mixed(number: Tensor) -> Tensor:
    """Scatter 64-bit numbers: each bit of the result depends on all of the number."""
    for shift, mixer in zip((0, 30, 27), MIXERS, strict=True):
        number = (number ^ (number >> shift) if shift else number) * mixer
    return number ^ (number >> 31)


@dataclass(frozen=True, slots=True)
class Random:
    """Random: each head keeps tokens drawn by lot, each as likely as any other: what a score has to beat."""

    seed: int = 0
    """Another one draws other lots."""

    window = 0
    always = 0

    def judge(self, layer: Layer) -> _Lots:
        """Open a layer's lots."""
        return _Lots(self.seed, layer)
