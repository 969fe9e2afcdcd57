"""Stored tokens that differ from head to head, in memory that wastes no slot on the shorter ones."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import replace

import torch
from torch import Tensor

from longspan.core.types import EMPTY, KV, KVPolicy, Layer, Look, Store
from longspan.kv.buffer import FIRST
from longspan.kv.full import Full, FullStore
from longspan.kv.state import State, number, part_of, portable, under

ROOM = 128
"""Slots beyond the tokens kept that the first later token makes room for."""
PART = 8
"""Of those stored, one part of so many is the room that is made after that."""
Place = tuple[tuple[int, int] | None, tuple[int, int] | None]
"""Batch rows and key/value heads, first and end; None: all."""


class Run:
    """Tokens of some rows and heads, as many for each, but each head's its own; later tokens go to all of them.

    Heads are rows of one head for the store within, whose positions are shared by heads.
    """

    def __init__(self, place: Place, shape: tuple[int, int], layer: Layer, policy: KVPolicy, slots: int) -> None:
        """Open one for so many rows and heads at their place, with room for as many slots."""
        self._place, self._shape = place, shape
        self._policy, self._plain = policy, isinstance(policy, Full)
        self._holes = self._idle = False
        self._store: Store = FullStore(slots + ROOM, PART) if self._plain else policy.open(_one_head(layer))

    @classmethod
    def of(cls, kept: KV, layer: Layer, policy: KVPolicy) -> Run:
        """Take over tokens, those of a plain store in their own memory."""
        rows, heads = kept.pos_BGS.shape[:2]
        run = cls((kept.rows, kept.heads), (rows, heads), layer, policy, len(kept))
        k, v, pos = _as_rows(kept.k_BGSD, kept.v_BGSD, kept.pos_BGS)
        if isinstance(run._store, FullStore):
            run._store.hold(k, v, pos)
            return run
        for start in range(0, len(kept), FIRST):
            cut = slice(start, start + FIRST)
            run._store.append(k[:, :, cut], v[:, :, cut], pos[:, cut])
        return run

    def append(self, k_BGTD: Tensor, v_BGTD: Tensor, pos_BT: Tensor) -> None:
        """Store this run's share of a call's tokens; of a row by itself without its padding."""
        pos_BGT = pos_BT[:, None].expand(-1, k_BGTD.shape[1], -1)
        cut = _cut(*self._place)
        k, v, pos = _as_rows(k_BGTD[cut], v_BGTD[cut], pos_BGT[cut])
        pads = int((pos == EMPTY).sum(1).amin()) if len(pos_BT) > 1 else 0
        self._holes, self._idle = self._holes or pads > 0, False
        if self._plain or len(pos) > 1:
            self._store.append(k, v, pos)
        elif pads < pos.shape[1]:
            self._store.append(k[:, :, pads:], v[:, :, pads:], pos[:, pads:])
        else:
            self._idle = True

    def read(self, q_BHTD: Tensor, q_BT: Tensor) -> Iterable[KV]:
        """Return the parts that the store within has, as heads again."""
        for part in self._store.read(q_BHTD, q_BT):
            own = replace(part, new=0 if self._idle else part.new, holes=part.holes or (self._plain and self._holes))
            yield self._whole(own) if part.rows is None else self._one(own, part.rows[0])

    def observe(self, look: Look) -> None:
        """Let the store within do what is due."""
        self._store.observe(look)

    def truncate(self, length_B: Tensor) -> None:
        """Forget positions from `length_B` on."""
        own_B = length_B[_cut(*self._place)[0]]
        self._store.truncate(own_B.repeat_interleave(self._shape[1]))

    def nbytes(self) -> int:
        """Bytes held."""
        return self._store.nbytes()

    def state(self) -> dict[str, Tensor]:
        """Where it stands, and what the store within holds."""
        rows, heads = (place or (0, 0) for place in self._place)
        place = torch.tensor([*rows, *heads, *self._shape])
        held = portable(self._store, self._policy).state()
        return {"place": place, "holes": number(self._holes), **under("held", held)}

    @classmethod
    def loaded(cls, state: State, layer: Layer, policy: KVPolicy) -> Run:
        """Go on from what another one held."""
        first_row, end_row, first_head, end_head, rows, heads = state["place"].tolist()
        place = (first_row, end_row) if end_row else None, (first_head, end_head) if end_head else None
        held = part_of(state, "held")
        run = cls(place, (rows, heads), layer, policy, held["k"].shape[2] if isinstance(policy, Full) else 0)
        run._holes = bool(state["holes"])
        portable(run._store, policy).load(held)
        return run

    def _whole(self, part: KV) -> KV:
        k, v, pos = (x.reshape(*self._shape, *x.shape[2:]) for x in (part.k_BGSD, part.v_BGSD, part.pos_BGS))
        rows, heads = self._place
        return replace(part, k_BGSD=k, v_BGSD=v, pos_BGS=pos, rows=rows, heads=heads)

    def _one(self, part: KV, index: int) -> KV:
        """A part of one of the rows within, as the head of the batch row that it is."""
        row, head = divmod(index, self._shape[1])
        first_row, first_head = ((place or (0,))[0] for place in self._place)
        row, head = first_row + row, first_head + head
        return replace(part, rows=(row, row + 1), heads=(head, head + 1))


def runs(kv: KV, keep_BGS: Tensor, layer: Layer, policy: KVPolicy) -> list[Run]:
    """Keep these slots as a policy holds them: as one run where all heads keep as many, else by row, else by head."""
    counts_BG = keep_BGS.sum(-1)
    rows = [(b, b + 1) for b in range(counts_BG.shape[0])]
    heads = [(g, g + 1) for g in range(counts_BG.shape[1])]
    if bool((counts_BG == counts_BG[0, 0]).all()):
        places = [kv]
    elif bool((counts_BG == counts_BG[:, :1]).all()):
        places = [replace(kv, rows=row) for row in rows]
    else:
        places = [replace(kv, rows=row, heads=head) for row in rows for head in heads]
    return [Run.of(_kept(place, keep_BGS), layer, policy) for place in places]


def joined(parts: Sequence[KV], rows: int, heads: int) -> KV:
    """All stored tokens as one rectangle, each head's in their order at the end, EMPTY slots in front."""
    parts = _abreast(parts)
    if parts[0].rows is parts[0].heads is None:
        return _settled(parts[0]) if parts[0].holes else parts[0]
    first, most = parts[0], max(len(part) for part in parts)
    k = first.k_BGSD.new_zeros(rows, heads, most, first.k_BGSD.shape[3])
    v = first.v_BGSD.new_zeros(rows, heads, most, first.v_BGSD.shape[3])
    pos = first.pos_BGS.new_full((rows, heads, most), EMPTY)
    for part in parts:
        cut = (*_cut(part.rows, part.heads), slice(most - len(part), None))
        k[cut], v[cut], pos[cut] = part.k_BGSD, part.v_BGSD, part.pos_BGS
    return _settled(KV(k, v, pos))


