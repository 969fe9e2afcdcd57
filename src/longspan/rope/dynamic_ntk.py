"""A greater base, as great as the request is long."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor, with_base_times


@dataclass(frozen=True, slots=True)
class DynamicNTK:
    """Dynamic NTK: within the window as trained, beyond it the base grows with the length. https://arxiv.org/abs/2309.00071

    Differs from the paper: the length is the one planned for the whole request, so all its keys share one base; the
    base does not change from token to token.
    """

    factor: float = 1.0
    """How fast the base grows with the length (s)."""

    def __post_init__(self) -> None:
        check_factor("DynamicNTK", self.factor)

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the model's own frequencies for a request within the window, lower ones for a longer request."""
        if length <= rope.window:
            return rope.rotation
        stretch = self.factor * length / rope.window - (self.factor - 1)
        return replace(rope.rotation, frequencies_P=with_base_times(rope, stretch))
