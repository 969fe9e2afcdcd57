"""The queries of the last tokens, for methods that judge stored tokens by them."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.types import EMPTY, KV, Look, Moment, NotRewindable
from longspan.kv.state import State


class Recent:
    """The last `needed` queries of every row, and `spare` more so that some can be rolled back."""

    def __init__(self, needed: int, spare: int) -> None:
        self._needed = needed
        self._kept = needed + spare
        self.clear()

    def clear(self) -> None:
        """Forget all."""
        self._queries: list[tuple[Tensor, Tensor]] = []
        self._slots = 0
        self._seen_B: Tensor | int = 0

    def append(self, q_BHTD: Tensor, q_BT: Tensor) -> None:
        """Remember the queries of a call."""
        self._queries.append((q_BHTD[:, :, -self._kept :].clone(), q_BT[:, -self._kept :]))
        self._slots += self._queries[-1][1].shape[1]
        self._seen_B = self._seen_B + (q_BT != EMPTY).sum(1)
        if self._slots > 2 * self._kept:
            self._settle()

    def read(self) -> tuple[Tensor, Tensor]:
        """Return the last queries [B, H, T, D] and their positions [B, T], EMPTY in front where a row has fewer."""
        self._settle()
        q_BHTD, q_BT = self._queries[0]
        return q_BHTD[:, :, -self._needed :], q_BT[:, -self._needed :]

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on; raises NotRewindable when older queries were forgotten already."""
        if not self._queries:
            return
        self._settle()
        q_BHTD, q_BT = self._queries[0]
        undone = q_BT >= length_B[:, None]
        self._queries = [(q_BHTD, q_BT.masked_fill(undone, EMPTY))]
        self._seen_B = self._seen_B - undone.sum(1)
        left_B = ((q_BT != EMPTY) & ~undone).sum(1)
        if bool(((left_B < self._needed) & (left_B < self._seen_B)).any()):
            raise NotRewindable(f"the {self._needed} queries before the text to roll back to are gone")

    def nbytes(self) -> int:
        """Bytes held."""
        return sum(q_BHTD.nbytes + q_BT.nbytes for q_BHTD, q_BT in self._queries)

    def state(self) -> dict[str, Tensor]:
        """Queries, their positions, and how many each row had; nothing where there are none."""
        if not self._queries:
            return {}
        self._settle()
        q_BHTD, q_BT = self._queries[0]
        return {"q": q_BHTD, "pos": q_BT, "seen": torch.as_tensor(self._seen_B)}

    def load(self, state: State) -> None:
        """Take them over."""
        if state:
            self._queries = [(state["q"], state["pos"])]
            self._slots, self._seen_B = state["pos"].shape[1], state["seen"]

    def _settle(self) -> None:
        """Put every row's last queries at the end of one run."""
        q_BHTD = torch.cat([q for q, _ in self._queries], 2)
        q_BT = torch.cat([pos for _, pos in self._queries], 1)
        order_BT = (q_BT != EMPTY).byte().argsort(dim=1, stable=True)[:, -self._kept :]
        index = order_BT[:, None, :, None].expand(-1, q_BHTD.shape[1], -1, q_BHTD.shape[3])
        self._queries = [(q_BHTD.gather(2, index), q_BT.gather(1, order_BT))]
        self._slots = order_BT.shape[1]


@dataclass(frozen=True, slots=True)
class LookBack:
    """A look at a call with the last queries in place of the call's own."""

    look: Look
    q_BHTD: Tensor
    q_BT: Tensor

    @property
    def moment(self) -> Moment:
        """What the call was."""
        return self.look.moment

    def weights(self, q_BHTD: Tensor, q_BT: Tensor, *parts: KV) -> Tensor:
        """Attention weights [B, H, T, S] of queries over stored tokens."""
        return self.look.weights(q_BHTD, q_BT, *parts)

    def logits(self, q_BHTD: Tensor, q_BT: Tensor, *parts: KV) -> Tensor:
        """What the softmax of these is taken of."""
        return self.look.logits(q_BHTD, q_BT, *parts)
