"""What the text itself asks for when it is read again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, KV, Layer, Look, NotRewindable, Rehearsal
from longspan.kv.score import Judge
from longspan.kv.state import State
from longspan.kv.tally import Tally

QUERIES = 64
"""Queries whose weights are held at a time."""


class _Recalled(Judge):
    """The greatest attention that each stored token received while the text was read again."""

    def __init__(self, sinks: int) -> None:
        self._sinks = sinks
        self._tally = Tally()
        self._rehearsed_B: Tensor | None = None

    def learn(self, kv: KV, look: Look) -> None:
        """Take the greatest weight of these queries, of all that share a head, for the tokens before them."""
        most_BGS = self._tally.at(kv.pos_BGS)
        for start in range(0, look.q_BT.shape[1], QUERIES):
            block = slice(start, start + QUERIES)
            weights_BHTS = look.weights(look.q_BHTD[:, :, block], look.q_BT[:, block], kv)
            most_BGS = most_BGS.maximum(weights_BHTS.amax(2).reshape(*most_BGS.shape[:2], -1, len(kv)).amax(2))
        length_B = look.q_BT.amax(1) + 1 - (look.q_BT != EMPTY).sum(1)
        known_B = torch.zeros_like(length_B) if self._rehearsed_B is None else self._rehearsed_B
        self._rehearsed_B = known_B.maximum(length_B)
        self._tally.put(kv.pos_BGS, most_BGS.masked_fill(kv.pos_BGS >= self._rehearsed_B[:, None, None], 0.0))

    def ready(self, length_B: Tensor) -> bool:
        """Whether all but the last of so many tokens have been read again."""
        return self._rehearsed_B is not None and bool((self._rehearsed_B + 1 >= length_B).all())

    def score(self, kv: KV, look: Look) -> Tensor:
        """Score by these weights, the first tokens and the very last above all."""
        kept_BGS = (kv.pos_BGS < self._sinks) | (kv.pos_BGS == kv.pos_BGS[..., -1:])
        return self._tally.at(kv.pos_BGS).masked_fill(kept_BGS, float("inf"))

    def keep(self, pos_BGS: Tensor) -> None:
        """Forget the weights of other tokens."""
        self._tally.keep(pos_BGS)

    def truncate(self, length_B: Tensor) -> None:
        """Refuse: the weights of single queries are not kept."""
        raise NotRewindable(
            f"the text beyond {length_B.tolist()} was read again, and what it attended to cannot be taken back: "
            "read the text again"
        )

    def nbytes(self) -> int:
        """Bytes held."""
        return self._tally.nbytes()

    def state(self) -> dict[str, Tensor]:
        """The weights, and how much was read again."""
        return {} if self._rehearsed_B is None else {"rehearsed": self._rehearsed_B, **self._tally.state()}

    def load(self, state: State) -> None:
        """Take them over."""
        if state:
            self._rehearsed_B = state["rehearsed"]
            self._tally.load(state)


@dataclass(frozen=True, slots=True)
class KVzip:
    """KVzip: keep the tokens that reading the text a second time attends to most, whatever will be asked. https://arxiv.org/abs/2505.23416
    Differs from the paper: the text is read again as it is, without an instruction to repeat it; weights are shares of
    all that is stored, not of a chunk alone, so that rows of a batch are judged together; use split=adakv for heads of
    different budgets, which are shared out within a layer, not over all of them.
    """

    chunk: int = 2000
    """Tokens that are read again at a time (chunk size)."""
    lead: int = 8
    """Tokens before these that are read along, so that the model finds the place."""
    sinks: int = 4
    """Tokens at the start of the text that are always kept."""

    window = 0

    def __post_init__(self) -> None:
        if self.chunk < 1 or min(self.lead, self.sinks) < 0:
            raise InputError(
                f"chunk={self.chunk} must be at least 1 token, lead={self.lead} and sinks={self.sinks} at least 0"
            )

    @property
    def always(self) -> int:
        """The first tokens and the very last."""
        return self.sinks + 1

    @property
    def rehearsal(self) -> Rehearsal:
        """How the text is read again."""
        return Rehearsal(self.chunk, self.lead)

    def judge(self, layer: Layer) -> _Recalled:
        """Open what remembers these weights."""
        return _Recalled(self.sinks)
