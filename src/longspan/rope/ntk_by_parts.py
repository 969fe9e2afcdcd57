"""Each channel interpolated by how often it turns."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor, check_ramp
from longspan.rope.ramp import slowed_by_turns


@dataclass(frozen=True, slots=True)
class NTKByParts:
    """NTK-by-parts: slow the channels that turn seldom within the window, keep those that turn often. https://arxiv.org/abs/2309.00071"""

    factor: float
    """How many times the trained window the text may be long (s); 1 leaves the model as it is."""
    alpha: float = 1.0
    """Channels that turn less often than this within the window are slowed by the whole factor."""
    beta: float = 32.0
    """Channels that turn more often than this are kept; between the two the share that is kept rises evenly."""

    def __post_init__(self) -> None:
        check_factor("NTKByParts", self.factor)
        check_ramp("NTKByParts", alpha=self.alpha, beta=self.beta)

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the frequencies, for any length."""
        if self.factor == 1:
            return rope.rotation
        return replace(rope.rotation, frequencies_P=slowed_by_turns(rope, self.factor, fast=self.beta, slow=self.alpha))
