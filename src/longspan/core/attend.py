"""Attention, written once: every method of the library plugs into this page.

Stored tokens come in disjoint parts. Each part is cut into runs that one fused kernel call can do; the runs are
merged by log-sum-exp, so nothing here ever holds T x S scores.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longspan.core import kernel
from longspan.core.types import KV, Layer, Moment, Pattern, PositionMap, Tiles
from longspan.core.view import View, kept, near, view

BLOCK = 512
"""Queries per run where positions decide what is seen."""
KEYS = 4096
"""Stored tokens per run there: bounds the mask."""

Run = tuple[Tensor, Tensor]
"""Output [B, H, T, D] and log-sum-exp [B, H, T] of attention over some of the stored tokens."""


@dataclass(frozen=True, slots=True)
class Page:
    """How one layer attends in one session."""

    layer: Layer
    positions: PositionMap
    pattern: Pattern
    scale: float

    @property
    def plain(self) -> bool:
        """Whether keys are final as stored and every pair is at its own distance."""
        return self.layer.rotated and self.positions.fixed


@dataclass(frozen=True, slots=True)
class Seen:
    """What a store is shown after attention."""

    page: Page
    q_BHTD: Tensor
    q_BT: Tensor
    moment: Moment

    def weights(self, q_BHTD: Tensor, q_BT: Tensor, *parts: KV) -> Tensor:
        """Attention weights [B, H, T, S] in float32 over whole parts side by side; ask for few queries."""
        scores = torch.cat([_scores(self.page, q_BHTD, q_BT, part) for part in parts], -1)
        return torch.softmax(scores, -1).nan_to_num(0.0)


def _scores(page: Page, q_BHTD: Tensor, q_BT: Tensor, part: KV) -> Tensor:
    scores = q_BHTD.new_full((*q_BHTD.shape[:3], len(part)), float("-inf"), dtype=torch.float32)
    for turned, mine_BGTS in view(page.layer, page.positions, q_BHTD, q_BT, part).claims():
        k = turned.k_BGSD.float()
        dots = kernel.fold(turned.q_BHTD.float(), k.shape[1]) @ k.transpose(-1, -2) * page.scale
        scores = torch.where(_of_query_heads(mine_BGTS, q_BHTD), dots.reshape(scores.shape), scores)
    return scores


def attend(page: Page, q_BHTD: Tensor, q_BT: Tensor, parts: Iterable[KV]) -> Tensor:
    """Causal attention of T queries at true positions `q_BT` over stored parts: [B, H, T, D].

    Queries come rotated where keys are stored rotated, as projected otherwise.
    """
    stream = iter(parts)
    part, following = next(stream), next(stream, None)
    tiles = _tiles(page, q_BHTD, part)
    if following is None and tiles is None and _is_dense(page, part):
        return _dense(page, q_BHTD, part)
    board: dict[Place, Run] = {}
    while part is not None:
        place = _place(page, q_BHTD, part)
        run = _part(page, _cut(q_BHTD, place), q_BT[place[0] : place[1]], part, tiles)
        board[place] = kernel.merge([board[place], run]) if place in board else run
        part, following = following, next(stream, None)
        tiles = _tiles(page, q_BHTD, part) if part is not None else None
    return _collect(q_BHTD, board)


Place = tuple[int, int, int, int]
"""Batch rows (first, end) and query heads (first, end) that a run is for."""


def _place(page: Page, q_BHTD: Tensor, part: KV) -> Place:
    shared = page.layer.num_heads // page.layer.num_kv_heads
    first_row, end_row = part.rows or (0, q_BHTD.shape[0])
    first_head, end_head = part.heads or (0, page.layer.num_kv_heads)
    return first_row, end_row, first_head * shared, end_head * shared


def _cut(x_BHT: Tensor, place: Place) -> Tensor:
    return x_BHT[place[0] : place[1], place[2] : place[3]]


def _collect(q_BHTD: Tensor, board: dict[Place, Run]) -> Tensor:
    """Put the runs of rows and heads together, merging where they overlap."""
    B, H = q_BHTD.shape[:2]
    out, lse = board.pop((0, B, 0, H)) if (0, B, 0, H) in board else _nothing(q_BHTD)
    for place, run in board.items():
        here_out, here_lse = _cut(out, place), _cut(lse, place)
        merged = kernel.merge([(here_out, here_lse), run])
        here_out.copy_(merged[0])
        here_lse.copy_(merged[1])
    return out


def _nothing(q_BHTD: Tensor) -> Run:
    lse = torch.full(q_BHTD.shape[:3], float("-inf"), dtype=torch.float32, device=q_BHTD.device)
    return torch.zeros_like(q_BHTD), lse


def _is_dense(page: Page, part: KV) -> bool:
    """Keys final, all rows and heads, and every query sees all that lies before it."""
    whole = part.rows is None and part.heads is None
    return page.plain and whole and not part.holes and not part.reach


def _dense(page: Page, q_BHTD: Tensor, part: KV) -> Tensor:
    if part.new == len(part) or part.new <= 1:
        return kernel.output(q_BHTD, part.k_BGSD, part.v_BGSD, scale=page.scale, causal=part.new > 1)
    return _plain(page, q_BHTD, part.k_BGSD, part.v_BGSD, part.new)[0]


def _plain(page: Page, q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, new: int) -> Run:
    """The past seen by every query, and this call's own tokens causally."""
    past = k_BGSD.shape[2] - new
    runs = []
    if past:
        folded = kernel.fold(q_BHTD, k_BGSD.shape[1])
        out, lse = kernel.attention(folded, k_BGSD[:, :, :past], v_BGSD[:, :, :past], scale=page.scale)
        runs.append((out.reshape(q_BHTD.shape), lse.reshape(q_BHTD.shape[:3])))
    if new:
        own = kernel.attention(q_BHTD, k_BGSD[:, :, past:], v_BGSD[:, :, past:], scale=page.scale, causal=True)
        runs.append(own)
    return kernel.merge(runs)


