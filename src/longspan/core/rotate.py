"""Turning queries and keys by their positions. RoPE: https://arxiv.org/abs/2104.09864"""

from __future__ import annotations

import torch
from torch import Tensor

from longspan.core.types import Rotation


def cosine_sine(pos: Tensor, rotation: Rotation) -> tuple[Tensor, Tensor]:
    """Cosine and sine [..., P] in float32 of each position's angles, the temperature multiplied in."""
    angle = pos[..., None].float() * rotation.frequencies_P.to(pos.device)
    return angle.cos() * rotation.temperature, angle.sin() * rotation.temperature


def rotate(x_BGTD: Tensor, pos_BGT: Tensor, rotation: Rotation) -> Tensor:
    """Turn the channel pairs of `x` by position times frequency; channels beyond the rotated ones are left alone."""
    cos, sin = (part.to(x_BGTD.dtype) for part in cosine_sine(pos_BGT, rotation))
    pairs = rotation.frequencies_P.numel()
    turned, rest = x_BGTD[..., : 2 * pairs], x_BGTD[..., 2 * pairs :]
    if rotation.layout == "half":
        a, b = turned[..., :pairs], turned[..., pairs:]
        return torch.cat([a * cos - b * sin, b * cos + a * sin, rest], dim=-1)
    a, b = turned[..., 0::2], turned[..., 1::2]
    return torch.cat([torch.stack([a * cos - b * sin, b * cos + a * sin], dim=-1).flatten(-2), rest], dim=-1)
