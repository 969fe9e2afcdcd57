"""Stored tokens that differ from head to head, in memory that wastes no slot on the shorter ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from longspan.core.types import EMPTY, KV
from longspan.kv.buffer import Buffer

ROOM = 128
"""Slots beyond the tokens kept that the first later token makes room for."""
PART = 8
"""Of those stored, one part of so many is the room that is made after that."""


class Run:
    """Tokens of some rows and heads, as many for each, but each head's its own; later tokens go to all of them."""

    def __init__(self, kept: KV) -> None:
        self._place = kept.rows, kept.heads
        self._shape = kept.pos_BGS.shape[:2]
        self._buffer = Buffer(len(kept) + ROOM, PART)
        self._new = 0
        self._holes = False
        self._buffer.hold(*_as_rows(kept.k_BGSD, kept.v_BGSD, kept.pos_BGS))

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store this run's share of a call's tokens."""
        if pos_BT.shape[0] > 1:
            self._holes = self._holes or bool((pos_BT == EMPTY).any())
        pos_BGT = pos_BT[:, None].expand(-1, k_BGTD.shape[1], -1)
        cut = _cut(*self._place)
        self._buffer.append(*_as_rows(k_BGTD[cut], v_BGTD[cut], pos_BGT[cut]))
        self._new = pos_BT.shape[1]

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return all as one part."""
        k, v, pos = (x.view(*self._shape, *x.shape[2:]) for x in self._buffer.tail(self._buffer.length))
        return [KV(k, v, pos, self._new, holes=self._holes, rows=self._place[0], heads=self._place[1])]

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on."""
        own_B = length_B[_cut(*self._place)[0]]
        self._buffer.truncate(own_B.repeat_interleave(self._shape[1]))

    def nbytes(self) -> int:
        """Bytes held."""
        return self._buffer.nbytes()


def runs(kv: KV, keep_BGS: Tensor) -> list[Run]:
    """Keep these slots: as one run where all heads keep as many, else one per row, else one per row and head."""
    counts_BG = keep_BGS.sum(-1)
    rows = [(b, b + 1) for b in range(counts_BG.shape[0])]
    heads = [(g, g + 1) for g in range(counts_BG.shape[1])]
    if bool((counts_BG == counts_BG[0, 0]).all()):
        return [_kept(kv, keep_BGS)]
    if bool((counts_BG == counts_BG[:, :1]).all()):
        return [_kept(replace(kv, rows=row), keep_BGS) for row in rows]
    return [_kept(replace(kv, rows=row, heads=head), keep_BGS) for row in rows for head in heads]


def joined(parts: Sequence[KV], rows: int, heads: int) -> KV:
    """All stored tokens as one rectangle, each head's in their order at the end, EMPTY slots in front."""
    if len(parts) == 1:
        return _settled(parts[0]) if parts[0].holes else parts[0]
    first, most = parts[0], max(len(part) for part in parts)
    k = first.k_BGSD.new_zeros(rows, heads, most, first.k_BGSD.shape[3])
    v = first.v_BGSD.new_zeros(rows, heads, most, first.v_BGSD.shape[3])
    pos = first.pos_BGS.new_full((rows, heads, most), EMPTY)
    for part in parts:
        cut = (*_cut(part.rows, part.heads), slice(most - len(part), None))
        k[cut], v[cut], pos[cut] = part.k_BGSD, part.v_BGSD, part.pos_BGS
    return _settled(KV(k, v, pos))


def best(score_BGS: Tensor, count_BG: Tensor) -> Tensor:
    """Mark the `count` highest scores of each head; of equals the first."""
    order = score_BGS.sort(dim=-1, descending=True, stable=True).indices
    chosen = torch.arange(score_BGS.shape[-1], device=order.device) < count_BG[..., None]
    return torch.zeros_like(chosen).scatter(-1, order, chosen)


def _as_rows(k_BGTD: Tensor, v_BGTD: Tensor, pos_BGT: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Heads as rows of one head, for a buffer's positions are shared by heads."""
    return k_BGTD.flatten(0, 1)[:, None], v_BGTD.flatten(0, 1)[:, None], pos_BGT.flatten(0, 1)


def _cut(rows: tuple[int, int] | None, heads: tuple[int, int] | None) -> tuple[slice, slice]:
    return slice(*(rows or (None,))), slice(*(heads or (None,)))


def _kept(kv: KV, keep_BGS: Tensor) -> Run:
    cut = _cut(kv.rows, kv.heads)
    keep = keep_BGS[cut]
    index_BGS = keep.nonzero()[:, 2].view(*keep.shape[:2], int(keep[0, 0].sum()))
    own = replace(kv, k_BGSD=kv.k_BGSD[cut], v_BGSD=kv.v_BGSD[cut], pos_BGS=kv.pos_BGS[cut])
    return Run(_taken(own, index_BGS))


def _settled(kv: KV) -> KV:
    return _taken(kv, (kv.pos_BGS != EMPTY).byte().argsort(dim=-1, stable=True))


def _taken(kv: KV, index_BGS: Tensor) -> KV:
    index = index_BGS[..., None].expand(-1, -1, -1, kv.k_BGSD.shape[3])
    return replace(
        kv,
        k_BGSD=kv.k_BGSD.gather(2, index),
        v_BGSD=kv.v_BGSD.gather(2, index),
        pos_BGS=kv.pos_BGS.gather(2, index_BGS),
    )
