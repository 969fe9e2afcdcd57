"""A tensor that grows along its first axis."""

from __future__ import annotations

import torch
from torch import Tensor

ROOM = 32
"""Entries allocated ahead at least."""


class Grown:
    """Entries in memory allocated ahead by a part (1 / `part`) of what is held."""

    def __init__(self, part: int = 8) -> None:
        self.length = 0
        self._part = part
        self._held = torch.empty(0)

    def __getitem__(self, cut: slice) -> Tensor:
        """A view of some entries."""
        return self._held[: self.length][cut]

    def append(self, x: Tensor) -> None:
        """Write entries behind those held."""
        end = self.length + len(x)
        if end > len(self._held):
            self._grow(x, end)
        self._held[self.length : end] = x
        self.length = end

    def drop(self, count: int) -> None:
        """Forget the first entries and give their memory back."""
        self._held = self._held[count : self.length].clone()
        self.length -= count

    def load(self, x: Tensor) -> None:
        """Take over entries, while empty."""
        if len(x):
            self.append(x)

    def truncate(self, length: int) -> None:
        """Forget entries from `length` on."""
        self.length = min(self.length, length)

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self._held.nbytes

    def _grow(self, x: Tensor, needed: int) -> None:
        room = max(ROOM, len(self._held) // self._part) if self.length else 0
        held = x.new_empty(max(needed, len(self._held) + room), *x.shape[1:])
        if self.length:
            held[: self.length] = self[:]
        self._held = held
