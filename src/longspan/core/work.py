"""What a run of attention is cut out of: queries, stored tokens, and the positions both are rotated by."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

import torch
from torch import Tensor
from torch.nn import functional

from longspan.core.types import EMPTY, KV, Band, PositionMap

Cut = Callable[[Tensor], Tensor]


class Place(NamedTuple):
    """The batch rows and key/value heads that a part of the stored tokens belongs to."""

    row: int
    end_row: int
    head: int
    end_head: int

    def queries(self, x_BHT: Tensor, kv_heads: int) -> Tensor:
        """Its rows and the query heads that share its key/value heads, of [B, H, T, ...]."""
        shared = x_BHT.shape[1] // kv_heads
        return x_BHT[self.row : self.end_row, self.head * shared : self.end_head * shared]

    def meets(self, other: Place) -> bool:
        """Whether the two have a row and head in common."""
        rows = max(self.row, other.row) < min(self.end_row, other.end_row)
        return rows and max(self.head, other.head) < min(self.end_head, other.end_head)


Group = tuple[Place, list[KV], list[Tensor]]
"""Parts of one place, and the positions of all that is stored there, theirs first."""


@dataclass(frozen=True, slots=True)
class Work:
    """Queries and a part of the stored tokens; positions have one head where all heads share them."""

    q_BHTD: Tensor
    q_BGT: Tensor
    """True positions of the queries."""
    part: KV
    bands: tuple[Band, ...]

    @property
    def unmoved(self) -> bool:
        """Whether the position map left every pair as it is."""
        band = self.bands[0] if len(self.bands) == 1 else None
        return band is not None and band.q_BGT is self.q_BGT and _is_unlimited(band) and band.temperature == 1

    def queries(self, first: int, end: int) -> Work:
        """Only the queries from `first` to `end`."""
        part, seen = self.part, self.part.seen_TS
        part = part if seen is None else replace(part, seen_TS=seen[first:end])
        return self._cut(self.q_BHTD[:, :, first:end], part, of_q=lambda pos: pos[:, :, first:end])

    def slots(self, pieces: Sequence[tuple[int, int]], *, new: int) -> Work:
        """Only the stored tokens of some pieces (first, end), the last `new` of them this call's own."""
        joined = _joined(pieces) or [(0, 0)]

        def of(x: Tensor, axis: int) -> Tensor:
            cuts = [x.narrow(axis, first, end - first) for first, end in joined]
            return cuts[0] if len(cuts) == 1 else torch.cat(cuts, axis)

        part = self.part
        k, v, pos = of(part.k_BGSD, 2), of(part.v_BGSD, 2), of(part.pos_BGS, 2)
        seen = None if part.seen_TS is None else of(part.seen_TS, 1)
        own = replace(part, k_BGSD=k, v_BGSD=v, pos_BGS=pos, new=new, seen_TS=seen)
        return self._cut(self.q_BHTD, own, of_k=lambda x: of(x, 2))

    def limits(self, band: Band) -> tuple[Tensor, Tensor]:
        """Per query, the least position [B, G, T] of a key it sees in a band and the least that is too late for it."""
        q = self.q_BGT
        first = torch.zeros_like(q) if band.first_BGT is None else band.first_BGT.clamp_min(0)
        if self.part.reach:
            first = torch.maximum(first, q - self.part.reach + 1)
        end = q + 1 - self.part.beyond
        return first, end if band.end_BGT is None else torch.minimum(band.end_BGT, end)

    def within(self, band: Band) -> Work:
        """Only one of the bands, and the stored tokens that any of the queries sees in it."""
        first, end = self.limits(band)
        first = first.masked_fill(first >= end, torch.iinfo(first.dtype).max)
        pos = self.part.pos_BGS
        seen_BGS = (pos >= first.amin(-1, keepdim=True)) & (pos < end.amax(-1, keepdim=True))
        return replace(self, bands=(band,)).slots(_pieces(seen_BGS.flatten(0, 1).any(0)), new=0)

    def mask(self, band: Band) -> Tensor | None:
        """Pairs [B, H or 1, T, S] of a band; None: all of them."""
        (first, end), pos = self.limits(band), self.part.pos_BGS
        if not len(self.part):
            return None
        seen = self.part.seen_TS
        if seen is None and bool((pos.amin(-1) >= first.amax(-1)).all() & (pos.amax(-1) < end.amin(-1)).all()):
            return None
        mask = (pos[:, :, None] >= first[..., None]) & (pos[:, :, None] < end[..., None])
        mask = mask if seen is None else mask & seen
        shared = self.q_BHTD.shape[1] // mask.shape[1]
        return mask if mask.shape[1] == 1 else mask.repeat_interleave(shared, 1)

    def alone(self) -> Band | None:
        """The band that every pair belongs to, where nothing but the order of tokens limits what is seen."""
        if self.part.holes or self.part.reach or self.part.beyond:
            return None
        for band in self.bands:
            if band.end_BGT is None and (band.first_BGT is None or self._all_from(band.first_BGT)):
                return band
        return None

    def _all_from(self, first_BGT: Tensor) -> bool:
        return bool((self.part.pos_BGS.amin(-1) >= first_BGT.amax(-1)).all())

    def row(self, row: int) -> Work:
        """One batch row without its padding; all heads must share positions."""
        at, part = slice(row, row + 1), self.part
        own_T, own_S = self.q_BGT[row, 0] != EMPTY, part.pos_BGS[row, 0] != EMPTY
        k, v, pos = part.k_BGSD[at][:, :, own_S], part.v_BGSD[at][:, :, own_S], part.pos_BGS[at][:, :, own_S]
        alone = replace(part, k_BGSD=k, v_BGSD=v, pos_BGS=pos, new=int(own_T.sum()), holes=False)
        return self._cut(
            self.q_BHTD[at][:, :, own_T], alone, of_q=lambda x: x[at][:, :, own_T], of_k=lambda x: x[at][:, :, own_S]
        )

    def only(self, *, rows: slice = slice(None), head: int | None = None) -> Work:
        """Some batch rows, and of these one query head or all."""
        part, shared = self.part, self.q_BHTD.shape[1] // self.part.k_BGSD.shape[1]
        own = slice(None) if head is None else slice(head, head + 1)
        kv = slice(None) if head is None else slice(head // shared, head // shared + 1)

        def of(pos: Tensor) -> Tensor:
            return pos[rows, kv] if pos.shape[1] > 1 else pos[rows]

        k, v, pos = part.k_BGSD[rows, kv], part.v_BGSD[rows, kv], of(part.pos_BGS)
        return self._cut(self.q_BHTD[rows, own], replace(part, k_BGSD=k, v_BGSD=v, pos_BGS=pos), of_q=of, of_k=of)

    def chosen(self, index_S: Tensor, *, new: int) -> Work:
        """Only the stored tokens of an index, the last `new` of them this call's own."""
        part = self.part
        k, v, pos = (x.index_select(2, index_S) for x in (part.k_BGSD, part.v_BGSD, part.pos_BGS))
        own = replace(part, k_BGSD=k, v_BGSD=v, pos_BGS=pos, new=new)
        return self._cut(self.q_BHTD, own, of_k=lambda x: x.index_select(2, index_S))

    def _cut(self, q_BHTD: Tensor, part: KV, *, of_q: Cut = lambda x: x, of_k: Cut = lambda x: x) -> Work:
        q_BGT = of_q(self.q_BGT)
        bands = (
            replace(
                band,
                q_BGT=q_BGT if band.q_BGT is self.q_BGT else of_q(band.q_BGT),
                k_BGS=of_k(band.k_BGS),
                first_BGT=None if band.first_BGT is None else of_q(band.first_BGT),
                end_BGT=None if band.end_BGT is None else of_q(band.end_BGT),
            )
            for band in self.bands
        )
        return Work(q_BHTD, q_BGT, part, tuple(bands))


def lay_out(
    positions: PositionMap, q_BHTD: Tensor, q_BT: Tensor, parts: Iterable[KV], kv_heads: int
) -> Iterator[tuple[Place, Work]]:
    """Give each part its queries and positions.

    A map under which stored tokens move may place a token by all others, so it is shown everything stored for its
    rows and heads at once; under any other map one part is read at a time.
    """
    whole = Place(0, q_BHTD.shape[0], 0, kv_heads)
    placed = ((Place(*(part.rows or whole[:2]), *(part.heads or whole[2:])), part) for part in parts)
    each: Iterator[Group] = ((at, [part], [part.pos_BGS]) for at, part in placed)
    for at, own, pos in each if positions.fixed else _groups(list(placed)):
        q = at.queries(q_BHTD, kv_heads)
        yield from ((at, work) for work in side_by_side(positions, q, q_BT[at.row : at.end_row], own, pos))


def side_by_side(
    positions: PositionMap, q_BHTD: Tensor, q_BT: Tensor, parts: Sequence[KV], pos: Sequence[Tensor]
) -> Iterator[Work]:
    """Place queries and several parts of the same rows and heads; `pos` holds their positions and maybe others'."""
    alike = all(x.stride(1) == 0 or x.shape[1] == 1 for x in pos)
    heads = 1 if alike else pos[0].shape[1]
    q_BGT = q_BT[:, None].expand(-1, heads, -1)
    k_BGS = pos[0][:, :heads] if len(pos) == 1 else torch.cat([x[:, :heads] for x in pos], -1)
    bands = positions.bands(q_BGT, k_BGS)
    start = 0
    for part in parts:
        here = slice(start, start + len(part))
        mine = tuple(replace(band, k_BGS=band.k_BGS[:, :, here]) for band in bands) if len(pos) > 1 else tuple(bands)
        yield Work(q_BHTD, q_BGT, replace(part, pos_BGS=k_BGS[..., here]), mine)
        start += len(part)


def _groups(placed: list[tuple[Place, KV]]) -> Iterator[Group]:
    """The parts of each place together."""
    for at in dict.fromkeys(at for at, _ in placed):
        own = [part for other, part in placed if other == at]
        others = [_seen_from(at, other, part.pos_BGS) for other, part in placed if other != at and other.meets(at)]
        yield at, own, [part.pos_BGS for part in own] + others


def _seen_from(at: Place, other: Place, pos_BGS: Tensor) -> Tensor:
    """Positions stored for `other` in the rows and heads of `at`: EMPTY where `other` has none of them."""
    seen = pos_BGS.new_full((at.end_row - at.row, at.end_head - at.head, pos_BGS.shape[2]), EMPTY)
    row, end_row = max(at.row, other.row), min(at.end_row, other.end_row)
    head, end_head = max(at.head, other.head), min(at.end_head, other.end_head)
    here = seen[row - at.row : end_row - at.row, head - at.head : end_head - at.head]
    here.copy_(pos_BGS[row - other.row : end_row - other.row, head - other.head : end_head - other.head])
    return seen


def _is_unlimited(band: Band) -> bool:
    return band.first_BGT is None and band.end_BGT is None


def _pieces(seen_S: Tensor) -> list[tuple[int, int]]:
    """The runs (first, end) of what is marked."""
    edges = functional.pad(seen_S.byte(), (1, 1)).diff().nonzero().flatten().tolist()
    return list(zip(edges[::2], edges[1::2], strict=True))


def _joined(pieces: Sequence[tuple[int, int]]) -> list[tuple[int, int]]:
    """Neighbouring pieces as one."""
    joined: list[tuple[int, int]] = []
    for first, end in pieces:
        if joined and joined[-1][1] == first:
            joined[-1] = (joined[-1][0], end)
        else:
            joined.append((first, end))
    return joined
