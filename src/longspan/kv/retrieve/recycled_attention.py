"""Attention patterns used again."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Literal

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Layer, Look, NotRewindable
from longspan.kv.buffer import FIRST, Buffer
from longspan.kv.retrieve.picked import attended, grouped, taken
from longspan.kv.rows import Row, RowStore
from longspan.kv.state import State, number, part_of, under

REMEMBERED = 2
"""Latest full steps whose ranking is kept, besides those at the end of a prompt, so that they can be rolled back."""


@dataclass(frozen=True, slots=True)
class RecycledAttention:
    """Recycled Attention: a full step now and then, and between them only what it attended to most. https://arxiv.org/abs/2411.05787
    Differs from the paper: query heads that share a key/value head rank its tokens together, by the mean of their
    attention; a call of several tokens is a full step. The model is not trained further.

    The paper's second version calls it RefreshKV.
    """

    budget: int = 2048
    """Tokens that a step between full ones reads in each key/value head, tokens since then included (K)."""
    schedule: Literal["fixed", "similar"] = "fixed"
    """Full steps at fixed distances, or when the query no longer resembles that of the last full step."""
    stride: int = 50
    """Steps from one full step to the next in the fixed schedule (S)."""
    check: int = 5
    """Steps from one comparison of queries to the next in the other (QC stride)."""
    similarity: float = 0.8
    """Cosine between the layer's queries below which a step is full (s)."""
    raw_keys = False

    def __post_init__(self) -> None:
        if min(self.budget, self.stride, self.check) < 1:
            raise InputError(
                f"budget={self.budget} tokens, stride={self.stride} and check={self.check} steps must be at least 1"
            )
        if self.schedule not in ("fixed", "similar"):
            raise InputError(f"schedule is {self.schedule!r}; give fixed or similar")

    def open(self, layer: Layer) -> RowStore:
        """Open an empty store."""
        return RowStore(lambda: _Recycling(self, layer))


@dataclass(slots=True)
class _Full:
    """A full step."""

    position: int
    asked: bool
    """It ended a prompt."""
    ranked_GK: Tensor | None
    q_1HTD: Tensor

    def state(self) -> dict[str, Tensor]:
        ranked = {} if self.ranked_GK is None else {"ranked": self.ranked_GK}
        return {"position": number(self.position), "asked": number(self.asked), "q": self.q_1HTD, **ranked}

    @classmethod
    def of(cls, state: State) -> _Full:
        return cls(int(state["position"]), bool(state["asked"]), state.get("ranked"), state["q"])


class _Recycling(Row):
    def __init__(self, policy: RecycledAttention, layer: Layer) -> None:
        self._policy = policy
        self._layer = layer
        self._buffer = Buffer(max(FIRST, layer.expected))
        self._steps: list[_Full] = []
        self._new = 0
        self._decoding = False

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        self._buffer.append(k_1GTD, v_1GTD, pos_1T)
        self._new = k_1GTD.shape[2]

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterator[KV]:
        ranked_GK = self._recycled(q_1HTD, q_1T)
        if ranked_GK is None:
            yield KV(*self._buffer.tail(self._buffer.length), new=self._new)
            return
        end = self._buffer.length
        recent = min(end - 1 - self._steps[-1].position, self._policy.budget)
        older_GK = ranked_GK[:, : self._policy.budget - recent].sort(1).values.long()
        since_S = torch.arange(end - recent, end, device=older_GK.device)
        yield KV(*taken(self._buffer, torch.cat([older_GK, since_S.expand(len(older_GK), -1)], 1)), new=1)

    def _recycled(self, q_1HTD: Tensor, q_1T: Tensor) -> Tensor | None:
        """The ranking that this call uses again; None: it reads everything."""
        policy, steps = self._policy, self._steps
        if not self._decoding or self._new > 1 or not steps or self._buffer.length <= policy.budget:
            return None
        since = self._buffer.length - 1 - steps[-1].position
        if policy.schedule == "fixed":
            return steps[-1].ranked_GK if since < policy.stride else None
        if since % policy.check:
            return steps[-1].ranked_GK
        now = attended(q_1HTD, q_1T, self._layer).float().flatten()
        alike = float(F.cosine_similarity(now, steps[-1].q_1HTD.float().flatten(), dim=0))
        return steps[-1].ranked_GK if alike >= policy.similarity else None

    def observe(self, look: Look) -> None:
        full = look.moment != "chunk" and self._recycled(look.q_BHTD, look.q_BT) is None
        asked = look.moment == "prompt_end"
        if full and self._buffer.length >= self._policy.budget:
            self._rank(look, asked=asked)
        self._decoding = look.moment != "chunk"

    def _rank(self, look: Look, *, asked: bool) -> None:
        q_1HTD, q_1T = look.q_BHTD[:, :, -1:], look.q_BT[:, -1:]
        weights_1HTS = look.weights(q_1HTD, q_1T, KV(*self._buffer.tail(self._buffer.length)))
        share_GS = grouped(weights_1HTS, self._layer.num_kv_heads)[:, :, 0].mean(1)
        ranked_GK = share_GS.topk(self._policy.budget).indices.int()
        q_now = attended(q_1HTD, q_1T, self._layer).clone()
        self._steps.append(_Full(self._buffer.length - 1, asked, ranked_GK, q_now))
        for step in self._steps[:-REMEMBERED]:
            step.ranked_GK = step.ranked_GK if step.asked else None

    def check(self, length: int) -> None:
        left = self._before(length)
        if left and left[-1].ranked_GK is None:
            raise NotRewindable(
                f"Recycled Attention has forgotten what the full step at position {left[-1].position} attended to: "
                f"it cannot go back to {length} tokens"
            )

    def truncate(self, length_1: Tensor) -> None:
        self._steps = self._before(int(length_1))
        self._buffer.truncate(length_1)

    def _before(self, length: int) -> list[_Full]:
        return [step for step in self._steps if step.position < length]

    def nbytes(self) -> int:
        held = (x for step in self._steps for x in (step.ranked_GK, step.q_1HTD) if x is not None)
        return self._buffer.nbytes() + sum(x.nbytes for x in held)

    def state(self) -> dict[str, Tensor]:
        state = {"decoding": number(self._decoding), **under("tokens", self._buffer.state())}
        for index, step in enumerate(self._steps):
            state |= under(f"step.{index}", step.state())
        return state

    def load(self, state: State) -> None:
        self._decoding = bool(state["decoding"])
        self._buffer.load(part_of(state, "tokens"))
        while step := part_of(state, f"step.{len(self._steps)}"):
            self._steps.append(_Full.of(step))
