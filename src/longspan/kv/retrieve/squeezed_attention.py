"""Clusters of keys of a text that stays, judged by their means."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Layer, Look, NotRewindable
from longspan.kv.buffer import FIRST, Buffer
from longspan.kv.recent import Recent
from longspan.kv.retrieve.clusters import clustered, sums
from longspan.kv.retrieve.picked import attended, grouped, marked
from longspan.kv.rows import Row, RowStore
from longspan.kv.state import State, number, part_of, under

SPARE = 64
"""Queries kept beyond the observation window until the prompt ends, so that as many tokens can be rolled back."""


@dataclass(frozen=True, slots=True)
class SqueezedAttention:
    """Squeezed Attention: keys of the first prompt in clusters, and only clusters that matter are read. https://arxiv.org/abs/2411.09688
    Differs from the paper: one threshold per layer, not one for all; query heads that share a key/value head read the
    same clusters, by their mean score; all queries of a call choose together; the first prompt longer than the
    observation window is what stays.
    """

    clusters: float = 0.05
    """Clusters for each token of the prompt."""
    quantile: float = 0.9
    """Share of the prompt that the last queries of it would leave unread: sets the threshold (percentile)."""
    observation: int = 100
    """Last tokens of the prompt, whose queries set the threshold: not clustered, always read (observation window)."""
    coarse: float = 0.0
    """Clusters of clusters for each token of the prompt, judged first; 0: one level (the paper has 0.01 for two)."""
    coarse_quantile: float = 0.7
    """The same as `quantile` for clusters of clusters (percentile_lower)."""
    rounds: int = 300
    """Rounds of k-means at most."""
    raw_keys = False

    def __post_init__(self) -> None:
        if not 0 < self.clusters <= 1 or not 0 <= self.coarse < self.clusters:
            raise InputError(
                f"clusters={self.clusters} must be above 0 and at most 1, coarse={self.coarse} at least 0 and less"
            )
        if not (0 <= self.quantile <= 1 and 0 <= self.coarse_quantile <= 1):
            raise InputError(
                f"quantile={self.quantile} and coarse_quantile={self.coarse_quantile} are shares: give 0 to 1"
            )
        if min(self.observation, self.rounds) < 1:
            raise InputError(f"observation={self.observation} tokens and rounds={self.rounds} must be at least 1")

    def open(self, layer: Layer) -> RowStore:
        """Open an empty store."""
        return RowStore(lambda: _Squeezed(self, layer))


@dataclass(frozen=True, slots=True)
class _Level:
    """Clusters [G, C] of a level, and the cluster [G, N] that each of what it clusters is in."""

    means_GCD: Tensor
    tokens_GC: Tensor
    labels_GN: Tensor
    threshold: float

    def shares(self, q_GRTD: Tensor, tokens_GC: Tensor) -> Tensor:
        """The share [G, C] of attention that a token of a cluster may expect, as a mean over queries and heads.

        `tokens_GC` says how many tokens of each cluster are still in question.
        """
        scores_GRTC = q_GRTD @ self.means_GCD.mT[:, None] * q_GRTD.shape[-1] ** -0.5
        total_GRT1 = torch.logsumexp(scores_GRTC + tokens_GC.log()[:, None, None], -1, keepdim=True)
        share_GRTC: Tensor = (scores_GRTC - total_GRT1).exp()
        return share_GRTC.mean((1, 2))

    def state(self) -> dict[str, Tensor]:
        threshold = torch.tensor(self.threshold, dtype=torch.double)
        return {"means": self.means_GCD, "tokens": self.tokens_GC, "labels": self.labels_GN, "threshold": threshold}

    @classmethod
    def of(cls, state: State) -> _Level:
        return cls(state["means"], state["tokens"], state["labels"], float(state["threshold"]))


class _Squeezed(Row):
    def __init__(self, policy: SqueezedAttention, layer: Layer) -> None:
        self._policy = policy
        self._layer = layer
        self._buffer = Buffer(max(FIRST, layer.expected))
        self._recent = Recent(policy.observation, SPARE)
        self._levels: list[_Level] = []
        self._clustered = 0
        self._new = 0

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        self._buffer.append(k_1GTD, v_1GTD, pos_1T)
        self._new = k_1GTD.shape[2]

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterator[KV]:
        if self._levels:
            q_GRTD = grouped(attended(q_1HTD, q_1T, self._layer), self._layer.num_kv_heads)
            yield from marked(self._buffer, self._kept(q_GRTD))
        yield KV(*self._buffer.tail(self._buffer.length - self._clustered), new=self._new)

    def _kept(self, q_GRTD: Tensor) -> Tensor:
        """Mark [G, S] the clustered tokens that are read; what a level drops is no question for the next."""
        kept_GN = torch.ones_like(self._levels[0].tokens_GC, dtype=torch.bool)
        for level in self._levels:
            share_GC = level.shares(q_GRTD, level.tokens_GC * kept_GN)
            kept_GN = ((share_GC > level.threshold) & kept_GN).gather(1, level.labels_GN)
        return kept_GN

    def observe(self, look: Look) -> None:
        if self._levels:
            return
        self._recent.append(attended(look.q_BHTD, look.q_BT, self._layer), look.q_BT)
        if look.moment == "prompt_end" and self._buffer.length > self._policy.observation:
            self._clustered = self._buffer.length - self._policy.observation
            self._levels = self._clusters(grouped(self._recent.read()[0], self._layer.num_kv_heads))
            self._recent.clear()

    def _clusters(self, q_GRTD: Tensor) -> list[_Level]:
        policy = self._policy
        k_1GSD, _, pos_1S = self._buffer.slots(0, self._clustered)
        keys_GSD = attended(k_1GSD, pos_1S, self._layer)[0].float()
        means_GCD, labels_GS = self._means(keys_GSD, policy.clusters)
        tokens_GC = sums(keys_GSD, labels_GS, means_GCD.shape[1])[1]
        fine = _level(q_GRTD, means_GCD, tokens_GC, labels_GS, policy.quantile)
        if not policy.coarse:
            return [fine]
        means_GCD, of_clusters_GN = self._means(means_GCD, policy.coarse)
        tokens_GC = sums(tokens_GC[..., None], of_clusters_GN, means_GCD.shape[1])[0][..., 0]
        return [_level(q_GRTD, means_GCD, tokens_GC, of_clusters_GN, policy.coarse_quantile), fine]

    def _means(self, x_GSD: Tensor, share: float) -> tuple[Tensor, Tensor]:
        """Cluster by direction; a cluster's mean is that of the vectors themselves."""
        count = min(max(1, int(share * self._clustered)), x_GSD.shape[1])
        _, labels_GS = clustered(F.normalize(x_GSD, dim=-1), count, rounds=self._policy.rounds)
        sum_GCD, size_GC = sums(x_GSD, labels_GS, count)
        return sum_GCD / size_GC[..., None].clamp_min(1), labels_GS

    def check(self, length: int) -> None:
        observed = self._clustered + self._policy.observation
        if self._levels and length < observed:
            raise NotRewindable(
                f"Squeezed Attention clustered the prompt when {observed} tokens had been read: "
                f"it cannot go back to {length}"
            )

    def truncate(self, length_1: Tensor) -> None:
        self._recent.truncate(length_1)
        self._buffer.truncate(length_1)

    def nbytes(self) -> int:
        levels = [x for level in self._levels for x in (level.means_GCD, level.tokens_GC, level.labels_GN)]
        return self._buffer.nbytes() + self._recent.nbytes() + sum(x.nbytes for x in levels)

    def state(self) -> dict[str, Tensor]:
        state = {"clustered": number(self._clustered)}
        state |= under("tokens", self._buffer.state()) | under("recent", self._recent.state())
        for index, level in enumerate(self._levels):
            state |= under(f"level.{index}", level.state())
        return state

    def load(self, state: State) -> None:
        self._clustered = int(state["clustered"])
        self._buffer.load(part_of(state, "tokens"))
        self._recent.load(part_of(state, "recent"))
        while level := part_of(state, f"level.{len(self._levels)}"):
            self._levels.append(_Level.of(level))


def _level(q_GRTD: Tensor, means_GCD: Tensor, tokens_GC: Tensor, labels_GN: Tensor, quantile: float) -> _Level:
    """Set the threshold: the quantile, over tokens and heads, of the shares that the last queries give."""
    level = _Level(means_GCD, tokens_GC, labels_GN, 0.0)
    share_GC = level.shares(q_GRTD, tokens_GC)
    per_token = share_GC.flatten().repeat_interleave(tokens_GC.flatten().long()).sort().values
    at = quantile * (len(per_token) - 1)
    low, high = per_token[int(at)], per_token[min(int(at) + 1, len(per_token) - 1)]
    return _Level(means_GCD, tokens_GC, labels_GN, float(torch.lerp(low, high, at - int(at))))
