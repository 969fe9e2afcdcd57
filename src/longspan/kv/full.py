"""Keep everything."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from torch import Tensor

from longspan.core.types import EMPTY, KV, Layer, Look
from longspan.kv.buffer import FIRST, Buffer


class FullStore:
    """All tokens of a layer in the order they arrived."""

    def __init__(self, first: int = FIRST, part: int = 2) -> None:
        self._buffer = Buffer(first, part)
        self._holes = False
        self._new = 0

    def hold(self, k_BGSD: Tensor, v_BGSD: Tensor, pos_BS: Tensor) -> None:
        """Take over tokens as they are, in their own memory."""
        self._buffer.hold(k_BGSD, v_BGSD, pos_BS)

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store the tokens of this call."""
        if pos_BT.shape[0] > 1:
            self._holes = self._holes or bool((pos_BT == EMPTY).any())
        self._buffer.append(k_BGTD, v_BGTD, pos_BT)
        self._new = k_BGTD.shape[2]

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return everything as one part."""
        return [KV(*self._buffer.tail(self._buffer.length), new=self._new, holes=self._holes)]

    def observe(self, look: Look) -> None:
        """Nothing to learn."""

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on."""
        self._buffer.truncate(length_B)

    def nbytes(self) -> int:
        """Bytes held."""
        return self._buffer.nbytes()

    def state(self) -> dict[str, Tensor]:
        """Views of all slots."""
        return self._buffer.state()

    def load(self, state: Mapping[str, Tensor]) -> None:
        """Take over slots."""
        self.append(state["k"], state["v"], state["pos"])
        self._new = 0


@dataclass(frozen=True, slots=True)
class Full:
    """Full: every token is kept. https://arxiv.org/abs/1706.03762"""

    raw_keys = False
    whole = True

    def open(self, layer: Layer) -> FullStore:
        """Open an empty store, with room for the whole request where its length is known."""
        return FullStore(max(FIRST, layer.expected))
