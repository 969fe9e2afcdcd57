"""Neighbours share a learned position."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Grouped:
    """Grouped positions: as many neighbouring tokens share a learned position as the text's length asks for. https://arxiv.org/abs/2404.12096
    Differs from the paper: groups follow the length of the text, not of the batch with its padding; the released code
    also scales queries by the logarithm of the length.
    """

    length: int = 4096
    """Tokens that are read at once (L_t)."""

    def __post_init__(self) -> None:
        if self.length < 8:
            raise InputError(f"Grouped: length={self.length} tokens must be at least 8")

    def reach(self, rows: int) -> int:
        """Return the tokens that are read at once."""
        return self.length

    def places(self, length: int, rows: int) -> Tensor:
        """Divide positions by the length over the rows, both rounded to whole numbers."""
        return torch.arange(length) // -(-length // rows)
