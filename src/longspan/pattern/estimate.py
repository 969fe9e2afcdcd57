"""What a few queries, or the means of many, tell of attention, and how much of it to keep."""

from __future__ import annotations

import math

import torch
import torch.nn.functional as F
from torch import Tensor

from longspan.core.kernel import fold


def dots(q_BHTD: Tensor, k_BGSD: Tensor) -> Tensor:
    """Logits [B, H, T, S] in float32 of every pair, later tokens included."""
    B, H, T, D = q_BHTD.shape
    products = fold(q_BHTD, k_BGSD.shape[1]) @ k_BGSD.transpose(-1, -2)
    return products.reshape(B, H, T, k_BGSD.shape[2]).float() / math.sqrt(D)


def weights(q_BHTD: Tensor, k_BGSD: Tensor) -> Tensor:
    """Causal attention weights [B, H, T, S] of T queries that are the last of S tokens."""
    T, S = q_BHTD.shape[2], k_BGSD.shape[2]
    later = torch.ones(T, S, dtype=torch.bool, device=q_BHTD.device).triu(S - T + 1)
    return torch.softmax(dots(q_BHTD, k_BGSD).masked_fill(later, float("-inf")), -1)


def lines(q_BHTD: Tensor, k_BGSD: Tensor, last: int) -> tuple[Tensor, Tensor]:
    """What the last queries give each stored token, and each distance, on average: [B, H, S] twice.

    Weights of one key/value head are held at a time.
    """
    shared = q_BHTD.shape[1] // k_BGSD.shape[1]
    columns, diagonals = [], []
    for head in range(k_BGSD.shape[1]):
        own = q_BHTD[:, head * shared : (head + 1) * shared, -last:]
        weights_BHTS = weights(own, k_BGSD[:, head : head + 1])
        columns.append(weights_BHTS.mean(2))
        diagonals.append(along(weights_BHTS) / own.shape[2])
    return torch.cat(columns, 1), torch.cat(diagonals, 1)


def along(weights_BHTS: Tensor) -> Tensor:
    """Sums [B, H, S] along the diagonals of T queries that are the last of S tokens, by distance."""
    B, H, T, S = weights_BHTS.shape
    wide = S + T - 1
    skewed = F.pad(weights_BHTS.flip(2), (0, T)).flatten(2)[..., : T * wide]
    return skewed.reshape(B, H, T, wide).sum(2)[..., :S].flip(-1)


def top(score: Tensor, count: Tensor) -> Tensor:
    """Mark the highest of the last axis, so many in each row."""
    most = min(int(count.max()), score.shape[-1])
    best = score.topk(most, -1).indices
    taken = torch.arange(most, device=score.device) < count[..., None]
    return torch.zeros_like(score, dtype=torch.bool).scatter(-1, best, taken.expand(best.shape))


def cover(mass: Tensor, share: float, always: Tensor | None = None) -> Tensor:
    """Mark the fewest entries of the last axis that hold a share of its sum, those of `always` among them."""
    first = mass if always is None else mass.masked_fill(always, float("inf"))
    order = first.argsort(dim=-1, descending=True, stable=True)
    ranked = mass.gather(-1, order)
    before = ranked.cumsum(-1) - ranked
    marked = torch.zeros_like(mass, dtype=torch.bool).scatter(-1, order, before < share * mass.sum(-1, keepdim=True))
    return marked if always is None else marked | always
