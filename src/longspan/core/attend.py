"""Attention, written once: every method of the library plugs into this page.

Stored tokens come in disjoint parts. Each part is cut into runs that one fused kernel call can do; the runs are
merged by log-sum-exp, so nothing here ever holds T x S scores.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace

import torch
from torch import Tensor

from longspan.core import flex, kernel
from longspan.core.rotate import rotate
from longspan.core.types import KV, Band, Layer, Moment, Pattern, PositionMap, Tiles
from longspan.core.work import Place, Work, lay_out, side_by_side

BLOCK = 512
"""Queries per run where positions decide what is seen."""
KEYS = 4096
"""Stored tokens per run there: bounds the mask."""
SHORT = 2048
"""Tokens of a text whose queries read all before them: to look at so few costs more than it saves (docs/bench.md)."""

Run = tuple[Tensor, Tensor]
"""Output [B, H, T, D] and log-sum-exp [B, H, T] of attention over some of the stored tokens."""


@dataclass(frozen=True, slots=True)
class Page:
    """How one layer attends in one session."""

    layer: Layer
    positions: PositionMap
    pattern: Pattern
    scale: float


@dataclass(frozen=True, slots=True)
class Seen:
    """What a store is shown after attention."""

    page: Page
    q_BHTD: Tensor
    q_BT: Tensor
    moment: Moment

    def weights(self, q_BHTD: Tensor, q_BT: Tensor, *parts: KV) -> Tensor:
        """Attention weights [B, H, T, S] in float32 over whole parts side by side; ask for few queries."""
        return torch.softmax(self.logits(q_BHTD, q_BT, *parts), -1).nan_to_num(0.0)

    def logits(self, q_BHTD: Tensor, q_BT: Tensor, *parts: KV) -> Tensor:
        """What the softmax of these weights is taken of, minus infinity where a query does not see a token."""
        works = side_by_side(self.page.positions, q_BHTD, q_BT, parts, [part.pos_BGS for part in parts])
        return torch.cat([_scores(self.page, work) for work in works], -1)


def _scores(page: Page, work: Work) -> Tensor:
    shape = (*work.q_BHTD.shape[:3], len(work.part))
    scores = work.q_BHTD.new_full(shape, float("-inf"), dtype=torch.float32)
    for band in work.bands:
        mask = work.mask(band)
        if mask is None or bool(mask.any()):
            q, k = _turned_queries(page, work, band), _turned_keys(page, work, band)
            dots = (kernel.fold(q.float(), k.shape[1]) @ k.float().transpose(-1, -2) * page.scale).reshape(shape)
            scores = dots if mask is None else torch.where(mask, dots, scores)
    return scores


def attend(page: Page, q_BHTD: Tensor, q_BT: Tensor, parts: Iterable[KV]) -> Tensor:
    """Causal attention of T queries at true positions `q_BT` over stored parts: [B, H, T, D].

    Queries come rotated where keys are stored rotated, as projected otherwise. A query that sees nothing gets zeros.
    """
    stream = lay_out(page.positions, q_BHTD, q_BT, parts, page.layer.num_kv_heads)
    placed, following = next(stream, None), next(stream, None)
    alone = following is None
    board: dict[Place, Run] = {}
    while placed is not None:
        at, work = placed
        pad = max(0, q_BHTD.shape[2] - work.part.new) if work.part.new else 0
        own = work.queries(pad, q_BHTD.shape[2]) if pad else work
        tiles = _tiles(page, own)
        if alone and not pad and tiles is None and _is_dense(page, work):
            return _dense(page, work)
        run = _after(work.q_BHTD[:, :, :pad], _part(page, own, tiles))
        board[at] = kernel.merge([board[at], run]) if at in board else run
        placed, following = following, next(stream, None)
    return _collect(page, q_BHTD, board)


def _collect(page: Page, q_BHTD: Tensor, board: dict[Place, Run]) -> Tensor:
    """Put the runs of rows and heads together, merging where they overlap."""
    heads = page.layer.num_kv_heads
    whole = Place(0, q_BHTD.shape[0], 0, heads)
    out, lse = board.pop(whole) if whole in board else _nothing(q_BHTD)
    for at, run in board.items():
        here_out, here_lse = at.queries(out, heads), at.queries(lse, heads)
        merged = kernel.merge([(here_out, here_lse), run])
        here_out.copy_(merged[0])
        here_lse.copy_(merged[1])
    return out


def _nothing(q_BHTD: Tensor) -> Run:
    lse = torch.full(q_BHTD.shape[:3], float("-inf"), dtype=torch.float32, device=q_BHTD.device)
    return torch.zeros_like(q_BHTD), lse


def _after(padding_BHTD: Tensor, run: Run) -> Run:
    """A run behind the padding of its queries, which sees nothing."""
    return _join([_nothing(padding_BHTD), run], 2) if padding_BHTD.shape[2] else run


def _join(runs: list[Run], axis: int) -> Run:
    return torch.cat([out for out, _ in runs], axis), torch.cat([lse for _, lse in runs], axis)


def _is_plain(page: Page, work: Work) -> bool:
    """Keys final, every pair at its own distance, and every query sees all that lies before it."""
    return page.layer.rotated and work.unmoved and not (work.part.holes or work.part.reach or work.part.beyond)


def _is_dense(page: Page, work: Work) -> bool:
    """Plain, and for all rows and heads."""
    return _is_plain(page, work) and work.part.rows is None and work.part.heads is None


def _dense(page: Page, work: Work) -> Tensor:
    part = work.part
    if part.new == len(part) or part.new <= 1:
        return kernel.output(work.q_BHTD, part.k_BGSD, part.v_BGSD, scale=page.scale, causal=part.new > 1)
    return _plain(page, work)[0]


def _plain(page: Page, work: Work) -> Run:
    """The past seen by every query, and this call's own tokens causally; a single query sees all alike."""
    q, k, v = work.q_BHTD, work.part.k_BGSD, work.part.v_BGSD
    past = len(work.part) - work.part.new if q.shape[2] > 1 else len(work.part)
    runs = []
    if past:
        out, lse = kernel.attention(kernel.fold(q, k.shape[1]), k[:, :, :past], v[:, :, :past], scale=page.scale)
        runs.append((out.reshape(q.shape), lse.reshape(q.shape[:3])))
    if past < len(work.part):
        runs.append(kernel.attention(q, k[:, :, past:], v[:, :, past:], scale=page.scale, causal=True))
    return kernel.merge(runs)


