"""What retrieval is made of: one memory per batch row, because rows are padded, and choose, differently."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Protocol

import torch
from torch import Tensor

from longspan.core.rotate import rotate
from longspan.core.types import EMPTY, KV, Layer, Look
from longspan.kv.buffer import Buffer, grown
from longspan.kv.recent import LookBack


class Row(Protocol):
    """The stored tokens of one layer and batch row, without padding; every call brings at least one."""

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        """Store the tokens of this call."""
        ...

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterable[KV]:
        """Disjoint parts that the queries attend to."""
        ...

    def observe(self, look: Look) -> None:
        """Learn from the call, of which only this row is shown."""
        ...

    def truncate(self, length_1: Tensor) -> None:
        """Forget tokens from position `length_1` on."""
        ...

    def nbytes(self) -> int:
        """Bytes on the computing device."""
        ...

    def host_nbytes(self) -> int:
        """Bytes at rest in host memory."""
        return 0


class RowStore:
    """A layer's stored tokens, row by row."""

    def __init__(self, open_row: Callable[[], Row]) -> None:
        self._open = open_row
        self._rows: list[Row] = []
        self._new: list[int] = []

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store the tokens of this call."""
        B, T = pos_BT.shape
        self._rows = self._rows or [self._open() for _ in range(B)]
        self._new = [T] if B == 1 else (pos_BT != EMPTY).sum(1).tolist()
        for row, at, own in self._running(T):
            row.append(k_BGTD[at, :, own], v_BGTD[at, :, own], pos_BT[at, own])

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return what each row chooses for its queries."""
        for row, at, own in self._running(q_BT.shape[1]):
            parts = row.read(q_BHTD[at, :, own], q_BT[at, own])
            yield from parts if len(self._rows) == 1 else (replace(p, rows=(at.start, at.stop)) for p in parts)

    def observe(self, look: Look) -> None:
        """Let each row learn from its own queries."""
        for row, at, own in self._running(look.q_BT.shape[1]):
            row.observe(LookBack(look, look.q_BHTD[at, :, own], look.q_BT[at, own]))

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on; raises NotRewindable where a row cannot."""
        for index, row in enumerate(self._rows):
            row.truncate(length_B[index : index + 1])

    def nbytes(self) -> int:
        """Bytes on the computing device."""
        return sum(row.nbytes() for row in self._rows)

    def host_nbytes(self) -> int:
        """Bytes at rest in host memory."""
        return sum(row.host_nbytes() for row in self._rows)

    def _running(self, slots: int) -> Iterable[tuple[Row, slice, slice]]:
        """Rows with tokens in this call, where they lie in the batch, and their slots behind the padding."""
        for index, (row, new) in enumerate(zip(self._rows, self._new, strict=True)):
            if new:
                yield row, slice(index, index + 1), slice(slots - new, None)


class Grown:
    """A tensor that grows along its second axis: no copy per entry."""

    def __init__(self) -> None:
        self.length = 0
        self._data = torch.empty(0, 0)

    def write(self, start: int, x_GN: Tensor) -> None:
        """Put entries [G, N, ...] at `start`, forgetting what lay there and behind."""
        self.length = start + x_GN.shape[1]
        if self.length > self._data.shape[1]:
            data = x_GN.new_empty(x_GN.shape[0], grown(self._data.shape[1], self.length, 64), *x_GN.shape[2:])
            if start:
                data[:, :start] = self._data[:, :start]
            self._data = data
        self._data[:, start : self.length] = x_GN

    def read(self) -> Tensor:
        """All entries."""
        return self._data[:, : self.length]

    def nbytes(self) -> int:
        """Bytes allocated."""
        return self._data.nbytes


def attended(x_1GTD: Tensor, pos_1T: Tensor, layer: Layer) -> Tensor:
    """Queries or keys as attention at their true distances sees them, where they are held as projected."""
    return x_1GTD if layer.rotated else rotate(x_1GTD, pos_1T[:, None], layer.rotation)


def grouped(x_1HTD: Tensor, kv_heads: int) -> Tensor:
    """Float32 queries [G, H/G, T, D] by the key/value head they share."""
    return x_1HTD[0].float().reshape(kv_heads, -1, *x_1HTD.shape[2:])


def taken(buffer: Buffer, index_GN: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Keys and values [1, G, N, D] and positions [1, G, N] of each head's own slots."""
    k_1GSD, v_1GSD, pos_1S = buffer.slots(0, buffer.length)
    return _picked(k_1GSD, index_GN), _picked(v_1GSD, index_GN), pos_1S[:, index_GN]


def _picked(x_1GSD: Tensor, index_GN: Tensor) -> Tensor:
    """Head by head, which copies whole vectors; one index over both axes takes six times as long on a CPU."""
    heads = zip(x_1GSD[0], index_GN, strict=True)
    return torch.stack([x_SD.index_select(0, index_N) for x_SD, index_N in heads])[None]


def marked(buffer: Buffer, keep_GS: Tensor) -> Iterable[KV]:
    """The marked ones of the first slots: one part where all heads have as many, else one per head that has any."""
    counts = keep_GS.sum(1).tolist()
    slots = torch.split(keep_GS.nonzero()[:, 1], counts)
    if len(set(counts)) == 1:
        return [KV(*taken(buffer, torch.stack(slots)))] if counts[0] else []
    k, v, pos = buffer.slots(0, buffer.length)
    each = ((g, g + 1, slots[g]) for g, count in enumerate(counts) if count)
    return [KV(k[:, g:end, own], v[:, g:end, own], pos[:, None, own], heads=(g, end)) for g, end, own in each]
