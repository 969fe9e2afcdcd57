"""The spectrum the model was trained with."""

from __future__ import annotations

from dataclasses import dataclass

from longspan.core.types import Rope, Rotation


@dataclass(frozen=True, slots=True)
class Plain:
    """Plain: the spectrum as trained, whatever the length. https://arxiv.org/abs/2104.09864"""

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the model's own rotation."""
        return rope.rotation
