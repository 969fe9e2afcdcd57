"""Which tokens of stored passages are read again where the passages stand behind one another."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError


@dataclass(frozen=True, slots=True)
class CacheBlend:
    """CacheBlend: of passages that were read apart and are put together, only the tokens whose keys and values change
    most are read again. https://arxiv.org/abs/2405.16444
    Differs from the paper: it calls each layer's share slightly less than the one before and gives no numbers, here
    they fall in a straight line; a passage that the text begins with is taken as it is, nothing of it can change; its
    released code chooses once, by values alone, and lets a chosen token see what comes after it, which is not done
    here.
    """

    share: float = 0.15
    """Tokens read again, of all those in stored passages, on average over the layers that choose (r); 0: none but the
    tokens that are stored nowhere, 1: all.
    """
    start: int = 1
    """The first layer that chooses, counted from 0. Those before it read everything; keys and values of layer 0 depend
    on no other token, so nothing has changed there.
    """
    taper: float = 0.2
    """How far the share falls from layer to layer: it begins this part of itself above `share` and ends as far below
    it; 0: the tokens chosen first are read again in all layers.
    """

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1 or not 0 <= self.taper <= 1:
            raise InputError(f"share is {self.share} and taper {self.taper}; give numbers from 0 to 1")
        if self.start < 0:
            raise InputError(f"start is {self.start}; layers are counted from 0")

    def count(self, layer: int, depth: int, stored: int) -> int:
        """How many of `stored` tokens in passages layer `layer` of `depth` reads."""
        if layer < self.start:
            return stored
        last = depth - 1 - self.start
        fall = 1 - 2 * (layer - self.start) / last if last > 0 else 0.0
        return math.ceil(stored * (self.share + fall * self.taper * min(self.share, 1 - self.share)) - 1e-9)


PUBLISHED = CacheBlend()
"""The paper's settings."""


def deviations(k_BGTD: Tensor, v_BGTD: Tensor, stored_k_BGTD: Tensor, stored_v_BGTD: Tensor) -> Tensor:
    """How far each token's keys and values [T] are from the stored ones: absolute differences, summed over all."""
    pairs = ((k_BGTD, stored_k_BGTD), (v_BGTD, stored_v_BGTD))
    return torch.stack([(new.float() - old.float()).abs().sum((0, 1, 3)) for new, old in pairs]).sum(0)


def most(deviation_T: Tensor, own_T: Tensor, count: int) -> Tensor:
    """Indices, in order, of the `count` tokens that deviate most and of all those marked as stored nowhere."""
    chosen_T = deviation_T.masked_fill(own_T, float("-inf")).topk(count).indices
    return torch.cat([chosen_T, own_T.nonzero().flatten()]).sort().values
