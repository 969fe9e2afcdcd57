"""Keys and values as entries of a codebook, outliers exact beside them."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import NamedTuple

import torch
from torch import Tensor

from longspan.core.types import Layer
from longspan.kv.quant import codebook
from longspan.kv.quant.codebook import Codebook
from longspan.kv.quant.column import BLOCK
from longspan.kv.quant.grown import Grown
from longspan.kv.quant.packing import pack, unpack
from longspan.kv.quant.sparse import Sparse
from longspan.kv.state import State, number, part_of, under

TOKENS = 8192
"""Tokens that anything is fitted to at most, evenly chosen."""


class Fit(NamedTuple):
    """Levels, and the range of each key channel [W]; ranges of values are each token's own, there both are empty."""

    book: Codebook
    low_W: Tensor
    high_W: Tensor


@dataclass(frozen=True, slots=True)
class Coding:
    """How levels are chosen."""

    bits: int
    outliers: float
    normalize: bool

    def fit_keys(self, k_SW: Tensor, weights_SW: Tensor | None = None) -> Fit:
        """Find each channel's range, and the levels that suit all channels within theirs."""
        k_SW, weights_SW = _some(k_SW), None if weights_SW is None else _some(weights_SW)
        ranked_SW = k_SW.float().sort(0).values
        cut = round(self.outliers / 2 * (len(ranked_SW) - 1))
        low_W, high_W = ranked_SW[cut], ranked_SW[len(ranked_SW) - 1 - cut]
        inside_SW = (k_SW >= low_W) & (k_SW <= high_W)
        return Fit(self._book(_within(k_SW, low_W, high_W), inside_SW, weights_SW), low_W, high_W)

    def fit_values(self, v_SW: Tensor, weights_SW: Tensor | None = None) -> Fit:
        """Find the levels that suit all tokens within their ranges."""
        v_SW, weights_SW = _some(v_SW), None if weights_SW is None else _some(weights_SW)
        inside_SW = ~self.extremes(v_SW)
        low_S1, high_S1 = _edges(v_SW.float(), inside_SW)
        none = v_SW.new_empty(0)
        return Fit(self._book(_within(v_SW, low_S1, high_S1), inside_SW, weights_SW), none, none)

    def extremes(self, v_SW: Tensor) -> Tensor:
        """Mark the lowest and the highest numbers of each token, as many of both as are outliers."""
        each = round(self.outliers / 2 * v_SW.shape[1])
        order_SW = v_SW.argsort(dim=1, stable=True)
        ends_SE = torch.cat([order_SW[:, :each], order_SW[:, v_SW.shape[1] - each :]], 1)
        return torch.zeros_like(v_SW, dtype=torch.bool).scatter(1, ends_SE, True)

    def _book(self, x_SW: Tensor, inside_SW: Tensor, weights_SW: Tensor | None) -> Codebook:
        weights_N = None if weights_SW is None else weights_SW[inside_SW]
        return codebook.fit(x_SW[inside_SW], self.bits, weights_N=weights_N, normalize=self.normalize)