def _part(page: Page, q_BHTD: Tensor, q_BT: Tensor, part: KV, tiles: Tiles | None) -> Run:
    """Attention over one part, cut where not every query sees the same."""
    if tiles is None and _is_dense(page, part):
        return _plain(page, q_BHTD, part.k_BGSD, part.v_BGSD, part.new)
    seen = view(page.layer, page.positions, q_BHTD, q_BT, part)
    if tiles is not None:
        return _sparse(page, seen, tiles)
    return _join([_run(page, block) for block in near(seen, BLOCK)], 2)


def _sparse(page: Page, seen: View, tiles: Tiles) -> Run:
    """Only the kept tiles; rows and heads that choose for themselves are done one by one."""
    keep_BHts = tiles.keep_BHts
    rows, heads = keep_BHts.shape[:2]
    if rows == heads == 1:
        return _join([_run(page, tile) for tile in kept(seen, tiles)], 2)
    if rows > 1:
        every = slice(None)
        cuts = [(slice(b, b + 1), every, every, replace(tiles, keep_BHts=keep_BHts[b : b + 1])) for b in range(rows)]
        return _join([_sparse(page, seen.only(row, q, kv), own) for row, q, kv, own in cuts], 0)
    group = heads // seen.part.k_BGSD.shape[1]
    runs = []
    for h in range(heads):
        alone = seen.only(slice(None), slice(h, h + 1), slice(h // group, h // group + 1))
        runs.append(_sparse(page, alone, replace(tiles, keep_BHts=keep_BHts[:, h : h + 1])))
    return _join(runs, 1)


def _run(page: Page, seen: View) -> Run:
    single = seen.single()
    if single is not None:
        return _plain(page, single.q_BHTD, single.k_BGSD, seen.part.v_BGSD, seen.part.new)
    run = _nothing(seen.turned[0].q_BHTD)
    for start in range(0, len(seen.part), KEYS):
        slots = slice(start, start + KEYS)
        for turned, mine_BGTS in seen.claims(slots):
            mask = _of_query_heads(mine_BGTS, turned.q_BHTD)
            v = seen.part.v_BGSD[:, :, slots]
            run = kernel.merge([run, kernel.attention(turned.q_BHTD, turned.k_BGSD, v, scale=page.scale, mask=mask)])
    return run


def _of_query_heads(mask_BGTS: Tensor, q_BHTD: Tensor) -> Tensor:
    heads = mask_BGTS.shape[1]
    return mask_BGTS if heads == 1 else mask_BGTS.repeat_interleave(q_BHTD.shape[1] // heads, 1)


def _join(runs: list[Run], axis: int) -> Run:
    return torch.cat([out for out, _ in runs], axis), torch.cat([lse for _, lse in runs], axis)


def _tiles(page: Page, q_BHTD: Tensor, part: KV) -> Tiles | None:
    return page.pattern.tiles(q_BHTD, part.k_BGSD, page.layer) if part.new > 1 else None
