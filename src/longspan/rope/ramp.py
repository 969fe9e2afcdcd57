"""Ramps between the channel pairs that are kept and those that are slowed."""

from __future__ import annotations

import math

import torch
from torch import Tensor

from longspan.core.types import Rope
from longspan.rope.frequencies import plain


def slowed(rope: Rope, factor: float, *, fast: float, slow: float, truncate: bool) -> Tensor:
    """Frequencies [P] of pairs kept if they turn over `fast` times in the window, divided if under `slow` times.

    Between them the share of the divided frequency rises evenly with the pair's index; `truncate` rounds the ends of
    that ramp to whole pairs.
    """
    plain_P, ramp_P = plain(rope), _ramp(rope, fast, slow, truncate)
    return plain_P / factor * ramp_P + plain_P * (1 - ramp_P)


def slowed_by_turns(rope: Rope, factor: float, *, fast: float, slow: float) -> Tensor:
    """The same of the model's own frequencies, the share rising evenly with how often a pair turns."""
    own_P = rope.rotation.frequencies_P.double()
    turns_P = own_P * rope.window / (2 * math.pi)
    kept_P = ((turns_P - slow) / (fast - slow)).clamp(0, 1)
    return ((1 - kept_P) * own_P / factor + kept_P * own_P).float()


def temperature(factor: float, strength: float = 1.0) -> float:
    """YaRN's factor on cosine and sine: 1 + 0.1 strength ln(factor)."""
    return 1 + 0.1 * strength * math.log(factor)


def _ramp(rope: Rope, fast: float, slow: float, truncate: bool) -> Tensor:
    """How far each channel pair is slowed, 0 to 1."""
    low, high = (_channel(rope, turns) for turns in (fast, slow))
    if truncate:
        low, high = math.floor(low), math.ceil(high)
    low, high = max(low, 0), min(high, rope.dim - 1)
    if low == high:
        high += 0.001
    return ((torch.arange(rope.dim // 2).float() - low) / (high - low)).clamp(0, 1)


def _channel(rope: Rope, turns: float) -> float:
    """The index, not whole, of the channel pair that turns so many times within the trained window."""
    return rope.dim * math.log(rope.window / (turns * 2 * math.pi)) / (2 * math.log(rope.base))
