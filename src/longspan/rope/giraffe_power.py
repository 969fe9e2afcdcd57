"""Slow channels slowed the more."""

from __future__ import annotations

from dataclasses import dataclass, replace

import torch

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor


@dataclass(frozen=True, slots=True)
class GiraffePower:
    """Giraffe power: the power basis, frequencies multiplied by a power that falls from one to almost none. https://arxiv.org/abs/2308.10882

    Differs from the paper: nothing is trained here.
    """

    power: float = 0.5
    """The exponent of 1 - i/n for pair i of n (k); 0 leaves the basis as it is."""
    factor: float = 1.0
    """Linear scaling before it, as in PI."""

    def __post_init__(self) -> None:
        check_factor("GiraffePower", self.factor)
        if not self.power >= 0:
            raise InputError(f"GiraffePower: power={self.power} is below 0; give 0 or more")

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the frequencies, for any length."""
        own_P = rope.rotation.frequencies_P.double()
        share_P = 1 - torch.arange(len(own_P)).double() / len(own_P)
        return replace(rope.rotation, frequencies_P=(own_P / self.factor * share_P**self.power).float())
