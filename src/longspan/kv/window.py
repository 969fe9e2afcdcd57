"""The store of a sliding-window layer: a model's own design, not a choice of method."""

from __future__ import annotations

from collections.abc import Iterable, Mapping

import torch
from torch import Tensor

from longspan.core.types import EMPTY, KV, Look, NotRewindable
from longspan.kv.buffer import Buffer
from longspan.kv.state import copied

SLACK = 512
"""Slots kept beyond the window, so that trimming is a rare event and not a per-token one."""
SPARE = 64
"""Slots of them that trimming leaves, so that as many tokens can be rolled back."""


class WindowStore:
    """The last `window` tokens that a query of a sliding layer may see, itself included."""

    def __init__(self, window: int) -> None:
        self.window = window
        self._buffer = Buffer()
        self._new = 0
        self._dropped = 0
        self._holes = False
        self._pads = 0

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store the tokens of this call, forgetting those out of every later query's sight."""
        surplus = self._buffer.length - (self.window - 1) - self._pads
        if surplus > SLACK:
            self._buffer.drop(surplus - SPARE)
            self._dropped += surplus - SPARE
        if pos_BT.shape[0] > 1:
            pads = int((pos_BT == EMPTY).sum(1).max())
            self._pads, self._holes = self._pads + pads, self._holes or pads > 0
        self._buffer.append(k_BGTD, v_BGTD, pos_BT)
        self._new = k_BGTD.shape[2]

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return what any of the queries may see; a single query of rows without padding sees all of it."""
        reach = self.window if self._new > 1 or self._holes else 0
        slots = self.window - 1 + self._new + self._pads
        return [KV(*self._buffer.tail(slots), new=self._new, reach=reach, holes=self._holes)]

    def observe(self, look: Look) -> None:
        """Nothing to learn."""

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on, if the window before it is still here."""
        self._buffer.truncate(length_B)
        if self._dropped and self._buffer.length < self.window - 1 + self._pads:
            raise NotRewindable(f"the sliding window of {self.window} tokens to roll back to is gone")

    def copy(self) -> WindowStore:
        """Another store that goes on from here."""
        other = WindowStore(self.window)
        other.load(self.state())
        return other

    def nbytes(self) -> int:
        """Bytes held."""
        return self._buffer.nbytes()

    def state(self) -> dict[str, Tensor]:
        """Copies, for slots move when some are dropped, of what a later query may see."""
        return copied(self._buffer.state(min(self._buffer.length, self.window - 1 + self._pads)))

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over slots; a row whose first position is not 0 has tokens that were dropped."""
        self.append(state["k"], state["v"], state["pos"])
        self._new = 0
        pos_BS = state["pos"]
        seen_BS = pos_BS.masked_fill(pos_BS == EMPTY, torch.iinfo(pos_BS.dtype).max)
        self._dropped = int(seen_BS.amin(1).max()) if pos_BS.shape[1] else 0
