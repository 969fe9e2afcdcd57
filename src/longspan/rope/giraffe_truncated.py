"""Channels that never turn around within the window, hardly turned or not at all."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace

import torch

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor


@dataclass(frozen=True, slots=True)
class GiraffeTruncated:
    """Giraffe truncated: the truncated basis, slow frequencies become one small frequency and the slowest none. https://arxiv.org/abs/2308.10882

    Differs from the paper: nothing is trained here; the cuts, absolute there, are given relative to the window.
    """

    turns: float = 1.0
    """Channels that turn at least so often within the window are kept (b, over the window)."""
    still: float = 8.0
    """Channels that are more than this many times slower than that do not turn at all (b / a)."""
    crawl: float = 16.0
    """The channels between turn this many times slower than the slowest that is kept (b / rho)."""
    factor: float = 1.0
    """Linear scaling before it, as in PI."""

    def __post_init__(self) -> None:
        check_factor("GiraffeTruncated", self.factor)
        if not (self.turns > 0 and self.still >= 1 and self.crawl >= 1):
            raise InputError(
                f"GiraffeTruncated: turns={self.turns} must be above 0,"
                f" still={self.still} and crawl={self.crawl} at least 1"
            )

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the frequencies, for any length."""
        cut = 2 * math.pi * self.turns / rope.window
        scaled_P = rope.rotation.frequencies_P / self.factor
        slow_P = torch.where(scaled_P < cut / self.still, 0.0, cut / self.crawl)
        return replace(rope.rotation, frequencies_P=torch.where(scaled_P < cut, slow_P, scaled_P))