def _part(page: Page, work: Work, tiles: Tiles | None) -> Run:
    """Attention over one part, cut into blocks of queries where not every query sees the same."""
    if _is_padded(work) and (tiles is not None or page.pattern.looks):
        return _rows(page, work)
    if tiles is not None:
        return _sparse(page, work, tiles)
    if _is_plain(page, work):
        return _plain(page, work)
    T = work.q_BHTD.shape[2]
    return _join([_run(page, _near(work, t, min(t + BLOCK, T))) for t in range(0, T, BLOCK)], 2)


def _is_padded(work: Work) -> bool:
    """Whether this call's own tokens lie among padding that all heads share."""
    return work.part.new > 0 and work.part.holes and work.part.pos_BGS.shape[1] == 1


def _near(work: Work, first: int, end: int) -> Work:
    """Queries `first` to `end` and the slots they can see: causal, and within reach."""
    part, queries = work.part, work.queries(first, end)
    if part.new == 0:
        return queries
    past = len(part) - part.new
    start = max(0, past + first - part.reach + 1) if part.reach and not part.holes else 0
    return queries.slots([(start, past + end)], new=end - first)


def _rows(page: Page, work: Work) -> Run:
    """Each row by itself and without padding, so that its tiles are those it has alone."""
    runs = []
    for row in range(work.q_BHTD.shape[0]):
        own, q = work.row(row), work.q_BHTD[row : row + 1]
        run = _part(page, own, _tiles(page, own)) if own.part.new else _nothing(own.q_BHTD)
        runs.append(_after(q[:, :, : q.shape[2] - own.part.new], run))
    return _join(runs, 0)


