"""Slow channels slowed by more than the factor, from a critical one on."""

from __future__ import annotations

import math
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor, plain

STEP = 0.1
"""What the search's first guess adds from one slow pair to the next."""


@dataclass(frozen=True, slots=True)
class LongRoPE2:
    """LongRoPE2: slow channels, never fully trained, by searched factors above the wanted one, the others by NTK. https://arxiv.org/abs/2502.20082

    Differs from the paper: without searched factors the search's first guess is used (the factor, and a tenth more
    for each further pair); nothing is trained here. Requests within the window stay as trained.
    """

    factor: float
    """How many times the trained window the text may be long (s); sets the temperature."""
    searched: tuple[float, ...] = ()
    """What the critical pair and all slower ones are slowed by (lambda), the critical first; empty: the first guess."""
    critical_turns: float = 1.0
    """Without searched factors: pairs that turn less often than this within the window are critical or slower. The
    theory says 1, the search looks up to 10."""

    def __post_init__(self) -> None:
        check_factor("LongRoPE2", self.factor)
        if not all(slowing >= 1 for slowing in self.searched):
            raise InputError("LongRoPE2: searched holds what frequencies are divided by: numbers of at least 1")
        if not self.critical_turns > 0:
            raise InputError(f"LongRoPE2: critical_turns={self.critical_turns} must be above 0")

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the slowed frequencies; a scaling of the model's own is replaced, not added to.

        Raises InputError where more factors were searched than there are pairs of channels.
        """
        if length <= rope.window or self.factor == 1:
            return rope.rotation
        temperature = math.sqrt(1 + math.log(self.factor) / math.log(rope.window))
        return Rotation((plain(rope) / self._slowings(rope)).float(), temperature, rope.rotation.layout)

    def _slowings(self, rope: Rope) -> Tensor:
        """What each pair is slowed by: [P] in float64."""
        pairs = rope.dim // 2
        slow = self.searched or self._guess(rope)
        if len(slow) > pairs:
            raise InputError(f"LongRoPE2: {len(slow)} factors were searched, the model turns {pairs} pairs of channels")
        critical = pairs - len(slow)
        share_C = torch.arange(critical).double() / max(critical, 1)
        first = slow[0] if slow else self.factor
        return torch.cat([first**share_C, torch.tensor(slow).double()])

    def _guess(self, rope: Rope) -> tuple[float, ...]:
        turns_P = plain(rope) * rope.window / (2 * math.pi)
        return tuple(self.factor + STEP * index for index in range(int((turns_P < self.critical_turns).sum())))
