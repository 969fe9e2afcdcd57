"""Turning queries and keys by their positions. RoPE: https://arxiv.org/abs/2104.09864"""

from __future__ import annotations

import math

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer, Rotation


def cosine_sine(pos: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor]:
    """Cosine and sine [..., P] in float32 of each position's angles, the temperature multiplied in."""
    return _cosine_sine(pos[..., None], rotation)


def rotate(x_BGTD: Tensor, pos_BGT: Tensor, rotation: Rotation) -> Tensor:
    """Turn the channel pairs of `x` by position times frequency; channels beyond the rotated ones are left alone.

    A negative position turns back what is turned already; it is never one at the start of the text. Positions may have
    a last axis of groups: equal groups of pairs, each at a position of its own.
    """
    pairs = rotation.frequencies_P.numel()
    pos = pos_BGT[..., None] if pos_BGT.dim() < x_BGTD.dim() else _spread(pos_BGT, pairs)
    cos, sin = (part.to(x_BGTD.dtype) for part in _cosine_sine(pos, rotation))
    turned, rest = x_BGTD[..., : 2 * pairs], x_BGTD[..., 2 * pairs :]
    if rotation.layout == "half":
        a, b = turned[..., :pairs], turned[..., pairs:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], dim=-1)
    a, b = turned[..., 0::2], turned[..., 1::2]
    return torch.cat([torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2), rest], dim=-1)


def sharpen(q_BHTD: Tensor, q_BT: Tensor, layer: Layer) -> Tensor:
    """Scale a layer's queries by the logarithm of their position, where its rotation says so."""
    beyond = layer.rotation.sharpen_beyond
    if not beyond or layer.index < layer.rotation.sharpen_from_layer:
        return q_BHTD
    scale_BT = ((q_BT + 1).clamp_min(1).float().log() / math.log(beyond)).clamp_min(1)
    return q_BHTD * scale_BT[:, None, :, None].to(q_BHTD.dtype)


def _cosine_sine(pos: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor]:
    """The same of positions with a last axis of one place for all pairs, or of one for each."""
    angle = pos.float() * _frequencies(pos, rotation)
    return angle.cos() * rotation.temperature, angle.sin() * rotation.temperature


def _frequencies(pos: Tensor, rotation: Rotation) -> Tensor:
    """Each position's frequencies, or those of them all."""
    frequencies_P = rotation.frequencies_P.to(pos.device)
    if rotation.start_frequencies_P is None:
        return frequencies_P
    at_start = (pos >= 0) & (pos < rotation.start)
    return torch.where(at_start, rotation.start_frequencies_P.to(pos.device), frequencies_P)


def _spread(pos_BGTM: Tensor, pairs: int) -> Tensor:
    """The position of each pair's group."""
    groups = pos_BGTM.shape[-1]
    if pairs % groups:
        raise InputError(f"{groups} groups do not divide {pairs} channel pairs: choose a number of groups that does")
    return pos_BGTM.repeat_interleave(pairs // groups, -1)
