"""Give up stored tokens for good: a score says which, a split how many of each head, two fields when."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Protocol

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import EMPTY, KV, Layer, Look, Moment, NotRewindable
from longspan.kv.full import FullStore
from longspan.kv.recent import LookBack, Recent
from longspan.kv.run import Run, best, joined, runs
from longspan.kv.split.uniform import Uniform

SPARE = 64
"""Queries kept beyond a score's window while tokens are decoded, so that as many tokens can be rolled back."""


class Score(Protocol):
    """The worth of stored tokens."""

    @property
    def window(self) -> int:
        """How many of the last queries it wants to see; 0: none."""
        ...

    @property
    def always(self) -> int:
        """Tokens of a head that it always keeps."""
        ...

    def __call__(self, kv: KV, look: Look) -> Tensor:
        """Score [B, G, S]: higher is kept, infinity always.

        `kv` holds all that is stored by position, EMPTY slots in front (their score does not count), and more tokens
        than `always`; the queries of `look` are the last `window` of the prompt, however it was cut into chunks.
        """
        ...


class Split(Protocol):
    """How many tokens each head keeps."""

    def __call__(self, score_BGS: Tensor, budget: int, layer: Layer) -> Tensor:
        """Count [B, G], `budget` on average; more than a head has is all. EMPTY slots score minus infinity."""
        ...


class EvictionStore:
    """Tokens of a layer: all of them until there are too many, then the best."""

    def __init__(self, policy: Eviction, layer: Layer) -> None:
        self._policy = policy
        self._layer = layer
        self._stores: list[FullStore] | list[Run] = [FullStore()]
        self._recent = Recent(policy.score.window, SPARE if policy.every else 0)
        self._decoded = 0
        self._prompt_B = torch.zeros(1, dtype=torch.long, device=layer.device)
        self._evicted_B = self._prompt_B

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store the tokens of this call."""
        for store in self._stores:
            store.append(k_BGTD, v_BGTD, pos_BT)

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return one part, or one per row or head where they hold different numbers of tokens."""
        return [part for store in self._stores for part in store.read(q_BHTD, q_BT)]

    def observe(self, look: Look) -> None:
        """Evict where the moment is one for it."""
        decoding = look.moment == "token"
        if self._policy.score.window and (self._policy.every or not decoding):
            self._recent.append(look.q_BHTD, look.q_BT)
        before = self._decoded
        self._decoded = before + look.q_BT.shape[1] if decoding else 0
        if not decoding:
            self._prompt_B = look.q_BT.amax(1) + 1
        if self._due(look.moment, before):
            self._evict(look)
        if look.moment == "prompt_end" and not self._policy.every:
            self._recent.clear()

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on, unless tokens before it were evicted with knowledge of later ones."""
        if bool((length_B < self._evicted_B).any()):
            raise NotRewindable(
                f"tokens were evicted when {self._evicted_B.tolist()} had been read, so rolling back to "
                f"{length_B.tolist()} cannot be exact: read the text again"
            )
        self._recent.truncate(length_B)
        for store in self._stores:
            store.truncate(length_B)
        self._prompt_B = self._prompt_B.minimum(length_B)
        self._decoded = int((length_B - self._prompt_B)[0])

    def nbytes(self) -> int:
        """Bytes held, queries kept for the score included."""
        return sum(store.nbytes() for store in self._stores) + self._recent.nbytes()

    def _due(self, moment: Moment, decoded: int) -> bool:
        every = self._policy.every
        if moment == "token":
            return every > 0 and self._decoded // every > decoded // every
        return moment == "prompt_end" or self._policy.chunks

    def _evict(self, look: Look) -> None:
        policy = self._policy
        parts = list(self.read(look.q_BHTD, look.q_BT))
        if max(len(part) for part in parts) <= policy.budget:
            return
        kv = joined(parts, look.q_BHTD.shape[0], self._layer.num_kv_heads)
        looked = LookBack(look, *self._recent.read()) if policy.score.window else look
        score_BGS = policy.score(kv, looked).masked_fill(kv.pos_BGS == EMPTY, float("-inf"))
        stored_BG = (kv.pos_BGS != EMPTY).sum(-1)
        kept_BG = policy.split(score_BGS, policy.budget, self._layer).minimum(stored_BG)
        if torch.equal(kept_BG, stored_BG):
            return
        self._stores = runs(kv, best(score_BGS, kept_BG))
        self._evicted_B = kv.pos_BGS.amax((1, 2)) + 1


@dataclass(frozen=True, slots=True)
class Eviction:
    """Eviction: keep the tokens that a score likes best, within a budget that a split divides over the heads."""

    score: Score
    """Which tokens are worth keeping."""
    budget: int = 1024
    """Tokens kept per key/value head of a layer, on average; later tokens come on top until the next eviction."""
    split: Split = field(default_factory=Uniform)
    """How the heads share the budget."""
    chunks: bool = False
    """Evict after every chunk of a prompt too, not only at its end: memory stays bounded while it is read."""
    every: int = 0
    """Evict each time this many more tokens are decoded; 0: never while decoding."""

    raw_keys = False

    def __post_init__(self) -> None:
        if self.budget <= self.score.always:
            raise InputError(
                f"a budget of {self.budget} tokens leaves no choice: {type(self.score).__name__} always keeps "
                f"{self.score.always}; give more than that"
            )
        if self.every < 0:
            raise InputError(f"every is {self.every} tokens; give 0 (never while decoding) or more")

    def open(self, layer: Layer) -> EvictionStore:
        """Open an empty store."""
        return EvictionStore(self, layer)