def _abreast(parts: Sequence[KV]) -> list[KV]:
    """One part for each place, this call's tokens last."""
    places: dict[object, list[KV]] = {}
    for part in sorted(parts, key=lambda part: part.new > 0):
        places.setdefault((part.rows, part.heads), []).append(part)
    return [_joined(own) for own in places.values()]


def _joined(parts: Sequence[KV]) -> KV:
    if len(parts) == 1:
        return parts[0]
    k, v, pos = (torch.cat([getattr(part, name) for part in parts], 2) for name in ("k_BGSD", "v_BGSD", "pos_BGS"))
    return replace(parts[-1], k_BGSD=k, v_BGSD=v, pos_BGS=pos, holes=any(part.holes for part in parts))


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


def _kept(kv: KV, keep_BGS: Tensor) -> KV:
    cut = _cut(kv.rows, kv.heads)
    keep = keep_BGS[cut]
    index_BGS = keep.nonzero()[:, 2].view(*keep.shape[:2], int(keep[0, 0].sum()))
    own = replace(kv, k_BGSD=kv.k_BGSD[cut], v_BGSD=kv.v_BGSD[cut], pos_BGS=kv.pos_BGS[cut])
    return _taken(own, index_BGS)


def _one_head(layer: Layer) -> Layer:
    """The layer as a store sees it for which each head is a row."""
    return replace(layer, num_heads=layer.num_heads // layer.num_kv_heads, num_kv_heads=1)


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
