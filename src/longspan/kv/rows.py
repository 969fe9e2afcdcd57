"""One memory per batch row, for stores that choose or squeeze row by row: rows are padded, and differ."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Generic, Protocol, TypeVar

from torch import Tensor

from longspan.core.types import EMPTY, KV, Look, NotRewindable
from longspan.kv.recent import LookBack
from longspan.kv.state import State, number, part_of, under


class AnyRow(Protocol):
    """The stored tokens of one layer and batch row, without padding; every call brings at least one."""

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        """Store the tokens of this call."""
        ...

    def observe(self, look: Look) -> None:
        """Learn from the call, of which only this row is shown: the place to squeeze what there is to squeeze."""
        ...

    def check(self, length: int) -> None:
        """Raise NotRewindable where forgetting tokens from position `length` on cannot be exact."""
        ...

    def truncate(self, length_1: Tensor) -> None:
        """Forget tokens from position `length_1` on; `check` has found that it can be exact."""
        ...

    def nbytes(self) -> int:
        """Bytes on the computing device."""
        ...

    def host_nbytes(self) -> int:
        """Bytes at rest in host memory."""
        return 0

    def state(self) -> dict[str, Tensor]:
        """All that another row of the same settings needs to go on from here; holds while this one reads on."""
        ...

    def load(self, state: State) -> None:
        """Take it over, while empty."""
        ...


class Row(AnyRow, Protocol):
    """A row that chooses for its queries."""

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterable[KV]:
        """Disjoint parts that the queries attend to."""
        ...


class WholeRow(AnyRow, Protocol):
    """A row that gives back all it holds whatever the query."""

    def parts(self) -> Iterable[KV]:
        """All tokens in parts, the latest last."""
        ...


R = TypeVar("R", bound=AnyRow)


def gone(length: int) -> NotRewindable:
    """What a row raises that has squeezed what rolling back would need."""
    return NotRewindable(f"the exact tokens that rolling back to {length} needs are gone: read the text again")


class Rows(Generic[R]):
    """A layer's stored tokens, row by row, so that a batch stores what its rows would store alone."""

    def __init__(self, open_row: Callable[[], R]) -> None:
        self._open = open_row
        self._rows: list[R] = []
        self._new: list[int] = []

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store each row's tokens of this call without their padding."""
        B, T = pos_BT.shape
        self._rows = self._rows or [self._open() for _ in range(B)]
        self._new = [T] if B == 1 else (pos_BT != EMPTY).sum(1).tolist()
        for row, at, own in self._running(T):
            row.append(k_BGTD[at, :, own], v_BGTD[at, :, own], pos_BT[at, own])

    def observe(self, look: Look) -> None:
        """Let each row learn from its own queries."""
        for row, at, own in self._running(look.q_BT.shape[1]):
            row.observe(LookBack(look, look.q_BHTD[at, :, own], look.q_BT[at, own]))

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on in all rows, or in none and raise NotRewindable."""
        for row, length in zip(self._rows, length_B.tolist(), strict=True):
            row.check(length)
        for index, row in enumerate(self._rows):
            row.truncate(length_B[index : index + 1])

    def nbytes(self) -> int:
        """Bytes on the computing device."""
        return sum(row.nbytes() for row in self._rows)

    def host_nbytes(self) -> int:
        """Bytes at rest in host memory."""
        return sum(row.host_nbytes() for row in self._rows)

    def state(self) -> dict[str, Tensor]:
        """Each row's own."""
        state = {"rows": number(len(self._rows))}
        for index, row in enumerate(self._rows):
            state |= under(f"row.{index}", row.state())
        return state

    def load(self, state: State) -> None:
        """Take over each row's own."""
        self._rows = [self._open() for _ in range(int(state["rows"]))]
        self._new = [0] * len(self._rows)
        for index, row in enumerate(self._rows):
            row.load(part_of(state, f"row.{index}"))

    def _placed(self, index: int, parts: Iterable[KV]) -> Iterable[KV]:
        """A row's parts as those of the batch."""
        return parts if len(self._rows) == 1 else (replace(part, rows=(index, index + 1)) for part in parts)

    def _running(self, slots: int) -> Iterable[tuple[R, slice, slice]]:
        """Rows with tokens in this call, where they lie in the batch, and their slots behind the padding."""
        for index, (row, new) in enumerate(zip(self._rows, self._new, strict=True)):
            if new:
                yield row, slice(index, index + 1), slice(slots - new, None)


class RowStore(Rows[Row]):
    """Rows that choose."""

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return what each row with tokens in this call chooses for its queries."""
        for row, at, own in self._running(q_BT.shape[1]):
            yield from self._placed(at.start, row.read(q_BHTD[at, :, own], q_BT[at, own]))


class WholeRows(Rows[WholeRow]):
    """Rows that give back everything."""

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return all that every row holds."""
        for index, row in enumerate(self._rows):
            yield from self._placed(index, row.parts())