def _sparse(page: Page, work: Work, tiles: Tiles) -> Run:
    """Only the kept tiles, and every query's own tile causally; row by row and head by head where they differ."""
    keep = tiles.keep_BHts
    final = _final(page, work) if flex.serves(work.q_BHTD) else None
    if final is not None:
        own, past = replace(tiles, keep_BHts=keep.to(work.q_BHTD.device)), len(work.part) - work.part.new
        part = final.part
        return flex.tiled(final.q_BHTD, part.k_BGSD, part.v_BGSD, own, past=past, scale=page.scale)
    if keep.shape[0] > 1:
        rows = [slice(row, row + 1) for row in range(keep.shape[0])]
        return _join([_sparse(page, work.only(rows=b), replace(tiles, keep_BHts=keep[b])) for b in rows], 0)
    if keep.shape[1] > 1:
        heads = range(keep.shape[1])
        runs = [_sparse(page, work.only(head=h), replace(tiles, keep_BHts=keep[:, h : h + 1])) for h in heads]
        return _join(runs, 1)
    size, step, stored = tiles.size, tiles.queries or tiles.size, len(work.part)
    past, runs = stored - work.part.new, []
    starts = [(past // step + index) * step for index in range(keep.shape[2])]
    if all(bool(kept_s[: -(-start // size)].all()) for kept_s, start in zip(keep[0, 0], starts, strict=True)):
        return _part(page, work, None)
    for kept_s, start in zip(keep[0, 0], starts, strict=True):
        first, end = max(start, past), min(start + step, stored)
        before_S = kept_s.repeat_interleave(size)[:start].nonzero().flatten()
        index_S = torch.cat([before_S, torch.arange(start, end)]).to(work.part.pos_BGS.device)
        runs.append(_run(page, work.queries(first - past, end - past).chosen(index_S, new=end - first)))
    return _join(runs, 2)


def _final(page: Page, work: Work) -> Work | None:
    """The same work as one over plain keys, where every pair is in the same band; otherwise None."""
    if _is_plain(page, work):
        return work
    alone = work.alone()
    if alone is None:
        return None
    k_BGSD = _turned_keys(page, work, alone)
    return replace(work, q_BHTD=_turned_queries(page, work, alone), part=replace(work.part, k_BGSD=k_BGSD))


def _run(page: Page, work: Work) -> Run:
    final = _final(page, work)
    if final is not None:
        return _plain(page, final)
    runs = [run for band in work.bands for run in _band(page, work.within(band))]
    return kernel.merge(runs) if runs else _nothing(work.q_BHTD)


def _band(page: Page, work: Work) -> Iterator[Run]:
    """Attention over the pairs of the only band of some work, a stretch of stored tokens at a time."""
    if not len(work.part):
        return
    q = _turned_queries(page, work, work.bands[0])
    for start in range(0, len(work.part), KEYS):
        some = work.slots([(start, min(start + KEYS, len(work.part)))], new=0)
        band = some.bands[0]
        k, v, mask = _turned_keys(page, some, band), some.part.v_BGSD, some.mask(band)
        yield kernel.attention(q, k, v, scale=page.scale, mask=mask)


def _turned_queries(page: Page, work: Work, band: Band) -> Tensor:
    """Queries at the band's positions; where keys are final only by what differs from their own."""
    rotation, rotated = page.layer.rotation, page.layer.rotated
    if rotated and band.q_BGT is work.q_BGT and band.temperature == 1:
        return work.q_BHTD
    turn = band.q_BGT - work.q_BGT if rotated else band.q_BGT
    if turn.shape[1] > 1:
        turn = turn.repeat_interleave(work.q_BHTD.shape[1] // turn.shape[1], 1)
    heat = band.temperature**2 if rotated else rotation.temperature * band.temperature
    return rotate(work.q_BHTD, turn, replace(rotation, temperature=heat))


def _turned_keys(page: Page, work: Work, band: Band) -> Tensor:
    """Keys at the band's positions, unless they are final."""
    if page.layer.rotated:
        return work.part.k_BGSD
    k_BGSD, pos = work.part.k_BGSD, band.k_BGS.clamp_min(0)
    rotation = replace(page.layer.rotation, temperature=page.layer.rotation.temperature * band.temperature)
    if not band.blended:
        return rotate(k_BGSD, pos, rotation)
    below, above = rotate(k_BGSD, pos.floor(), rotation), rotate(k_BGSD, pos.ceil(), rotation)
    return torch.lerp(below, above, (pos - pos.floor())[..., None].to(k_BGSD.dtype))


def _tiles(page: Page, work: Work) -> Tiles | None:
    """What the pattern chooses for this call's own queries, on the host."""
    part, pattern = work.part, page.pattern
    if not part.new or (pattern.looks and (part.holes or len(part) <= SHORT)):
        return None
    some = part.heads or (0, page.layer.num_kv_heads)
    layer = replace(page.layer, num_heads=work.q_BHTD.shape[1], num_kv_heads=some[1] - some[0], kv_head=some[0])
    tiles = pattern.tiles(*(_looked_at(page, work) if pattern.looks else (work.q_BHTD, part.k_BGSD)), layer)
    if tiles is None:
        return None
    keep = tiles.keep_BHts.cpu().clone()
    if pattern.looks:
        step, past = tiles.queries or tiles.size, len(part) - part.new
        keep[:, :, : max(0, -(-SHORT // step) - past // step)] = True
    return replace(tiles, keep_BHts=keep)


def _looked_at(page: Page, work: Work) -> tuple[Tensor, Tensor]:
    """Queries and keys at their true positions, such that q k / sqrt(D) is the logit."""
    q, k, rotation = work.q_BHTD, work.part.k_BGSD, page.layer.rotation
    if not page.layer.rotated:
        q_pos = work.q_BGT if work.q_BGT.shape[1] == 1 else work.q_BGT.repeat_interleave(q.shape[1] // k.shape[1], 1)
        q, k = rotate(q, q_pos, rotation), rotate(k, work.part.pos_BGS.clamp_min(0), rotation)
    scale = page.scale * page.layer.head_dim**0.5
    return (q if abs(scale - 1) < 1e-6 else q * scale), k
