"""Attention without an order, as encoders have it: every token sees every other at the distance a map gives."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import torch
from torch import Tensor

from longspan.core import kernel
from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import Band, PositionMap, Rotation

BLOCK = 512
"""Queries per run: bounds the mask."""

Side = tuple[Tensor, Tensor, Tensor]
"""Where queries and keys are placed, and the pairs [B, 1, T, S] that this holds for."""


def mutual(
    q_BHTD: Tensor,
    k_BGTD: Tensor,
    v_BGTD: Tensor,
    pos_BT: Tensor,
    *,
    rotation: Rotation,
    positions: PositionMap,
    scale: float,
) -> Tensor:
    """Attention of unturned queries to unturned keys of the same tokens: [B, H, T, D].

    A map says how far a later token is from an earlier one; seen from the earlier one the later is as far, in the
    other direction. EMPTY tokens are not seen and get zeros. InputError for a map that blends keys.
    """
    pos_BGT = pos_BT[:, None]
    sides = [(side, band) for band in positions.bands(pos_BGT, pos_BGT) for side in _sides(band, pos_BGT)]
    turned = []
    for (at_q, at_k, mask), band in sides:
        hot = replace(rotation, temperature=rotation.temperature * band.temperature)
        turned.append((rotate(q_BHTD, at_q.clamp_min(0), hot), rotate(k_BGTD, at_k.clamp_min(0), hot), mask))
    return torch.cat([_block(turned, v_BGTD, t, scale) for t in range(0, q_BHTD.shape[2], BLOCK)], 2)


def _sides(band: Band, pos_BGT: Tensor) -> Iterator[Side]:
    """Both directions of a band, as one where queries and keys are placed alike."""
    if band.blended:
        raise InputError("this positions= method blends keys, which an encoder cannot do: take self_extend")
    back = _back(band, pos_BGT)
    ahead = back.transpose(-1, -2) & (pos_BGT[..., None] != pos_BGT[..., None, :])
    if band.q_BGT is band.k_BGS:
        yield band.q_BGT, band.k_BGS, back | ahead
        return
    yield band.q_BGT, band.k_BGS, back
    yield band.k_BGS, band.q_BGT, ahead


def _back(band: Band, pos_BGT: Tensor) -> Tensor:
    """Pairs of a token and itself or an earlier one."""
    first = torch.zeros_like(pos_BGT) if band.first_BGT is None else band.first_BGT.clamp_min(0)
    end = pos_BGT + 1 if band.end_BGT is None else torch.minimum(band.end_BGT, pos_BGT + 1)
    keys = pos_BGT[..., None, :]
    return (keys >= first[..., None]) & (keys < end[..., None])


def _block(turned: list[Side], v_BGTD: Tensor, start: int, scale: float) -> Tensor:
    some = slice(start, start + BLOCK)
    runs = [
        kernel.attention(q[:, :, some], k, v_BGTD, scale=scale, mask=mask[:, :, some])
        for q, k, mask in turned
        if bool(mask[:, :, some].any())
    ]
    return kernel.merge(runs)[0]
