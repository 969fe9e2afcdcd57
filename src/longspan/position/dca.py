"""Keys count anew in every chunk, and queries look from one chunk away at most."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Band


@dataclass(frozen=True, slots=True)
class DCA:
    """Dual chunk attention: distances within a chunk, to the one before and to all older ones each stay trained. https://arxiv.org/abs/2402.17463"""

    chunk: int
    """The greatest distance, in tokens, that the model sees (c - 1 in the paper, where c is the trained window); the
    authors' code takes three quarters of the trained window.
    """
    local: int
    """Tokens before the query that keep their own distance where a chunk begins (w), an eighth of the trained window in
    the authors' code; a chunk holds `chunk - local` tokens (s).
    """
    temperature: float = 1.0
    """Multiplies cosine and sine; the authors' code, not the paper, has 1 + 0.1 ln(text length / trained window)."""
    fixed = True

    def __post_init__(self) -> None:
        if not 0 < self.local < self.chunk:
            raise InputError(f"DCA: local={self.local} must be at least 1 and less than chunk={self.chunk}")

    def bands(self, q_BGT: Tensor, k_BGS: Tensor) -> Sequence[Band]:
        """Leave keys where they are and set each chunk's own queries, the next chunk's and all later ones before it."""
        size, last = self.chunk - self.local, int(q_BGT.max())
        if last < size:
            return [Band(q_BGT, k_BGS, temperature=self.temperature)]
        place_BGT = q_BGT % size
        next_BGT, later = (place_BGT + size).clamp_max(self.chunk), min(2 * size - 1, self.chunk)
        bands = []
        for start in range(0, last + 1, size):
            behind_BGT = q_BGT // size - start // size
            seen_BGT = torch.where(behind_BGT == 1, next_BGT, later)
            seen_BGT = torch.where(behind_BGT == 0, place_BGT, seen_BGT)
            first_BGT = torch.full_like(q_BGT, start)
            bands.append(Band(start + seen_BGT, k_BGS, first_BGT, first_BGT + size, self.temperature))
        return bands
