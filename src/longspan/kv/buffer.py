"""Keys, values and positions in preallocated memory that grows by a share of itself: no copy per token."""

from __future__ import annotations

from torch import Tensor

from longspan.kv.state import State

FIRST = 256
"""Slots of the first allocation at least."""


def grown(allocated: int, needed: int, first: int = FIRST, part: int = 2) -> int:
    """Slots to allocate when `needed` no longer fit: more by one part of so many."""
    return max(first, needed, allocated + allocated // part)


def capacity(tokens: int, chunk: int, first: int = FIRST) -> int:
    """Slots allocated once `tokens` have arrived in chunks."""
    slots = 0
    for end in (*range(chunk, tokens, chunk), tokens):
        slots = slots if end <= slots else grown(slots, end, first)
    return slots


class Buffer:
    """A growing run of slots [B, G, S, D], `first` of them at least; positions are shared by the heads, [B, S]."""

    def __init__(self, first: int = FIRST, part: int = 2) -> None:
        self.length = 0
        self._first, self._part = first, part
        self._capacity = 0
        self._k: Tensor
        self._v: Tensor
        self._pos: Tensor

    def hold(self, k_BGSD: Tensor, v_BGSD: Tensor, pos_BS: Tensor) -> None:
        """Take these tokens over in place of those stored, in their own memory and without room for more."""
        self._k, self._v, self._pos = k_BGSD, v_BGSD, pos_BS
        self.length = self._capacity = k_BGSD.shape[2]

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Write tokens behind those stored."""
        end = self.length + k_BGTD.shape[2]
        if end > self._capacity:
            self._grow(k_BGTD, v_BGTD, pos_BT, end)
        self._k[:, :, self.length : end] = k_BGTD
        self._v[:, :, self.length : end] = v_BGTD
        self._pos[:, self.length : end] = pos_BT
        self.length = end

    def tail(self, slots: int) -> tuple[Tensor, Tensor, Tensor]:
        """Views of the last `slots` keys and values [B, G, S, D] and positions [B, G, S]."""
        cut = slice(max(0, self.length - slots), self.length)
        pos_BGS = self._pos[:, None, cut].expand(-1, self._k.shape[1], -1)
        return self._k[:, :, cut], self._v[:, :, cut], pos_BGS

    def slots(self, start: int, end: int) -> tuple[Tensor, Tensor, Tensor]:
        """Views of keys and values [B, G, S, D] and positions [B, S] of some slots."""
        return self._k[:, :, start:end], self._v[:, :, start:end], self._pos[:, start:end]

    def state(self, slots: int | None = None) -> dict[str, Tensor]:
        """Views of the last slots, or of all, by name: `k`, `v` and `pos` [B, S]; nothing where nothing is stored."""
        if not self.length:
            return {}
        first = 0 if slots is None else self.length - slots
        return dict(zip(("k", "v", "pos"), self.slots(first, self.length), strict=True))

    def load(self, state: State) -> None:
        """Take such slots over, while empty."""
        if state:
            self.append(state["k"], state["v"], state["pos"])

    def truncate(self, length_B: Tensor) -> None:
        """Forget every column that holds a token at its row's `length_B` or later."""
        self.length = self.left(length_B)

    def left(self, length_B: Tensor) -> int:
        """How many slots that would leave."""
        return int((self._pos[:, : self.length] < length_B[:, None]).all(0).sum())

    def drop(self, slots: int) -> None:
        """Forget the first `slots` tokens."""
        kept = self.length - slots
        for store in (self._k, self._v):
            store[:, :, :kept] = store[:, :, slots : self.length].clone()
        self._pos[:, :kept] = self._pos[:, slots : self.length].clone()
        self.length = kept

    def nbytes(self) -> int:
        """Bytes allocated, room to grow included."""
        return sum(x.nbytes for x in (self._k, self._v, self._pos)) if self._capacity else 0

    def _grow(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor, needed: int) -> None:
        self._capacity = grown(self._capacity, needed, self._first, self._part)
        k, v = (x.new_empty(*x.shape[:2], self._capacity, x.shape[3]) for x in (k_BGTD, v_BGTD))
        pos = pos_BT.new_empty(pos_BT.shape[0], self._capacity)
        if self.length:
            k[:, :, : self.length] = self._k[:, :, : self.length]
            v[:, :, : self.length] = self._v[:, :, : self.length]
            pos[:, : self.length] = self._pos[:, : self.length]
        self._k, self._v, self._pos = k, v, pos
