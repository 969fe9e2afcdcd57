"""A part of the stored tokens as some queries see it: rotated for every band, and cut to what is near or kept."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longspan.core.rotate import rotate
from longspan.core.types import EMPTY, KV, Band, Layer, PositionMap, Tiles


@dataclass(frozen=True, slots=True)
class Turned:
    """Queries and keys at the positions of one band, and the pairs it claims."""

    q_BHTD: Tensor
    k_BGSD: Tensor
    band: Band


@dataclass(frozen=True, slots=True)
class View:
    """Queries, stored slots and the bands between them."""

    turned: tuple[Turned, ...]
    q_BT: Tensor
    part: KV

    def __len__(self) -> int:
        return self.q_BT.shape[1]

    def cut(self, queries: slice, slots: Sequence[slice], new: int) -> View:
        """Some of the queries over some of the slots, the last `new` of which are the queries' own tokens."""
        turned = tuple(
            replace(t, q_BHTD=t.q_BHTD[:, :, queries], k_BGSD=_pick(t.k_BGSD, slots, 2)) for t in self.turned
        )
        k, v = (_pick(x, slots, 2) for x in (self.part.k_BGSD, self.part.v_BGSD))
        pos = self.part.pos_BGS[:, :1] if shared(self.part) else self.part.pos_BGS
        pos = _pick(pos, slots, 2).expand(-1, self.part.pos_BGS.shape[1], -1)
        return View(turned, self.q_BT[:, queries], replace(self.part, k_BGSD=k, v_BGSD=v, pos_BGS=pos, new=new))

    def only(self, rows: slice, query_heads: slice, heads: slice) -> View:
        """Some of the batch rows and heads."""
        turned = tuple(
            replace(t, q_BHTD=t.q_BHTD[rows, query_heads], k_BGSD=t.k_BGSD[rows, heads]) for t in self.turned
        )
        k, v, pos = (x[rows, heads] for x in (self.part.k_BGSD, self.part.v_BGSD, self.part.pos_BGS))
        return View(turned, self.q_BT[rows], replace(self.part, k_BGSD=k, v_BGSD=v, pos_BGS=pos))

    def claims(self, slots: slice = slice(None)) -> Iterator[tuple[Turned, Tensor]]:
        """Each band with the pairs [B, G or 1, T, S] that are its own; bands without any are left out."""
        q, k = self.q_BT[:, None, :, None], self.part.pos_BGS[:, : 1 if shared(self.part) else None, None, slots]
        left = (k <= q) & (k != EMPTY)
        if self.part.reach:
            left &= k > q - self.part.reach
        for turned in reversed(self.turned):
            where = turned.band.where
            mine = left if where is None else left & where(q, k)
            if bool(mine.any()):
                left = left & ~mine
                yield replace(turned, k_BGSD=turned.k_BGSD[:, :, slots]), mine

    def single(self) -> Turned | None:
        """The band that alone decides all pairs, when causality is all that limits them; None otherwise."""
        if self.part.holes or self.part.reach:
            return None
        q, k = self.q_BT[:, None, :, None], self.part.pos_BGS[:, : 1 if shared(self.part) else None, None]
        for turned in reversed(self.turned[1:]):
            claimed = turned.band.where(q, k) if turned.band.where else torch.ones((), dtype=torch.bool)
            if bool(claimed.all()):
                return turned
            if bool(claimed.any()):
                return None
        return self.turned[0]


def shared(part: KV) -> bool:
    """Whether all heads of a part hold the same tokens."""
    return part.pos_BGS.shape[1] == 1 or part.pos_BGS.stride(1) == 0


def view(layer: Layer, positions: PositionMap, q_BHTD: Tensor, q_BT: Tensor, part: KV) -> View:
    """Turn queries and keys for every band; where keys are final only queries are turned, by what differs."""
    heads = 1 if shared(part) else part.pos_BGS.shape[1]
    q_BGT, k_BGS = q_BT[:, None].expand(-1, heads, -1), part.pos_BGS[:, :heads]
    turned = tuple(_turned(layer, band, q_BHTD, q_BGT, part.k_BGSD) for band in positions.bands(q_BGT, k_BGS))
    return View(turned, q_BT, part)


def _turned(layer: Layer, band: Band, q_BHTD: Tensor, q_BGT: Tensor, k_BGSD: Tensor) -> Turned:
    if not layer.rotated:
        q = rotate(q_BHTD, _per_query_head(band.q_BGT, q_BHTD), layer.rotation)
        return Turned(q, rotate(k_BGSD, band.k_BGS.clamp_min(0), layer.rotation), band)
    if band.q_BGT is q_BGT:
        return Turned(q_BHTD, k_BGSD, band)
    turn = _per_query_head(band.q_BGT - q_BGT, q_BHTD)
    return Turned(rotate(q_BHTD, turn, replace(layer.rotation, temperature=1.0)), k_BGSD, band)


def _per_query_head(x_BG: Tensor, q_BHTD: Tensor) -> Tensor:
    return x_BG if x_BG.shape[1] == 1 else x_BG.repeat_interleave(q_BHTD.shape[1] // x_BG.shape[1], 1)


def near(seen: View, block: int) -> Iterator[View]:
    """The view in blocks of queries, each with the slots it can see: causal, and within reach."""
    total, part = len(seen), seen.part
    for first in range(0, total, block):
        end = min(first + block, total)
        stop = len(part) - total + end if part.new else len(part)
        start = max(0, len(part) - total + first - part.reach + 1) if part.reach and part.new else 0
        yield seen.cut(slice(first, end), [slice(start, max(stop, start))], end - first if part.new else 0)


def kept(seen: View, tiles: Tiles) -> Iterator[View]:
    """The view in tiles of queries, each with the tiles it reads before it and its own tokens."""
    size, part, keep_ts = tiles.size, seen.part, tiles.keep_BHts[0, 0]
    for first in range(0, len(seen), size):
        own = len(part) - part.new + first
        end = min(own + size, len(part))
        before = keep_ts[first // size, : -(-own // size)].nonzero().flatten().tolist()
        slots = [slice(s * size, min((s + 1) * size, own)) for s in before]
        yield seen.cut(slice(first, first + size), _joined([*slots, slice(own, end)]), end - own)


def _pick(x: Tensor, slots: Sequence[slice], axis: int) -> Tensor:
    picked = [x[(slice(None),) * axis + (run,)] for run in slots]
    return picked[0] if len(picked) == 1 else torch.cat(picked, axis)


def _joined(slots: Iterable[slice]) -> list[slice]:
    """Neighbouring runs of slots as one."""
    joined: list[slice] = []
    for run in slots:
        if joined and joined[-1].stop == run.start:
            joined[-1] = slice(joined[-1].start, run.stop)
        else:
            joined.append(run)
    return joined
