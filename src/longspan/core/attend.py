"""Attention, written once: every method of the library plugs into this page.

Stored tokens come in disjoint parts. Each part is cut into runs that one fused kernel call can do; the runs are
merged by log-sum-exp, so nothing here ever holds T x S scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longspan.core import kernel
from longspan.core.rotate import rotate
from longspan.core.types import EMPTY, KV, Band, Layer, Moment, Pattern, PositionMap, Tiles

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
    for q, k, _, mask in _bands(page, q_BHTD, q_BT, part):
        dots = kernel.fold(q.float(), k.shape[1]) @ k.float().transpose(-1, -2) * page.scale
        scores = dots.reshape(scores.shape) if mask is None else torch.where(mask, dots.reshape(scores.shape), scores)
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
        run = _part(page, _cut(q_BHTD, place), q_BT[place[0] : place[1]], part)
        board[place] = kernel.merge([board[place], run]) if place in board else run
        part, following = following, next(stream, None)
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
    return _plain(page, q_BHTD, part)[0]


def _plain(page: Page, q_BHTD: Tensor, part: KV) -> Run:
    """The past seen by every query, and this call's own tokens causally."""
    past, k, v = len(part) - part.new, part.k_BGSD, part.v_BGSD
    runs = []
    if past:
        folded = kernel.fold(q_BHTD, k.shape[1])
        out, lse = kernel.attention(folded, k[:, :, :past], v[:, :, :past], scale=page.scale)
        runs.append((out.reshape(q_BHTD.shape), lse.reshape(q_BHTD.shape[:3])))
    if part.new:
        own = kernel.attention(q_BHTD, k[:, :, past:], v[:, :, past:], scale=page.scale, causal=True)
        runs.append(own)
    return kernel.merge(runs)


def _part(page: Page, q_BHTD: Tensor, q_BT: Tensor, part: KV) -> Run:
    """Attention over one part, cut into blocks of queries where not every query sees the same."""
    tiles = _tiles(page, q_BHTD, part)
    if tiles is not None:
        return _sparse(page, q_BHTD, q_BT, part, tiles)
    if part.reach or part.holes or not page.plain:
        T = q_BHTD.shape[2]
        cuts = [(slice(t, t + BLOCK), _near(part, t, min(t + BLOCK, T), T)) for t in range(0, T, BLOCK)]
    else:
        return _plain(page, q_BHTD, part)
    return _join([_run(page, q_BHTD[:, :, t], q_BT[:, t], near) for t, near in cuts], 2)


def _join(runs: list[Run], axis: int) -> Run:
    return torch.cat([out for out, _ in runs], axis), torch.cat([lse for _, lse in runs], axis)


