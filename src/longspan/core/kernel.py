"""Softmax attention over one run of stored tokens, with the log-sum-exp that lets runs be merged exactly."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core import flex
from longspan.core.processor import multiplies_bfloat16

FEW = 8
"""Queries that are few: those that share a key/value head are put side by side."""
LONG = 2048
"""From this many stored tokens on plain products of few queries pay, where they do at all."""
TILE = 2048
"""Stored tokens per step where no fused kernel returns a log-sum-exp."""


def attention(
    q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, *, scale: float, mask: Tensor | None = None, causal: bool = False
) -> tuple[Tensor, Tensor]:
    """Attention of `q` over S >= 1 stored tokens: output [B, H, T, D] and float32 log-sum-exp [B, H, T].

    `mask` is boolean, broadcastable to [B, H, T, S], True where a pair counts; a query that sees nothing gives zeros
    and minus infinity. `causal` means that query t sees the first t + 1 stored tokens.
    """
    few = q_BHTD.shape[2] <= FEW and not causal
    if few and _products_pay(k_BGSD):
        return _whole(q_BHTD, k_BGSD, v_BGSD, scale, mask)
    if mask is None and flex.serves(q_BHTD):
        return flex.attention(q_BHTD, k_BGSD, v_BGSD, scale=scale, causal=causal)
    if q_BHTD.device.type != "cpu":
        if causal:
            mask = torch.ones(q_BHTD.shape[2], k_BGSD.shape[2], dtype=torch.bool, device=q_BHTD.device).tril()
        return _tiled(q_BHTD, k_BGSD, v_BGSD, scale, mask)
    folded = fold(q_BHTD, k_BGSD.shape[1]) if few else q_BHTD
    bias = None if mask is None else _bias(mask, q_BHTD, k_BGSD.shape[2]).reshape(*folded.shape[:3], -1)
    out, lse = torch.ops.aten._scaled_dot_product_flash_attention_for_cpu(
        folded, k_BGSD, v_BGSD, 0.0, causal, attn_mask=bias, scale=scale
    )
    lse_BHT = lse.reshape(q_BHTD.shape[:3])
    if mask is not None:
        lse_BHT = lse_BHT.masked_fill(~mask.any(-1), float("-inf"))
    return out.reshape(q_BHTD.shape), lse_BHT


def output(q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, *, scale: float, causal: bool = False) -> Tensor:
    """The same output where nothing needs merging."""
    if causal and q_BHTD.shape[2] > 1:
        return F.scaled_dot_product_attention(q_BHTD, k_BGSD, v_BGSD, is_causal=True, scale=scale, enable_gqa=True)
    if q_BHTD.shape[2] <= FEW and _products_pay(k_BGSD):
        scores = _scores(q_BHTD, k_BGSD, scale)
        return _mix(torch.softmax(scores, -1, dtype=torch.float32), v_BGSD, q_BHTD)
    folded = fold(q_BHTD, k_BGSD.shape[1])
    return F.scaled_dot_product_attention(folded, k_BGSD, v_BGSD, scale=scale).reshape(q_BHTD.shape)


def merge(runs: list[tuple[Tensor, Tensor]]) -> tuple[Tensor, Tensor]:
    """One softmax out of several over disjoint tokens; a query that no run serves gives zeros and minus infinity."""
    if len(runs) == 1:
        return runs[0]
    lse_RBHT = torch.stack([lse for _, lse in runs])
    share = torch.softmax(lse_RBHT, dim=0).nan_to_num(0.0)[..., None]
    out = runs[0][0] * share[0]
    for (part, _), weight in zip(runs[1:], share[1:], strict=True):
        out = torch.addcmul(out, part, weight)
    return out.to(runs[0][0].dtype), torch.logsumexp(lse_RBHT, 0)


def fold(q_BHTD: Tensor, kv_heads: int) -> Tensor:
    """Put the query heads that share a key/value head side by side as more queries: [B, G, (H/G) T, D]."""
    B, H, T, D = q_BHTD.shape
    return q_BHTD.reshape(B, kv_heads, H // kv_heads * T, D)


def _products_pay(k_BGSD: Tensor) -> bool:
    """Whether plain products of few queries beat the fused kernel.

    On a processor that multiplies bfloat16 in hardware they read the keys at memory speed, which the fused kernel does
    not. In float32 it is at least as fast, and where bfloat16 is emulated many times faster (docs/log.md).
    """
    if k_BGSD.shape[2] < LONG:
        return False
    return k_BGSD.device.type != "cpu" or (k_BGSD.dtype == torch.bfloat16 and multiplies_bfloat16())


def _bias(mask: Tensor, q_BHTD: Tensor, stored: int) -> Tensor:
    B, H, T, _ = q_BHTD.shape
    bias = torch.zeros(mask.shape, dtype=q_BHTD.dtype, device=mask.device).masked_fill_(~mask, float("-inf"))
    return bias.expand(B, H, T, stored)


def _scores(q_BHTD: Tensor, k_BGSD: Tensor, scale: float) -> Tensor:
    return _each(fold(q_BHTD, k_BGSD.shape[1]) * scale, k_BGSD.transpose(-1, -2))


def _mix(weights: Tensor, v_BGSD: Tensor, q_BHTD: Tensor) -> Tensor:
    return _each(weights.to(v_BGSD.dtype), v_BGSD).reshape(q_BHTD.shape)


def _each(a: Tensor, b: Tensor) -> Tensor:
    """Batched matrix product; on a CPU one by one, where the batched one first copies views in half precision."""
    if a.device.type != "cpu":
        return a @ b
    rows, heads = a.shape[:2]
    products = [a[row, head] @ b[row, head] for row in range(rows) for head in range(heads)]
    return torch.stack(products).view(rows, heads, a.shape[2], b.shape[3])


def _whole(q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, scale: float, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """All scores at once, float32 softmax: for few queries, or few stored tokens."""
    B, H, T, _ = q_BHTD.shape
    scores = _scores(q_BHTD, k_BGSD, scale).float()
    if mask is not None:
        scores = scores.masked_fill(~mask.expand(B, H, T, -1).reshape(scores.shape), float("-inf"))
    lse = torch.logsumexp(scores, -1).reshape(B, H, T)
    return _mix(torch.softmax(scores, -1).nan_to_num(0.0), v_BGSD, q_BHTD), lse


def _tiled(q_BHTD: Tensor, k_BGSD: Tensor, v_BGSD: Tensor, scale: float, mask: Tensor | None) -> tuple[Tensor, Tensor]:
    """The same by tiles of stored tokens, on any device: never T x S at once."""
    parts = []
    for start in range(0, k_BGSD.shape[2], TILE):
        tile = slice(start, start + TILE)
        seen = None if mask is None else mask.expand(*mask.shape[:-1], k_BGSD.shape[2])[..., tile]
        parts.append(_whole(q_BHTD, k_BGSD[:, :, tile], v_BGSD[:, :, tile], scale, seen))
    return merge(parts)
