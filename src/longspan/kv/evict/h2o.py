"""What all queries so far attended to."""

from __future__ import annotations

from dataclasses import dataclass

import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Layer, Look, NotRewindable
from longspan.kv.score import ALL, Judge
from longspan.kv.state import State
from longspan.kv.tally import Tally

QUERIES = 16
"""Queries whose weights are held at a time."""


class _Attended(Judge):
    """The attention that each stored token received so far, summed over a group's queries."""

    def __init__(self, recent: int) -> None:
        self._recent = recent
        self._tally = Tally()

    def learn(self, kv: KV, look: Look) -> None:
        """Add the weights of queries."""
        sum_BGS = self._tally.at(kv.pos_BGS)
        for start in range(0, look.q_BT.shape[1], QUERIES):
            block = slice(start, start + QUERIES)
            weights_BHTS = look.weights(look.q_BHTD[:, :, block], look.q_BT[:, block], kv)
            sum_BGS += weights_BHTS.sum(2).reshape(*sum_BGS.shape[:2], -1, len(kv)).sum(2)
        self._tally.put(kv.pos_BGS, sum_BGS)

    def score(self, kv: KV, look: Look) -> Tensor:
        """Score by the sums, the recent tokens above all."""
        sum_BGS = self._tally.at(kv.pos_BGS)
        past = sum_BGS.shape[2] - self._recent
        return F.pad(sum_BGS[..., :past], (0, self._recent), value=float("inf"))

    def keep(self, pos_BGS: Tensor) -> None:
        """Forget the sums of other tokens."""
        self._tally.keep(pos_BGS)

    def truncate(self, length_B: Tensor) -> None:
        """Refuse: the weights of single queries are not kept."""
        raise NotRewindable(
            f"attention was summed up beyond {length_B.tolist()}, and later tokens cannot be taken out of the sums: "
            "read the text again"
        )

    def nbytes(self) -> int:
        """Bytes held."""
        return self._tally.nbytes()

    def state(self) -> dict[str, Tensor]:
        """The sums."""
        return self._tally.state()

    def load(self, state: State) -> None:
        """Take them over."""
        self._tally.load(state)


@dataclass(frozen=True, slots=True)
class H2O:
    """H2O: keep the tokens that received most attention from all others so far, and the recent. https://arxiv.org/abs/2306.14048
    Differs from the paper: query heads that share a key/value head choose together, by the sum of their weights; the
    weights are computed a second time, a few queries after another, so that they are never held together. The published
    method adds every=1: a token leaves for each that is decoded.
    """

    recent: int = 512
    """Last tokens that are always kept; the paper gives them half of the budget."""

    window = ALL

    def __post_init__(self) -> None:
        if self.recent < 0:
            raise InputError(f"recent is {self.recent} tokens; give 0 or more")

    @property
    def always(self) -> int:
        """The recent tokens."""
        return self.recent

    def judge(self, layer: Layer) -> _Attended:
        """Open empty sums."""
        return _Attended(self.recent)
