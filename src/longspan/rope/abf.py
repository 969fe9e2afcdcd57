"""A greater base, given."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import with_base


@dataclass(frozen=True, slots=True)
class ABF:
    """ABF: adjusted base frequency, a greater base that the model is then trained on with. https://arxiv.org/abs/2309.16039

    Differs from the paper: nothing is trained here, so results fall behind those of models that were.
    """

    base: float = 500_000.0
    """The new base (b); at least the model's own, which leaves it as it is."""

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the frequencies of the new base, for any length."""
        return replace(rope.rotation, frequencies_P=with_base(rope, self.base))