def _sparse(page: Page, q_BHTD: Tensor, q_BT: Tensor, part: KV, tiles: Tiles) -> Run:
    """Only the kept tiles, and every query's own tile causally; heads that choose alike are done together."""
    keep = tiles.keep_BHts
    if keep.shape[0] > 1:
        rows = [slice(b, b + 1) for b in range(keep.shape[0])]
        return _join([_sparse(page, q_BHTD[r], q_BT[r], _only(part, r), replace(tiles, keep_BHts=keep[r])) for r in rows], 0)
    if keep.shape[1] > 1:
        shared, runs = q_BHTD.shape[1] // part.k_BGSD.shape[1], []
        for h in range(keep.shape[1]):
            one, group = slice(h, h + 1), slice(h // shared, h // shared + 1)
            alone = replace(tiles, keep_BHts=keep[:, one])
            runs.append(_sparse(page, q_BHTD[:, one], q_BT, _only(part, slice(None), group), alone))
        return _join(runs, 1)
    size = tiles.size
    cuts = [(slice(t, t + size), _kept(part, keep[0, 0, t // size], t, size)) for t in range(0, q_BHTD.shape[2], size)]
    return _join([_run(page, q_BHTD[:, :, t], q_BT[:, t], kept) for t, kept in cuts], 2)


def _only(part: KV, rows: slice, heads: slice = slice(None)) -> KV:
    return replace(
        part, k_BGSD=part.k_BGSD[rows, heads], v_BGSD=part.v_BGSD[rows, heads], pos_BGS=part.pos_BGS[rows, heads]
    )


def _kept(part: KV, keep_s: Tensor, first: int, size: int) -> KV:
    """The kept tiles before query `first`, and the queries' own tokens."""
    own = len(part) - part.new + first
    end = min(own + size, len(part))
    before = keep_s[: -(-own // size)].nonzero().flatten().tolist()
    pieces = [slice(s * size, min((s + 1) * size, own)) for s in before] + [slice(own, end)]
    joined = [slice(*run) for run in _runs(pieces)]
    k, v, pos = (torch.cat([x[:, :, j] for j in joined], 2) for x in (part.k_BGSD, part.v_BGSD, part.pos_BGS))
    return replace(part, k_BGSD=k, v_BGSD=v, pos_BGS=pos, new=end - own)


def _runs(pieces: Sequence[slice]) -> list[tuple[int, int]]:
    """Neighbouring slices as one."""
    runs: list[tuple[int, int]] = []
    for piece in pieces:
        if runs and runs[-1][1] == piece.start:
            runs[-1] = (runs[-1][0], piece.stop)
        else:
            runs.append((piece.start, piece.stop))
    return runs


def _run(page: Page, q_BHTD: Tensor, q_BT: Tensor, part: KV) -> Run:
    if page.plain and not part.holes and not part.reach:
        return _plain(page, q_BHTD, part)
    merged = _nothing(q_BHTD)
    for start in range(0, len(part), KEYS):
        for q, k, v, mask in _bands(page, q_BHTD, q_BT, _slots(part, start, start + KEYS)):
            merged = kernel.merge([merged, kernel.attention(q, k, v, scale=page.scale, mask=mask)])
    return merged


def _bands(page: Page, q_BHTD: Tensor, q_BT: Tensor, part: KV) -> Iterable[tuple[Tensor, Tensor, Tensor, Tensor | None]]:
    """Rotated queries and keys, values, and the pairs [B, H or 1, T, S] they count for (None: all of them)."""
    heads = 1 if part.pos_BGS.stride(1) == 0 else part.k_BGSD.shape[1]
    k_pos = part.pos_BGS[:, :heads]
    q_pos = q_BT[:, None].expand(-1, heads, -1)
    q, k = q_pos[..., None], k_pos[:, :, None]
    left = (k <= q) & (k != EMPTY)
    if part.reach:
        left &= k > q - part.reach
    for band in reversed(page.positions.bands(q_pos, k_pos)):
        mask = left if band.where is None else left & band.where(q, k)
        if not bool(mask.any()):
            continue
        left = left & ~mask
        yield *_turned(page, q_BHTD, q_pos, part.k_BGSD, band), part.v_BGSD, _per_query_head(mask, q_BHTD)


def _per_query_head(mask_BGTS: Tensor, q_BHTD: Tensor) -> Tensor | None:
    if bool(mask_BGTS.all()):
        return None
    heads = mask_BGTS.shape[1]
    return mask_BGTS if heads == 1 else mask_BGTS.repeat_interleave(q_BHTD.shape[1] // heads, 1)


def _turned(page: Page, q_BHTD: Tensor, q_BGT: Tensor, k_BGSD: Tensor, band: Band) -> tuple[Tensor, Tensor]:
    """Queries and keys at the band's positions; where keys are final only the query is turned, by what differs."""
    rotation, rotated = page.layer.rotation, page.layer.rotated
    turn = band.q_BGT - q_BGT if rotated else band.q_BGT
    if rotated and band.q_BGT is q_BGT:
        return q_BHTD, k_BGSD
    turn = turn.repeat_interleave(q_BHTD.shape[1] // turn.shape[1], 1)
    if rotated:
        return rotate(q_BHTD, turn, replace(rotation, temperature=1.0)), k_BGSD
    return rotate(q_BHTD, turn, rotation), rotate(k_BGSD, band.k_BGS.clamp_min(0), rotation)


def _slots(part: KV, start: int, end: int) -> KV:
    """The slots from `start` to `end` of a part; its own tokens stay its last ones."""
    end = min(end, len(part))
    k, v, pos = part.k_BGSD[:, :, start:end], part.v_BGSD[:, :, start:end], part.pos_BGS[:, :, start:end]
    return replace(part, k_BGSD=k, v_BGSD=v, pos_BGS=pos, new=max(0, part.new - (len(part) - end)))


def _near(part: KV, first: int, end: int, total: int) -> KV:
    """The slots that queries `first` to `end` of `total` can see: causal, and within reach."""
    if part.new == 0:
        return part
    stop = len(part) - total + end
    start = max(0, len(part) - total + first - part.reach + 1) if part.reach else 0
    near = _slots(part, start, stop)
    return replace(near, new=end - first)


def _tiles(page: Page, q_BHTD: Tensor, part: KV) -> Tiles | None:
    return page.pattern.tiles(q_BHTD, part.k_BGSD, page.layer) if part.new > 1 else None
