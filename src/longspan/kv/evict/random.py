"""Lots."""

from __future__ import annotations

from dataclasses import dataclass

from torch import Tensor

from longspan.core.types import KV, Layer, Look
from longspan.kv.lots import lots
from longspan.kv.score import Judge


class _Lots(Judge):
    """A lot for each token and head of a layer."""

    def __init__(self, seed: int, layer: Layer) -> None:
        self._seed = seed
        self._layer = layer

    def score(self, kv: KV, look: Look) -> Tensor:
        """Draw: a token's lot is the same whenever it is asked for."""
        return lots(self._seed, self._layer, kv.pos_BGS)


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
