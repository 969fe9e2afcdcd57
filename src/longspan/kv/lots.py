"""Chances that a token always has, whatever is read beside it."""

from __future__ import annotations

import torch
from torch import Tensor

from longspan.core.types import Layer

MIXERS = (-0x61C8864680B583EB, -0x40A7B892E31B1A47, -0x6B2FB644ECCEEE15)
"""Odd 64-bit numbers of SplitMix64, as signed ones: multiplying by them and folding scatters neighbouring numbers."""
LOTS = 1 << 24
"""Lots are whole numbers below this."""


def lots(seed: int, layer: Layer, pos_BGS: Tensor) -> Tensor:
    """A lot [B, G, S] in float32 for each position in each head of a layer, the same whenever it is asked for."""
    heads = pos_BGS.shape[1]
    place_G = layer.index * heads + torch.arange(heads, device=pos_BGS.device)
    lots_G = _mixed(place_G + _mixed(torch.tensor(seed, device=pos_BGS.device)))
    return (_mixed(pos_BGS + lots_G[:, None]) & (LOTS - 1)).float()


def _mixed(number: Tensor) -> Tensor:
    """Scatter 64-bit numbers: each bit of the result depends on all of the number."""
    for shift, mixer in zip((0, 30, 27), MIXERS, strict=True):
        number = (number ^ (number >> shift) if shift else number) * mixer
    return number ^ (number >> 31)
