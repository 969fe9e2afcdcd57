"""Attention on a CUDA device: FlexAttention, compiled at its first use, over all stored tokens or over chosen tiles."""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import cache
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor
from torch.nn.attention.flex_attention import AuxRequest, BlockMask, flex_attention

from longspan.core.types import Tiles

BLOCK = 128
"""Queries, and stored tokens, of a block that the kernel computes or skips."""
DIMENSIONS = (16, 32, 64, 128, 256)
"""Head dimensions that the kernel is sure to take."""

UNCOMPILED: Callable[..., Any] = flex_attention
"""The same by plain operations, all pairs at once: what tests compare with."""


def serves(q_BHTD: Tensor) -> bool:
    """Whether the compiled kernel runs where these queries are."""
    return q_BHTD.device.type == "cuda" and q_BHTD.shape[3] in DIMENSIONS


def attention(
    q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, *, scale: float, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Attention of every query over all S stored tokens: output [B, H, T, D] and float32 log-sum-exp [B, H, T].

    `causal` means that query t sees the first t + 1 of them.
    """
    if not causal:
        return _kernel(q_BHTD, k_BGSD, v_BGSD, None, scale)
    one = torch.zeros(1, 1, 1, 1, dtype=torch.bool, device=q_BHTD.device)
    return tiled(q_BHTD, k_BGSD, v_BGSD, Tiles(one, k_BGSD.shape[2]), past=0, scale=scale)


def tiled(
    q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, tiles: Tiles, *, past: int, scale: float
) -> tuple[Tensor, Tensor]:
    """Attention of the stored tokens from `past` on over the tiles kept before each one's own tile of queries.

    Of that tile a query sees the tokens up to itself. Blocks in which nothing is seen are not read.
    """
    pad = past % BLOCK
    q_BHTD = F.pad(q_BHTD, (0, 0, pad, 0))
    mask = _mask(tiles, past - pad, past, (q_BHTD.shape[2], k_BGSD.shape[2]))
    out, lse = _kernel(q_BHTD, k_BGSD, v_BGSD, mask, scale)
    return out[:, :, pad:], lse[:, :, pad:]


def _mask(tiles: Tiles, origin: int, past: int, lengths: tuple[int, int]) -> BlockMask:
    """Which blocks hold a pair that is seen, which hold nothing else, and the rule for pairs of the others."""
    keep, size, step = tiles.keep_BHts, tiles.size, tiles.queries or tiles.size
    device, rows_alike, heads_alike = keep.device, keep.shape[0] == 1, keep.shape[1] == 1
    # numbers that change from call to call are tensors, for a constant in the rule is compiled anew
    start = torch.tensor(origin, device=device)
    first_row = torch.tensor(past // step, device=device)
    last_row, last_tile = (torch.tensor(count - 1, device=device) for count in keep.shape[2:])

    def row(i: Tensor) -> Tensor:
        return torch.minimum((i // step - first_row).clamp_min(0), last_row)

    def tile(j: Tensor) -> Tensor:
        return torch.minimum(j // size, last_tile)

    def seen(b: Tensor, h: Tensor, i: Tensor, j: Tensor) -> Tensor:
        i = i + start
        kept = keep[b * 0 if rows_alike else b, h * 0 if heads_alike else h, row(i), tile(j)]
        return torch.where(j < i // step * step, kept, j <= i)

    def grouped(length: int, side: int, first: int) -> tuple[Tensor, int]:
        """First token of every stretch that lies within one tile and one block, and how many make up a block."""
        unit = math.gcd(side, BLOCK)
        return first + unit * torch.arange(-(-length // BLOCK) * BLOCK // unit, device=device), BLOCK // unit

    (i, rows), (j, columns) = grouped(lengths[0], step, origin), grouped(lengths[1], size, 0)
    kept = keep.index_select(2, row(i)).index_select(3, tile(j))
    kept = kept.view(*kept.shape[:2], kept.shape[2] // rows, rows, -1, columns)
    some, whole = kept.any(5).any(3), kept.all(5).all(3)
    begins = (i // step * step).view(-1, rows)
    ends = i.view(-1, rows)[:, :1] + BLOCK
    blocks = torch.arange(whole.shape[3], device=device) * BLOCK
    before, own = blocks < begins[:, -1:], (blocks + BLOCK > begins[:, :1]) & (blocks < ends)
    whole = whole & (blocks + BLOCK <= begins[:, :1])
    partial = (some & before | own) & ~whole
    return BlockMask.from_kv_blocks(
        *_listed(partial), *_listed(whole), BLOCK, seen, seq_lengths=lengths, compute_q_blocks=False
    )


def _listed(blocks_BHrc: Tensor) -> tuple[Tensor, Tensor]:
    """How many blocks of each row are set, and which: these first, then the others."""
    order = torch.argsort(blocks_BHrc.int(), dim=-1, descending=True, stable=True)
    return blocks_BHrc.sum(-1, dtype=torch.int32), order.int()


def _kernel(
    q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, mask: BlockMask | None, scale: float
) -> tuple[Tensor, Tensor]:
    run = _compiled() if serves(q_BHTD) else UNCOMPILED
    aux = AuxRequest(lse=True)
    out, found = run(q_BHTD, k_BGSD, v_BGSD, block_mask=mask, scale=scale, enable_gqa=True, return_aux=aux)
    return out, found.lse


@cache
def _compiled() -> Callable[..., Any]:
    return torch.compile(flex_attention)
