"""A greater base, and attention kept as sharp over more tokens."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import with_base


@dataclass(frozen=True, slots=True)
class EntropyABF:
    """Entropy-ABF: a greater base, and queries scaled by the logarithm of their position so attention stays as sharp. https://arxiv.org/abs/2401.07004

    Differs from the paper: nothing is trained here (the authors train on 100 samples).
    """

    base: float = 500_000.0
    """The new base; at least the model's own, which leaves the frequencies as they are."""
    plain_layers: int = 2
    """First layers, whose attention is not sharpened."""

    def __post_init__(self) -> None:
        if self.plain_layers < 0:
            raise InputError(f"EntropyABF: plain_layers={self.plain_layers} must be at least 0")

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the frequencies of the new base, and the window as the length beyond which queries are scaled."""
        return replace(
            rope.rotation,
            frequencies_P=with_base(rope, self.base),
            sharpen_beyond=rope.window,
            sharpen_from_layer=self.plain_layers,
        )
