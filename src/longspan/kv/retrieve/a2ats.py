"""Keys as numbers of a codebook that is made for the queries."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import KV, Layer, Look, NotRewindable
from longspan.kv.buffer import FIRST, Buffer
from longspan.kv.retrieve.clusters import clustered, nearest
from longspan.kv.retrieve.picked import Grown, grouped, marked
from longspan.kv.rows import Row, RowStore
from longspan.kv.state import State, number, part_of, under

EPSILON = 1e-6
"""Added to the diagonal of the queries' second moment, so that it has a Cholesky factor."""


@dataclass(frozen=True, slots=True)
class A2ATS:
    """A2ATS: a decoded token reads the tokens whose quantised keys promise most, wherever they are. https://arxiv.org/abs/2502.12665
    Differs from the paper: the codebook is made from the keys and queries of the first prompt, not from a data set;
    what is read is attended to at the distances of the position map, as in the released evaluation, while the paper
    puts every far token at one distance; tokens stay on the computing device, and what is not chosen is not read.
    """

    share: float = 0.03
    """Share of the stored tokens that each query head chooses (top-K)."""
    codebook: int = 4096
    """Entries of a key/value head's codebook at most."""
    sinks: int = 8
    """Tokens at the start of the text that are always read (attention sinks)."""
    local: int = 64
    """Latest tokens that are always read (local window)."""
    distance: int = 2048
    """The distance at which every token outside the local window is compared with the query (relative position)."""
    rounds: int = 300
    """Rounds of k-means at most."""
    raw_keys = True

    def __post_init__(self) -> None:
        if not 0 <= self.share <= 1:
            raise InputError(f"share={self.share} is a share of the stored tokens: give 0 to 1")
        if min(self.codebook, self.local, self.rounds) < 1 or min(self.sinks, self.distance) < 0:
            raise InputError(
                f"codebook={self.codebook}, local={self.local} and rounds={self.rounds} must be at least 1, "
                f"sinks={self.sinks} and distance={self.distance} at least 0"
            )

    def open(self, layer: Layer) -> RowStore:
        """Open an empty store."""
        return RowStore(lambda: _Quantised(self, layer))


@dataclass(frozen=True, slots=True)
class _Codebook:
    """Entries [G, C, D] in the space where distance is error of attention scores, and as keys."""

    factor_GDD: Tensor
    entries_GCD: Tensor
    keys_GCD: Tensor

    def codes(self, k_GSD: Tensor) -> Tensor:
        """The entry [G, S] that stands for each key."""
        return nearest(k_GSD.float() @ self.factor_GDD, self.entries_GCD).int()


