"""Chunks of tokens, chosen by every head for itself."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import KV, Layer, Look, NotRewindable
from longspan.kv.buffer import FIRST, Buffer
from longspan.kv.retrieve.picked import Grown, grouped, taken
from longspan.kv.rows import Row, RowStore
from longspan.kv.state import State, number, part_of, under


@dataclass(frozen=True, slots=True)
class LongHeads:
    """LongHeads: each head reads the chunks that suit it, so that no head sees more than the trained length. https://arxiv.org/abs/2402.10685
    Differs from the paper: the queries of a call choose together, by their mean, and so do the query heads that share
    a key/value head, by the sum of their scores; use positions=cache_relative for the paper's consecutive positions,
    and read a prompt in pieces shorter than the window. As in its released code, attention inside a chunk looks both
    ways and features are compared with queries before rotation. Chunks stay on the computing device.
    """

    window: int = 4096
    """Tokens that a query reads, at most the trained length; the first and last chunk and its own call's always."""
    chunk: int = 256
    """Tokens of a chunk (w)."""
    raw_keys = True

    def __post_init__(self) -> None:
        if self.chunk < 1:
            raise InputError(f"chunk={self.chunk} must be at least 1 token")
        if self.window < 3 * self.chunk:
            raise InputError(
                f"window={self.window} tokens must hold at least three chunks of {self.chunk}: the first, the last "
                "and the one being written"
            )

    def open(self, layer: Layer) -> RowStore:
        """Open an empty store."""
        return RowStore(lambda: _Chunks(self, layer))


class _Chunks(Row):
    def __init__(self, policy: LongHeads, layer: Layer) -> None:
        self._policy = policy
        self._layer = layer
        self._buffer = Buffer(max(FIRST, layer.expected))
        self._features = Grown()
        self._queries_HTD = torch.empty(0, 0, 0)
        self._start = 0
        self._new = 0

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        self._buffer.append(k_1GTD, v_1GTD, pos_1T)
        self._new = k_1GTD.shape[2]

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterator[KV]:
        size, stored = self._policy.chunk, self._features.length
        tail = self._buffer.length - stored * size
        room = max(2, (self._policy.window - tail) // size)
        if stored <= room:
            yield KV(*self._buffer.tail(self._buffer.length), new=self._new)
            return
        fit_GN = self._fit(q_1HTD)
        fit_GN[:, 0] = fit_GN[:, -1] = float("inf")
        chosen_GN = fit_GN.topk(room).indices.sort().values
        index_GNW = chosen_GN[..., None] * size + torch.arange(size, device=chosen_GN.device)
        yield KV(*taken(self._buffer, index_GNW.flatten(1)))
        yield KV(*self._buffer.tail(tail), new=self._new)

    def _fit(self, q_1HTD: Tensor) -> Tensor:
        """Scores [G, N] of the chunks for the mean query, summed over the heads of a group."""
        q_GRD = grouped(q_1HTD, self._layer.num_kv_heads).mean(2)
        features_GRND = self._features.read().reshape(*q_GRD.shape[:2], -1, q_GRD.shape[2])
        return (features_GRND @ q_GRD[..., None])[..., 0].sum(1)

    def observe(self, look: Look) -> None:
        size, done = self._policy.chunk, self._features.length
        q_HTD = look.q_BHTD[0].clone()
        self._queries_HTD = torch.cat([self._queries_HTD, q_HTD], 1) if self._queries_HTD.numel() else q_HTD
        end = self._buffer.length // size
        if end > done:
            q_HTD = self._queries_HTD[:, done * size - self._start : end * size - self._start]
            k_1GSD, v_1GSD, _ = self._buffer.slots(done * size, end * size)
            self._features.write(done, self._featured(q_HTD, k_1GSD[0], v_1GSD[0]))
            kept = max(0, end - 1) * size
            self._queries_HTD = self._queries_HTD[:, kept - self._start :].clone()
            self._start = kept

    def _featured(self, q_HTD: Tensor, k_GTD: Tensor, v_GTD: Tensor) -> Tensor:
        """One key-like vector [H, N, D] per query head and chunk, from attention inside each chunk alone."""
        q_NHWD, k_NGWD, v_NGWD = (self._cut(x) for x in (q_HTD, k_GTD, v_GTD))
        pos = torch.arange(self._policy.chunk, device=q_HTD.device)[None, None]
        q_NHWD, k_NGWD = (rotate(x, pos, self._layer.rotation) for x in (q_NHWD, k_NGWD))
        out_NHWD = F.scaled_dot_product_attention(q_NHWD, k_NGWD, v_NGWD, enable_gqa=True)
        mean_NH1D = out_NHWD.mean(2, keepdim=True)
        return (
            F.scaled_dot_product_attention(mean_NH1D, k_NGWD, k_NGWD, enable_gqa=True)[:, :, 0].transpose(0, 1).float()
        )

    def _cut(self, x_HTD: Tensor) -> Tensor:
        """Chunks as rows [N, H, W, D]."""
        return x_HTD.reshape(x_HTD.shape[0], -1, self._policy.chunk, x_HTD.shape[2]).transpose(0, 1)

    def check(self, length: int) -> None:
        size = self._policy.chunk
        if length < self._start and length % size:
            raise NotRewindable(
                f"LongHeads has forgotten the queries before position {self._start} that chunks are made with: "
                f"it cannot go back to {length} tokens, only to whole chunks of {size}"
            )

    def truncate(self, length_1: Tensor) -> None:
        length = int(length_1)
        self._buffer.truncate(length_1)
        self._features.length = min(self._features.length, length // self._policy.chunk)
        self._queries_HTD = self._queries_HTD[:, : max(0, length - self._start)]
        self._start = min(self._start, length)

    def nbytes(self) -> int:
        return self._buffer.nbytes() + self._features.nbytes() + self._queries_HTD.nbytes

    def state(self) -> dict[str, Tensor]:
        made = {"features": self._features.read(), "queries": self._queries_HTD, "start": number(self._start)}
        return {**made, **under("tokens", self._buffer.state())}

    def load(self, state: State) -> None:
        self._buffer.load(part_of(state, "tokens"))
        self._features.write(0, state["features"])
        self._queries_HTD, self._start = state["queries"], int(state["start"])
