"""Pages of tokens, judged by bounds on their keys."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import KV, Layer, Look, Store
from longspan.kv.buffer import FIRST, Buffer
from longspan.kv.full import FullStore
from longspan.kv.retrieve.picked import Grown, attended, grouped, taken
from longspan.kv.rows import Row, RowStore
from longspan.kv.state import State, number, part_of, under


@dataclass(frozen=True, slots=True)
class Quest:
    """Quest: a decoded token reads only the pages that could hold the keys it likes best. https://arxiv.org/abs/2406.10774
    Differs from the paper: query heads that share a key/value head read the same pages, those of which any of them
    expects the largest share of its attention, so that a page is fetched once. As in its released kernels the page
    being written is always read; a call of several tokens reads everything, as a prompt does.
    """

    budget: int = 1024
    """Tokens that a decoded token reads in each key/value head (token budget)."""
    page: int = 16
    """Tokens of a page, the unit that is judged and read (page size)."""
    dense_layers: int = 2
    """First layers, in which everything is read."""
    raw_keys = False

    def __post_init__(self) -> None:
        if self.page < 1 or self.dense_layers < 0:
            raise InputError(f"page={self.page} must be at least 1 token, dense_layers={self.dense_layers} at least 0")
        if self.budget < self.page:
            raise InputError(f"budget={self.budget} tokens hold no page of {self.page}: give at least one page")

    def open(self, layer: Layer) -> Store:
        """Open an empty store."""
        if layer.index < self.dense_layers:
            return FullStore(layer.expected)
        return RowStore(lambda: _Pages(self, layer))


class _Pages(Row):
    def __init__(self, policy: Quest, layer: Layer) -> None:
        self._policy = policy
        self._layer = layer
        self._buffer = Buffer(max(FIRST, layer.expected))
        self._least = Grown()
        self._greatest = Grown()
        self._new = 0
        self._decoding = False

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        first = self._buffer.length // self._policy.page
        self._buffer.append(k_1GTD, v_1GTD, pos_1T)
        self._new = k_1GTD.shape[2]
        self._bound(first)

    def _bound(self, first: int) -> None:
        """Note each channel's least and greatest value in the pages from `first` on."""
        size = self._policy.page
        k_1GSD, _, pos_1S = self._buffer.slots(first * size, self._buffer.length)
        k_GSD = attended(k_1GSD, pos_1S, self._layer)[0]
        missing = -k_GSD.shape[1] % size
        full_GSD = torch.cat([k_GSD, k_GSD[:, -1:].expand(-1, missing, -1)], 1) if missing else k_GSD
        k_GNPD = full_GSD.reshape(len(k_GSD), -1, size, k_GSD.shape[2])
        self._least.write(first, k_GNPD.amin(2))
        self._greatest.write(first, k_GNPD.amax(2))

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterator[KV]:
        pages = self._policy.budget // self._policy.page
        if not self._decoding or self._new > 1 or self._least.length <= pages:
            yield KV(*self._buffer.tail(self._buffer.length), new=self._new)
            return
        share_GN = self._share(attended(q_1HTD, q_1T, self._layer))
        share_GN[:, -1] = float("inf")
        yield KV(*taken(self._buffer, self._slots(share_GN.topk(pages).indices.sort().values)), new=1)

    def _share(self, q_1HTD: Tensor) -> Tensor:
        """The largest share [G, N] of its attention that any query head of a group may owe to a page."""
        least_GND, greatest_GND = self._least.read().float(), self._greatest.read().float()
        q_GRD = grouped(q_1HTD, least_GND.shape[0])[:, :, 0]
        bound_GRN = q_GRD.clamp_min(0) @ greatest_GND.mT + q_GRD.clamp_max(0) @ least_GND.mT
        return torch.softmax(bound_GRN * self._layer.head_dim**-0.5, -1).amax(1)

    def _slots(self, chosen_GN: Tensor) -> Tensor:
        size = self._policy.page
        index_GNP = chosen_GN[..., None] * size + torch.arange(size, device=chosen_GN.device)
        return index_GNP.flatten(1)[:, : chosen_GN.shape[1] * size - (-self._buffer.length % size)]

    def observe(self, look: Look) -> None:
        self._decoding = look.moment != "chunk"

    def check(self, length: int) -> None:
        """Any length will do: a page that is cut is no page, and its tokens are all there."""

    def truncate(self, length_1: Tensor) -> None:
        self._buffer.truncate(length_1)
        self._least.length = self._greatest.length = self._buffer.length // self._policy.page

    def nbytes(self) -> int:
        return self._buffer.nbytes() + self._least.nbytes() + self._greatest.nbytes()

    def state(self) -> dict[str, Tensor]:
        return {"decoding": number(self._decoding), **under("tokens", self._buffer.state())}

    def load(self, state: State) -> None:
        self._decoding = bool(state["decoding"])
        self._buffer.load(part_of(state, "tokens"))
        if self._buffer.length:
            self._bound(0)
