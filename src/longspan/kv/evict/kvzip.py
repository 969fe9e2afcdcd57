"""What the text itself asks for when it is read again."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, KV, Layer, Look, NotRewindable, Rehearsal
from longspan.kv.recent import LookBack
from longspan.kv.score import Judge
from longspan.kv.state import State
from longspan.kv.tally import Tally

QUERIES = 64
"""Queries whose weights are held at a time."""


class _Recalled(Judge):
    """The greatest attention that each stored token received while the text was read again."""

    def __init__(self, policy: KVzip) -> None:
        self._policy = policy
        self._tally = Tally()
        self._read_B: Tensor | None = None
        """How much of each row's text was read again."""

    def learn(self, kv: KV, look: Look) -> None:
        """Take the greatest weight that any of these queries, which read the text on, gives the tokens they read."""
        running_BT = look.q_BT != EMPTY
        read_B = torch.zeros_like(look.q_BT[:, 0]) if self._read_B is None else self._read_B
        most_BGS, self._read_B = self._tally.at(kv.pos_BGS), read_B.clone()
        for row, (read, count) in enumerate(zip(read_B.tolist(), running_BT.sum(1).tolist(), strict=True)):
            if count:
                at, own = slice(row, row + 1), slice(look.q_BT.shape[1] - count, None)
                first = read - min(self._policy.lead, read)
                self._read_B[row] = first + count
                part = KV(kv.k_BGSD[at], kv.v_BGSD[at], kv.pos_BGS[at])
                one = LookBack(look, look.q_BHTD[at, :, own], look.q_BT[at, own])
                most_BGS[at] = self._most(part, one, first, first + count, most_BGS[at])
        self._tally.put(kv.pos_BGS, most_BGS)

    def _most(self, kv: KV, look: LookBack, first: int, end: int, most_1GS: Tensor) -> Tensor:
        """The weights [1, G, S] with those of the tokens at `first` to before `end` raised to what the queries give."""
        pos_1GS, now = kv.pos_BGS, int(look.q_BT[0, 0])
        judged_1GS = (first <= pos_1GS) & (pos_1GS < end)
        seen_1GS = judged_1GS | (pos_1GS >= now) | ((pos_1GS >= 0) & (pos_1GS < self._policy.sinks))
        slots = seen_1GS[0].any(0).nonzero()[:, 0]
        part = KV(kv.k_BGSD[:, :, slots], kv.v_BGSD[:, :, slots], pos_1GS[:, :, slots])
        most_1GN = most_1GS[:, :, slots]
        for start in range(0, look.q_BT.shape[1], QUERIES):
            block = slice(start, start + QUERIES)
            logits_1HTN = look.logits(look.q_BHTD[:, :, block], look.q_BT[:, block], part)
            logits_1HTN -= logits_1HTN.logsumexp(-1, keepdim=True)
            most_1HN = logits_1HTN.amax(2).exp()
            most_1GN = most_1GN.maximum(most_1HN.reshape(*most_1GN.shape[:2], -1, len(slots)).amax(2))
        raised_1GS = most_1GS.clone()
        raised_1GS[:, :, slots] = most_1GN
        return torch.where(judged_1GS, raised_1GS, most_1GS)

    def ready(self, length_B: Tensor) -> bool:
        """Whether all but the last of so many tokens have been read again."""
        return self._read_B is not None and bool((self._read_B + 1 >= length_B).all())

    def score(self, kv: KV, look: Look) -> Tensor:
        """Score by these weights, the first tokens and those that were not read again above all."""
        read_BGS = torch.zeros_like(kv.pos_BGS) if self._read_B is None else self._read_B[:, None, None]
        always_BGS = (kv.pos_BGS < self._policy.sinks) | (kv.pos_BGS >= read_BGS)
        return self._tally.at(kv.pos_BGS).masked_fill(always_BGS, float("inf"))

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
        return {} if self._read_B is None else {"read": self._read_B, **self._tally.state()}

    def load(self, state: State) -> None:
        """Take them over."""
        if state:
            self._read_B = state["read"]
            self._tally.load(state)


@dataclass(frozen=True, slots=True)
class KVzip:
    """KVzip: keep the tokens that reading the text a second time attends to most, whatever will be asked. https://arxiv.org/abs/2505.23416
    Differs from the paper: the text is read again as it is, without an instruction to repeat it. As in its released
    code a weight is the share of the attention to the chunk, to the first tokens and to what is read again. Heads of
    all layers compete for one budget in the paper: add split=pooled for that.
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
        return _Recalled(self)
