"""Positions between the learned ones."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Interpolated:
    """Interpolated positions: more positions fitted between the learned ones, by linear interpolation. https://arxiv.org/abs/2404.12096
    Differs from the paper: the last positions, for which there is no next row, take the last row; the released code
    also scales queries by the logarithm of the length.
    """

    length: int = 4096
    """Tokens that are read at once (L_t); positions of longer texts than the table has rows are divided by this over
    the rows, rounded up (s)."""

    def __post_init__(self) -> None:
        if self.length < 8:
            raise InputError(f"Interpolated: length={self.length} tokens must be at least 8")

    def reach(self, rows: int) -> int:
        """Return the tokens that are read at once."""
        return self.length

    def places(self, length: int, rows: int) -> Tensor:
        """Divide the positions of a text that is longer than the table."""
        factor = -(-self.length // rows) if length > rows else 1
        return (torch.arange(length) / factor).clamp_max(rows - 1)
