"""The scaling that Llama 3.1 was trained with."""

from __future__ import annotations

from dataclasses import dataclass, replace

from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor, check_ramp
from longspan.rope.ramp import slowed_by_turns


@dataclass(frozen=True, slots=True)
class Llama3:
    """Llama3: NTK-by-parts that keeps every channel which turns four times within the window. https://arxiv.org/abs/2407.21783

    Differs from the paper: it speaks of a greater base alone; this is the scaling of the released Llama 3.1 models.
    """

    factor: float = 8.0
    """How many times the trained window the text may be long; 1 leaves the model as it is."""
    low_freq_factor: float = 1.0
    """Channels that turn less often than this within the window are slowed by the whole factor."""
    high_freq_factor: float = 4.0
    """Channels that turn more often than this are kept."""

    def __post_init__(self) -> None:
        check_factor("Llama3", self.factor)
        check_ramp("Llama3", low_freq_factor=self.low_freq_factor, high_freq_factor=self.high_freq_factor)

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the frequencies, for any length."""
        if self.factor == 1:
            return rope.rotation
        frequencies_P = slowed_by_turns(rope, self.factor, fast=self.high_freq_factor, slow=self.low_freq_factor)
        return replace(rope.rotation, frequencies_P=frequencies_P)
