"""A factor of its own for every channel, and the first tokens left alone."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor, plain


@dataclass(frozen=True, slots=True)
class LongRoPE:
    """LongRoPE: every channel slowed by a searched factor of its own, the first tokens by none. https://arxiv.org/abs/2402.13753

    Differs from the paper: the factors are those of the length planned for the whole request. The temperature holds
    for the first tokens too (in the authors' code it does not).
    """

    factor: float
    """How many times the trained window the text may be long (s); sets the temperature."""
    long: tuple[float, ...]
    """What each channel pair is slowed by in a request longer than the window (lambda), the fastest pair first."""
    short: tuple[float, ...] = ()
    """The same for a request within the window, in models trained on with such; empty: as trained."""
    start: int = 0
    """Tokens at the start of a request longer than the window that are not slowed (n-hat)."""

    def __post_init__(self) -> None:
        check_factor("LongRoPE", self.factor)
        if not all(slowing > 0 for slowing in self.long + self.short):
            raise InputError("LongRoPE: long and short hold what frequencies are divided by: numbers above 0")
        if self.start < 0:
            raise InputError(f"LongRoPE: start={self.start} must be at least 0")

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the slowed frequencies; a scaling of the model's own is replaced, not added to.

        Raises InputError unless there is one factor for each pair of channels.
        """
        if length > rope.window:
            frequencies_P, start = self._slowed(rope, "long", self.long), self.start
        elif self.short:
            frequencies_P, start = self._slowed(rope, "short", self.short), 0
        else:
            return rope.rotation
        temperature = math.sqrt(1 + math.log(self.factor) / math.log(rope.window))
        kept_P = plain(rope) if start else None
        return Rotation(frequencies_P, temperature, rope.rotation.layout, start=start, start_frequencies_P=kept_P)

    def _slowed(self, rope: Rope, field: str, slowings: tuple[float, ...]) -> Tensor:
        pairs = rope.dim // 2
        if len(slowings) != pairs:
            raise InputError(
                f"LongRoPE: {field} holds {len(slowings)} factors, the model turns {pairs} pairs of channels:"
                " give one for each, joined by |"
            )
        return plain(rope) / torch.tensor(slowings)
