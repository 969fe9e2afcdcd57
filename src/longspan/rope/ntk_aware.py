"""A greater base, chosen once."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor, with_base_times


@dataclass(frozen=True, slots=True)
class NTKAware:
    """NTK-aware: a greater base slows the slowest channels by the factor and keeps the fastest. https://arxiv.org/abs/2309.00071"""

    factor: float
    """How much the slowest channels are slowed (alpha); more than the wanted length over the window, because the
    channels between are slowed by less."""

    def __post_init__(self) -> None:
        check_factor("NTKAware", self.factor)

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the frequencies of the greater base, for any length."""
        return replace(rope.rotation, frequencies_P=with_base_times(rope, self.factor))
