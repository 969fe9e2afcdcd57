"""Batch rows apart, for stores whose slots depend on how many tokens a row has, padding not counted."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

from torch import Tensor

from longspan.core.types import EMPTY, KV, Look, NotRewindable
from longspan.kv.state import State, number, part_of, under


class Memory(Protocol):
    """The stored tokens of one batch row: no slot is empty."""

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        """Store one token or more."""
        ...

    def read(self, new: int) -> Iterable[KV]:
        """All tokens in parts, the last `new` of them this call's own."""
        ...

    def settle(self) -> None:
        """Squeeze what there is to squeeze: the moment is one for it."""
        ...

    def rewinds(self, length: int) -> bool:
        """Whether forgetting positions from `length` on leaves what would be there had they never come."""
        ...

    def truncate(self, length: int) -> None:
        """Forget positions from `length` on."""
        ...

    def nbytes(self) -> int:
        """Bytes held."""
        ...

    def state(self) -> dict[str, Tensor]:
        """All that another memory of the same settings needs to go on from here."""
        ...

    def load(self, state: State) -> None:
        """Take it over, while empty."""
        ...


class Rows:
    """One memory per batch row, so that a batch stores what its rows would store alone."""

    def __init__(self, memory: Callable[[], Memory], *, chunks: bool) -> None:
        self._memory = memory
        self._chunks = chunks
        self._rows: list[Memory] = []
        self._new: list[int] = []

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store each row's tokens of this call without their padding."""
        rows, T = pos_BT.shape
        self._rows = self._rows or [self._memory() for _ in range(rows)]
        pads = (pos_BT == EMPTY).sum(1).tolist() if rows > 1 else [0]
        self._new = [T - pad for pad in pads]
        for row, (memory, pad) in enumerate(zip(self._rows, pads, strict=True)):
            if pad < T:
                own = slice(row, row + 1)
                memory.append(k_BGTD[own, :, pad:], v_BGTD[own, :, pad:], pos_BT[own, pad:])

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return the parts of every row."""
        for row, (memory, new) in enumerate(zip(self._rows, self._new, strict=True)):
            rows = (row, row + 1) if len(self._rows) > 1 else None
            for part in memory.read(new):
                yield replace(part, rows=rows)

    def observe(self, look: Look) -> None:
        """Let the rows settle at the end of a prompt and at every token, after chunks only where that is wanted."""
        if look.moment != "chunk" or self._chunks:
            for memory in self._rows:
                memory.settle()

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on in all rows, or in none and raise NotRewindable."""
        lengths = length_B.tolist()
        for memory, length in zip(self._rows, lengths, strict=True):
            if not memory.rewinds(length):
                raise NotRewindable(
                    f"the exact tokens that rolling back to {length} needs are gone: read the text again"
                )
        for memory, length in zip(self._rows, lengths, strict=True):
            memory.truncate(length)

    def nbytes(self) -> int:
        """Bytes held."""
        return sum(memory.nbytes() for memory in self._rows)

    def state(self) -> dict[str, Tensor]:
        """Each row's own."""
        state = {"rows": number(len(self._rows))}
        for row, memory in enumerate(self._rows):
            state |= under(f"row.{row}", memory.state())
        return state

    def load(self, state: State) -> None:
        """Take over each row's own."""
        self._rows = [self._memory() for _ in range(int(state["rows"]))]
        self._new = [0] * len(self._rows)
        for row, memory in enumerate(self._rows):
            memory.load(part_of(state, f"row.{row}"))
