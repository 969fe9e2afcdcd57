"""All positions squeezed into the trained window."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor


@dataclass(frozen=True, slots=True)
class PI:
    """PI: Position Interpolation, every position (hence every frequency) divided by one factor. https://arxiv.org/abs/2306.15595"""

    factor: float
    """How many times the trained window the text may be long (s); 1 leaves the model as it is."""

    def __post_init__(self) -> None:
        check_factor("PI", self.factor)

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the model's own frequencies divided by the factor, for any length."""
        return replace(rope.rotation, frequencies_P=rope.rotation.frequencies_P / self.factor)
