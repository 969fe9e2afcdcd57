"""Frequencies that flow on with the length."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import with_base_times


@dataclass(frozen=True, slots=True)
class CLEX:
    """CLEX: frequencies follow a differential equation in the scale, whole windows of length. https://arxiv.org/abs/2310.16450

    Differs from the paper: the learned part of the equation, zero where training starts, is left out; what is left
    has a closed form, a base that grows with 2 t - 1. The scale is that of the length planned for the whole request.
    """

    max_scale: int = 16
    """Greatest scale; a longer request keeps its frequencies (t_max)."""

    def __post_init__(self) -> None:
        if self.max_scale < 1:
            raise InputError(f"CLEX: max_scale={self.max_scale} must be at least 1")

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the model's own frequencies within the window, lower ones for every further window begun."""
        scale = min(math.ceil(length / rope.window), self.max_scale)
        if scale <= 1:
            return rope.rotation
        return replace(rope.rotation, frequencies_P=with_base_times(rope, 2 * scale - 1))
