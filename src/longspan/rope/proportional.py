"""Slow channels not turned at all."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor


@dataclass(frozen=True, slots=True)
class Proportional:
    """Proportional: p-RoPE, only a share of the channels turns, the fastest; the rest carry no position. https://arxiv.org/abs/2410.06205

    Differs from the paper: nothing is trained here.
    """

    share: float = 0.75
    """Share of the channel pairs that turn (p); 1 leaves the model as it is."""
    factor: float = 1.0
    """Linear scaling of those that turn, as in PI."""

    def __post_init__(self) -> None:
        check_factor("Proportional", self.factor)
        if not 0 <= self.share <= 1:
            raise InputError(f"Proportional: share={self.share} must lie between 0 and 1")

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the frequencies, for any length; those of channels that do not turn are zero."""
        frequencies_P = rope.rotation.frequencies_P / self.factor
        frequencies_P[int(self.share * rope.dim // 2) :] = 0.0
        return replace(rope.rotation, frequencies_P=frequencies_P)
