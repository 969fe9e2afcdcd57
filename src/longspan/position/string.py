"""Well-trained distances put over the farthest ones."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class STRING:
    """STRING: far tokens come nearer, so that the rarely trained greatest distances never occur. https://arxiv.org/abs/2410.18745

    Improves a text within the trained window; extends none.
    """

    offset: int
    """Distance in tokens from which on tokens come nearer (S); a third of the trained window is usual."""
    local: int = 128
    """Distance that a token `offset` away is seen at (W); 128 to 512."""
    temperature: float = 1.0
    """Multiplies cosine and sine; the authors' code has 1 + 0.1 ln 2 = 1.0693 whatever the length."""
    fixed = True

    def __post_init__(self) -> None:
        if not 0 < self.local <= self.offset:
            raise InputError(f"STRING: local={self.local} must be at least 1 and at most offset={self.offset}")

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Leave keys where they are and turn queries back for far ones."""
        near_BGT, nearer = q_BGT - self.offset + 1, q_BGT - self.offset + self.local
        far = Band(nearer, k_BGS, end_BGT=near_BGT, temperature=self.temperature)
        return [far, Band(q_BGT, k_BGS, near_BGT, temperature=self.temperature)]
