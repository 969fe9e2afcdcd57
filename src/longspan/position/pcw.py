"""Several windows side by side at the same positions."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class PCW:
    """Parallel context windows: windows that share positions and do not see each other, before a text that sees all. https://arxiv.org/abs/2212.10947
    also: Revisiting Parallel Context Windows https://arxiv.org/abs/2305.15262
    Differs from the paper: windows are of one length and follow each other in the text, wherever its sentences end.
    """

    window: int
    """Tokens of a window, the shared start included; with what follows at most the trained window (N)."""
    windows: int = 3
    """Windows the text begins with (B); 1 leaves positions as they are."""
    shared: int = 1
    """Tokens at the start of the text that every window begins with, such as a begin-of-text token."""
    fixed = True

    def __post_init__(self) -> None:
        if self.windows < 1 or not 0 <= self.shared < self.window:
            raise InputError(
                f"PCW: windows={self.windows} must be at least 1, shared={self.shared} at least 0 and less than "
                f"window={self.window}"
            )

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Leave keys where they are and set queries behind each window they see as if it were the only one."""
        own, last = self.window - self.shared, self.windows - 1
        home_BGT = ((q_BGT - self.shared) // own).clamp(0, self.windows)
        place_BGT = q_BGT - home_BGT.clamp_max(last) * own
        bands = [Band(place_BGT, k_BGS, end_BGT=torch.full_like(q_BGT, self.shared))]
        for index in range(last):
            first_BGT = torch.full_like(q_BGT, self.shared + index * own)
            sees_BGT = (home_BGT == index) | (home_BGT == self.windows)
            end_BGT = torch.where(sees_BGT, first_BGT + own, 0)
            bands.append(Band(place_BGT + index * own, k_BGS, first_BGT, end_BGT))
        return [*bands, Band(q_BGT, k_BGS, torch.full_like(q_BGT, self.shared + last * own))]
