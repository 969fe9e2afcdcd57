"""A greater base, as great as the request is long."""

from __future__ import annotations

from dataclasses import dataclass

import torch

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation


@dataclass(frozen=True, slots=True)
class DynamicNTK:
    """Dynamic NTK: within the window as trained, beyond it the base grows with the length. https://arxiv.org/abs/2309.00071

    Differs from the paper: the length is the one planned for the whole request, so all its keys share one base; the
    base does not change from token to token.
    """

    factor: float = 1.0
    """How fast the base grows with the length (s)."""

    def __post_init__(self) -> None:
        if self.factor < 1:
            raise InputError(f"DynamicNTK: factor={self.factor} is below 1; give 1 or more")

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the model's own frequencies for a request within the window, lower ones for a longer request."""
        if length <= rope.window:
            return rope.rotation
        stretch = self.factor * length / rope.window - (self.factor - 1)
        exponent_P = torch.arange(0, rope.dim, 2).double() / max(rope.dim - 2, 1)
        frequencies_P = rope.rotation.frequencies_P.double() * stretch**-exponent_P
        return Rotation(frequencies_P.float(), rope.rotation.temperature, rope.rotation.layout)