class _Quantised(Row):
    def __init__(self, policy: A2ATS, layer: Layer) -> None:
        self._policy = policy
        self._layer = layer
        self._buffer = Buffer(max(FIRST, layer.expected))
        self._moment_GDD = torch.zeros(layer.num_kv_heads, layer.head_dim, layer.head_dim, device=layer.device)
        self._codebook: _Codebook | None = None
        self._codes = Grown()
        self._floor = 0
        self._new = 0
        self._decoding = False

    def append(self, k_1GTD: Tensor, v_1GTD: Tensor, pos_1T: Tensor) -> None:
        if self._codebook is not None:
            self._codes.write(self._buffer.length, self._codebook.codes(k_1GTD[0]))
        self._buffer.append(k_1GTD, v_1GTD, pos_1T)
        self._new = k_1GTD.shape[2]

    def read(self, q_1HTD: Tensor, q_1T: Tensor) -> Iterator[KV]:
        far, sinks = self._buffer.length - self._policy.local, self._policy.sinks
        count = int(self._policy.share * self._buffer.length)
        if self._codebook is None or not self._decoding or self._new > 1 or far <= sinks + count:
            yield KV(*self._buffer.tail(self._buffer.length), new=self._new)
            return
        keep_GS = self._promising(self._codebook, q_1HTD, far, count)
        keep_GS[:, :sinks] = True
        yield from marked(self._buffer, keep_GS)
        yield KV(*self._buffer.tail(self._policy.local), new=1)

    def _promising(self, codebook: _Codebook, q_1HTD: Tensor, far: int, count: int) -> Tensor:
        """Mark [G, S] the far tokens that any query head of a group is drawn to most."""
        q_GRD = grouped(self._distant(q_1HTD), self._layer.num_kv_heads)[:, :, 0]
        entry_GRC = q_GRD @ codebook.keys_GCD.mT
        codes_GS = self._codes.read()[:, :far].long()
        scores_GRS = entry_GRC.gather(2, codes_GS[:, None].expand(-1, entry_GRC.shape[1], -1))
        scores_GRS[:, :, : self._policy.sinks] = float("-inf")
        chosen_GRS = torch.zeros_like(scores_GRS, dtype=torch.bool)
        return chosen_GRS.scatter_(2, scores_GRS.topk(count).indices, True).any(1)

    def _distant(self, q_1HTD: Tensor) -> Tensor:
        """Queries as they compare with keys that are not rotated, all at one distance."""
        pos_11T = torch.full((1, 1, q_1HTD.shape[2]), self._policy.distance, device=q_1HTD.device)
        return rotate(q_1HTD, pos_11T, self._layer.rotation)

    def observe(self, look: Look) -> None:
        self._decoding = look.moment != "chunk"
        if look.moment == "token" or self._codebook is not None:
            return
        q_GND = grouped(self._distant(look.q_BHTD), self._layer.num_kv_heads).flatten(1, 2)
        self._moment_GDD = self._moment_GDD + q_GND.mT @ q_GND
        self._floor = self._buffer.length
        if look.moment == "prompt_end" and self._buffer.length > self._policy.sinks + self._policy.local:
            self._quantise()

    def _quantise(self) -> None:
        """Fit the codebook: errors of keys count as much as the queries make of them."""
        k_GSD = self._buffer.slots(0, self._buffer.length)[0][0].float()
        moment_GDD = self._moment_GDD.double()
        moment_GDD = moment_GDD / moment_GDD.square().mean((1, 2), keepdim=True).sqrt()
        diagonal_DD = EPSILON * torch.eye(moment_GDD.shape[1], dtype=torch.double, device=moment_GDD.device)
        factor_GDD = torch.linalg.cholesky(moment_GDD + diagonal_DD)
        count = min(self._policy.codebook, k_GSD.shape[1])
        entries_GCD, _ = clustered(k_GSD @ factor_GDD.float(), count, rounds=self._policy.rounds)
        keys_GCD = torch.linalg.solve_triangular(factor_GDD, entries_GCD.double(), upper=False, left=False)
        self._codebook = _Codebook(factor_GDD.float(), entries_GCD, keys_GCD.float())
        self._codes.write(0, self._codebook.codes(k_GSD))

    def check(self, length: int) -> None:
        if length < self._floor:
            raise NotRewindable(
                f"A2ATS learned from the queries of the first {self._floor} tokens: it cannot go back to {length}"
            )

    def truncate(self, length_1: Tensor) -> None:
        self._buffer.truncate(length_1)
        self._codes.length = min(self._codes.length, self._buffer.length)

    def nbytes(self) -> int:
        held = self._buffer.nbytes() + self._moment_GDD.nbytes + self._codes.nbytes()
        if (book := self._codebook) is not None:
            held += book.factor_GDD.nbytes + book.entries_GCD.nbytes + book.keys_GCD.nbytes
        return held

    def state(self) -> dict[str, Tensor]:
        learned = {"floor": number(self._floor), "moment": self._moment_GDD, "decoding": number(self._decoding)}
        book = self._codebook
        made = {} if book is None else {"factor": book.factor_GDD, "entries": book.entries_GCD, "keys": book.keys_GCD}
        return {**learned, **under("book", made), "codes": self._codes.read(), **under("tokens", self._buffer.state())}

    def load(self, state: State) -> None:
        self._floor, self._decoding = int(state["floor"]), bool(state["decoding"])
        self._moment_GDD = state["moment"]
        if book := part_of(state, "book"):
            self._codebook = _Codebook(book["factor"], book["entries"], book["keys"])
        self._codes.write(0, state["codes"])
        self._buffer.load(part_of(state, "tokens"))
