"""The keys or the values of a text: packed, and exact at both ends."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Protocol

import torch
from torch import Tensor

from longspan.core.types import KV, Look
from longspan.kv.quant.grown import Grown
from longspan.kv.rows import WholeRow, gone
from longspan.kv.state import State, number, part_of, under

BLOCK = 2048
"""Tokens that are packed, or unpacked and attended to, at a time."""
SPARE = 32
"""Exact tokens kept beside their packed form, at most twice as many, so that this many can be rolled back exactly."""


class Packed(Protocol):
    """Tokens [S, G, D] in few bits."""

    def push(self, x_SGD: Tensor) -> None:
        """Pack tokens behind those stored."""
        ...

    def pull(self, start: int, end: int) -> Tensor:
        """Unpack tokens `start` to `end`."""
        ...

    def rewinds(self, length: int) -> bool:
        """Whether nothing of the first `length` tokens depends on later ones."""
        ...

    def truncate(self, length: int) -> None:
        """Forget tokens from `length` on."""
        ...

    def nbytes(self) -> int:
        """Bytes held."""
        ...

    def state(self) -> dict[str, Tensor]:
        """All that another one of the same settings needs to go on from here."""
        ...

    def load(self, state: State) -> None:
        """Take it over, while empty."""
        ...


class Column:
    """Tokens from `first` on packed up to where `ends` says for a text of so many tokens; nothing is packed twice."""

    def __init__(self, packed: Packed, ends: Callable[[int], int], *, first: int = 0) -> None:
        self.length = 0
        self._settled = first
        self._packed = packed
        self._ends = ends
        self._first = first
        self._start = first
        self._sinks = Grown()
        self._exact = Grown(part=2)

    @property
    def behind(self) -> int:
        """Tokens that lie before the exact ones, some of them packed; 0: nothing is packed."""
        return self._settled if self._settled > self._first else 0

    def append(self, x_TGD: Tensor) -> None:
        """Store tokens as they are."""
        sinks = max(0, min(self._first - self.length, len(x_TGD)))
        if sinks:
            self._sinks.append(x_TGD[:sinks])
        if sinks < len(x_TGD):
            self._exact.append(x_TGD[sinks:])
        self.length += len(x_TGD)

    def settle(self) -> None:
        """Pack what is due, and let go of the exact form of what no roll-back needs."""
        end = self._end(self.length)
        if end > self._settled:
            self._packed.push(self._exact[self._settled - self._start : end - self._start])
            self._settled = end
        surplus = self._end(self.length - SPARE) - self._start
        if surplus >= SPARE:
            self._exact.drop(surplus)
            self._start += surplus

    def read(self, start: int, end: int) -> Tensor:
        """Tokens `start` to `end`, [S, G, D]."""
        pieces = []
        if start < self._first:
            pieces.append(self._sinks[start:end])
        if (low := max(start, self._first)) < (high := min(end, self._settled)):
            pieces.append(self._packed.pull(low - self._first, high - self._first))
        if end > (low := max(start, self._settled)):
            pieces.append(self._exact[low - self._start : end - self._start])
        return pieces[0] if len(pieces) == 1 else torch.cat(pieces)

    def rewinds(self, length: int) -> bool:
        """Whether all that would be exact in a text of `length` tokens is at hand."""
        end = min(self._end(length), self._settled)
        return end >= self._start and self._packed.rewinds(end - self._first)

    def truncate(self, length: int) -> None:
        """Forget tokens from `length` on; `rewinds` must have said yes."""
        self._settled = min(self._end(length), self._settled)
        self._packed.truncate(self._settled - self._first)
        self._sinks.truncate(length)
        self._exact.truncate(max(0, length - self._start))
        self.length = length

    def nbytes(self) -> int:
        """Bytes held."""
        return self._sinks.nbytes() + self._packed.nbytes() + self._exact.nbytes()

    def state(self) -> dict[str, Tensor]:
        """What is packed, what is exact, and where each begins."""
        places = {"length": number(self.length), "settled": number(self._settled), "start": number(self._start)}
        return {**places, "sinks": self._sinks[:], "exact": self._exact[:], **under("packed", self._packed.state())}

    def load(self, state: State) -> None:
        """Take it over."""
        self.length, self._settled, self._start = (int(state[name]) for name in ("length", "settled", "start"))
        self._sinks.load(state["sinks"])
        self._exact.load(state["exact"])
        self._packed.load(part_of(state, "packed"))

    def _end(self, length: int) -> int:
        return max(self._first, self._ends(length))


class Columns(WholeRow):
    """The keys and values of one row, packed at the end of a prompt and at every token, after chunks where wanted."""

    def __init__(self, keys: Column, values: Column, *, chunks: bool) -> None:
        self._keys = keys
        self._values = values
        self._pos = Grown()
        self._chunks = chunks
        self._new = 0

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        """Store one token or more."""
        self._keys.append(k_1GTD[0].transpose(0, 1))
        self._values.append(v_1GTD[0].transpose(0, 1))
        self._pos.append(pos_1T[0].int())
        self._new = pos_1T.shape[1]

    def parts(self) -> Iterable[KV]:
        """Unpack block by block; the last part holds all that is exact."""
        low, length = min(self._keys.behind, self._values.behind), self._keys.length
        for start in range(0, low, BLOCK):
            yield self._part(start, min(start + BLOCK, low), 0)
        if low < length:
            yield self._part(low, length, min(self._new, length - low))

    def observe(self, look: Look) -> None:
        """Pack what is due."""
        if look.moment != "chunk" or self._chunks:
            self._keys.settle()
            self._values.settle()

    def check(self, length: int) -> None:
        """Raise NotRewindable where what is exact in a shorter text is no longer at hand."""
        tokens = self._before(length)
        if tokens < self._keys.length and not (self._keys.rewinds(tokens) and self._values.rewinds(tokens)):
            raise gone(length)

    def truncate(self, length_1: Tensor) -> None:
        """Forget positions from `length_1` on."""
        tokens = self._before(int(length_1))
        if tokens < self._keys.length:
            self._keys.truncate(tokens)
            self._values.truncate(tokens)
            self._pos.truncate(tokens)

    def nbytes(self) -> int:
        """Bytes held."""
        return self._keys.nbytes() + self._values.nbytes() + self._pos.nbytes()

    def state(self) -> dict[str, Tensor]:
        """Both columns, and where in the text their tokens came from."""
        return {"pos": self._pos[:], **under("keys", self._keys.state()), **under("values", self._values.state())}

    def load(self, state: State) -> None:
        """Take them over."""
        self._pos.load(state["pos"])
        self._keys.load(part_of(state, "keys"))
        self._values.load(part_of(state, "values"))

    def _before(self, length: int) -> int:
        return int((self._pos[:] < length).sum())

    def _part(self, start: int, end: int, new: int) -> KV:
        k, v = (column.read(start, end).transpose(0, 1)[None] for column in (self._keys, self._values))
        return KV(k, v, self._pos[start:end].long().expand(1, k.shape[1], -1), new)