class Coded(ABC):
    """What keys and values share: codes, outliers, and a fit, made of the first tokens where none is given."""

    def __init__(self, layer: Layer, coding: Coding, fit: Fit | None) -> None:
        self._coding = coding
        self._given = self._made = fit
        self._fitted = 0
        self._shape = (layer.num_kv_heads, layer.head_dim)
        self._dtype = layer.dtype
        self._codes = Grown()
        self._sparse = Sparse(layer.num_kv_heads * layer.head_dim)

    def push(self, x_SGD: Tensor) -> None:
        """Code tokens behind those stored."""
        x_SW = x_SGD.flatten(1)
        if self._made is None:
            self._made, self._fitted = self._make(x_SW), len(x_SW)
        for start in range(0, len(x_SW), BLOCK):
            self._push(x_SW[start : start + BLOCK])

    def rewinds(self, length: int) -> bool:
        """Whether the fit would be the same had tokens from `length` on never come."""
        return length == 0 or length >= self._fitted

    def truncate(self, length: int) -> None:
        """Forget tokens from `length` on, and with the first one a fit made of them."""
        if length == 0:
            self._made, self._fitted = self._given, 0
        self._codes.truncate(length)
        self._sparse.truncate(length)

    def nbytes(self) -> int:
        """Bytes held, those of the fit aside."""
        return self._codes.nbytes() + self._sparse.nbytes()

    def state(self) -> dict[str, Tensor]:
        """Codes, outliers, and the fit where it was made of tokens."""
        state = {"codes": self._codes[:], "fitted": number(self._fitted), **under("sparse", self._sparse.state())}
        if self._made is not None and self._given is None:
            (edges, levels), low_W, high_W = self._made
            state |= {"edges": edges, "levels": levels, "low": low_W, "high": high_W}
        return state

    def load(self, state: State) -> None:
        """Take them over."""
        self._codes.load(state["codes"])
        self._sparse.load(part_of(state, "sparse"))
        self._fitted = int(state["fitted"])
        if "levels" in state:
            self._made = Fit(Codebook(state["edges"], state["levels"]), state["low"], state["high"])

    @property
    def _fit(self) -> Fit:
        assert self._made is not None, "nothing was pushed"
        return self._made

    @abstractmethod
    def _make(self, x_SW: Tensor) -> Fit:
        """Fit levels to tokens."""

    @abstractmethod
    def _push(self, x_SW: Tensor) -> None:
        """Code a block of tokens."""

    def _store(self, x_SW: Tensor, low: Tensor, high: Tensor, outlier_SW: Tensor) -> None:
        codes_SW = self._fit.book.encode(_within(x_SW, low, high)).to(torch.uint8)
        self._codes.append(pack(codes_SW, self._coding.bits))
        self._sparse.push(x_SW, outlier_SW)

    def _restored(self, low: Tensor, high: Tensor, start: int, end: int) -> Tensor:
        level_SW = self._fit.book.decode(unpack(self._codes[start:end], self._coding.bits))
        x_SW = level_SW.mul_((high - low) / 2).add_((high + low) / 2).to(self._dtype)
        self._sparse.fill(x_SW, start, end)
        return x_SW.view(-1, *self._shape)


class CodedKeys(Coded):
    """Keys within the range of their channel."""

    def pull(self, start: int, end: int) -> Tensor:
        """Tokens `start` to `end` as they were coded, [S, G, D]."""
        return self._restored(self._fit.low_W, self._fit.high_W, start, end)

    def _make(self, x_SW: Tensor) -> Fit:
        return self._coding.fit_keys(x_SW)

    def _push(self, x_SW: Tensor) -> None:
        low_W, high_W = self._fit.low_W, self._fit.high_W
        outside_SW = (x_SW < low_W) | (x_SW > high_W)
        self._store(x_SW, low_W, high_W, outside_SW if self._coding.outliers else torch.zeros_like(outside_SW))


class CodedValues(Coded):
    """Values within the range of their token."""

    def __init__(self, layer: Layer, coding: Coding, fit: Fit | None) -> None:
        super().__init__(layer, coding, fit)
        self._edges = Grown()

    def pull(self, start: int, end: int) -> Tensor:
        """Tokens `start` to `end` as they were coded, [S, G, D]."""
        low_S1, high_S1 = self._edges[start:end].float().chunk(2, 1)
        return self._restored(low_S1, high_S1, start, end)

    def truncate(self, length: int) -> None:
        """Forget tokens from `length` on."""
        super().truncate(length)
        self._edges.truncate(length)

    def nbytes(self) -> int:
        """Bytes held, those of the fit aside."""
        return super().nbytes() + self._edges.nbytes()

    def state(self) -> dict[str, Tensor]:
        """The tokens' own ranges too."""
        return {**super().state(), "ranges": self._edges[:]}

    def load(self, state: State) -> None:
        """Take them over."""
        super().load(state)
        self._edges.load(state["ranges"])

    def _make(self, x_SW: Tensor) -> Fit:
        return self._coding.fit_values(x_SW)

    def _push(self, x_SW: Tensor) -> None:
        outlier_SW = self._coding.extremes(x_SW)
        edges_S2 = torch.cat(_edges(x_SW.float(), ~outlier_SW), 1).half()
        self._edges.append(edges_S2)
        low_S1, high_S1 = edges_S2.float().chunk(2, 1)
        self._store(x_SW, low_S1, high_S1, outlier_SW)


def _some(x_SW: Tensor) -> Tensor:
    return x_SW[:: -(-len(x_SW) // TOKENS)]


def _within(x: Tensor, low: Tensor, high: Tensor) -> Tensor:
    """Numbers between `low` and `high` as numbers between -1 and 1; a range of one number becomes 0."""
    half = (high - low) / 2
    return (x.float() - (high + low) / 2) / half.masked_fill(half == 0, 1.0)


def _edges(x_SW: Tensor, inside_SW: Tensor) -> tuple[Tensor, Tensor]:
    low_S1 = x_SW.masked_fill(~inside_SW, float("inf")).amin(1, keepdim=True)
    return low_S1, x_SW.masked_fill(~inside_SW, float("-inf")).amax(1, keepdim=True)
