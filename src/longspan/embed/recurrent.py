"""The learned positions over and over."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Recurrent:
    """Recurrent positions: the learned positions again from the first when they are used up. https://arxiv.org/abs/2404.12096
    Differs from the paper: the released code also scales queries by the logarithm of the length.
    """

    length: int = 4096
    """Tokens that are read at once (L_t)."""

    def __post_init__(self) -> None:
        if self.length < 8:
            raise InputError(f"Recurrent: length={self.length} tokens must be at least 8")

    def reach(self, rows: int) -> int:
        """Return the tokens that are read at once."""
        return self.length

    def places(self, length: int, rows: int) -> Tensor:
        """Count from the first row again after the last."""
        return torch.arange(length) % rows
