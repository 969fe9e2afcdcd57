"""Slow channels interpolated, fast ones left alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation


@dataclass(frozen=True, slots=True)
class YaRN:
    """YaRN: slow the channels that never turn around within the window, keep those that do. https://arxiv.org/abs/2309.00071

    Differs from the paper: the ramp between kept and slowed channels is linear in the channel's index, as in the
    authors' code and in every model trained with it; the paper writes it linear in the rotations.
    """

    factor: float
    """How many times the trained window the text may be long (s); 1 leaves the model as it is."""
    beta_fast: float = 32.0
    """Channels that turn more often than this within the window are kept (beta in the paper)."""
    beta_slow: float = 1.0
    """Channels that turn less often than this are slowed by the whole factor (alpha in the paper)."""
    mscale: float = 1.0
    """Strength of the temperature, 1 + 0.1 mscale ln(s) on cosine and sine."""
    mscale_all_dim: float = 0.0
    """Strength of a temperature that the model's own scale already holds, divided out (DeepSeek)."""
    truncate: bool = True
    """Round the ends of the ramp to whole channels; gpt-oss does not."""

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise InputError(f"YaRN: factor={self.factor} is below 1; give new length divided by trained window")
        if not 0 < self.beta_slow < self.beta_fast:
            raise InputError(f"YaRN: beta_slow={self.beta_slow} must lie between 0 and beta_fast={self.beta_fast}")

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return frequencies for any length; a scaling of the model's own is replaced, not added to."""
        if self.factor == 1:
            return rope.rotation
        plain_P = 1.0 / rope.base ** (torch.arange(0, rope.dim, 2).float() / rope.dim)
        slowed_P = self._ramp(rope)
        temperature = self._temperature(self.mscale) / self._temperature(self.mscale_all_dim)
        frequencies_P = plain_P / self.factor * slowed_P + plain_P * (1 - slowed_P)
        return Rotation(frequencies_P, temperature, rope.rotation.layout)

    def _ramp(self, rope: Rope) -> Tensor:
        """How far each channel pair is slowed, 0 to 1."""
        low, high = (_channel(rope, turns) for turns in (self.beta_fast, self.beta_slow))
        if self.truncate:
            low, high = math.floor(low), math.ceil(high)
        low, high = max(low, 0), min(high, rope.dim - 1)
        if low == high:
            high += 0.001
        return ((torch.arange(rope.dim // 2).float() - low) / (high - low)).clamp(0, 1)

    def _temperature(self, strength: float) -> float:
        return 1 + 0.1 * strength * math.log(self.factor)


def _channel(rope: Rope, turns: float) -> float:
    """The index, not whole, of the channel pair that turns so many times within the trained window."""
    return rope.dim * math.log(rope.window / (turns * 2 * math.pi)) / (2 * math.log(rope.base))
