"""A few levels that stand for many numbers, where the numbers are dense."""

from __future__ import annotations

from typing import NamedTuple

import torch
from torch import Tensor

ROUNDS = 50
"""Rounds of k-means at most."""
SAMPLE = 2**18
"""Numbers that a codebook is fitted to at most, drawn with a fixed seed: steps would favour some channels."""


class Codebook(NamedTuple):
    """Levels for numbers between -1 and 1, float32."""

    edges: Tensor
    """Where one level's numbers end and the next one's begin: one fewer than levels."""
    levels: Tensor
    """What the numbers become."""

    def encode(self, x: Tensor) -> Tensor:
        """Index of each number's level."""
        return torch.bucketize(x, self.edges)

    def decode(self, codes: Tensor) -> Tensor:
        """Level of each index."""
        return self.levels.index_select(0, codes.flatten().int()).view(codes.shape)


def fit(x_N: Tensor, bits: int, *, weights_N: Tensor | None = None, normalize: bool = False) -> Codebook:
    """Fit 2 ** bits levels by k-means; a number's error counts `weights_N` times.

    `normalize` shifts and stretches the levels so that mean and deviation survive (Q-Norm).
    """
    weights_N = torch.ones_like(x_N) if weights_N is None else weights_N
    if len(x_N) > SAMPLE:
        drawn = torch.randint(len(x_N), (SAMPLE,), generator=torch.Generator().manual_seed(0)).to(x_N.device)
        x_N, weights_N = x_N[drawn], weights_N[drawn]
    x, order = x_N.float().sort()
    weights = weights_N.float()[order]
    count = 2**bits
    shares = (torch.arange(count, device=x.device) + 0.5) / count
    starts = [torch.linspace(-1, 1, count, device=x.device), x[(shares * len(x)).long()]]
    sums = torch.stack([weights, weights * x, weights * x * x]).double().cumsum(1)
    levels = min((_settle(x, sums, start.double()) for start in starts), key=lambda levels: _error(x, sums, levels))
    levels = levels.float()
    book = Codebook((levels[1:] + levels[:-1]) / 2, levels)
    return _normalized(book, x) if normalize else book


def _settle(x: Tensor, sums_3N: Tensor, levels: Tensor) -> Tensor:
    """Move levels to the mean of their numbers until nothing changes; a level without numbers stays."""
    for _ in range(ROUNDS):
        weight, total, _ = _of_each(x, sums_3N, levels)
        moved = torch.where(weight > 0, total / weight.clamp_min(1e-300), levels)
        if torch.equal(moved, levels):
            break
        levels = moved
    return levels


def _error(x: Tensor, sums_3N: Tensor, levels: Tensor) -> float:
    weight, total, square = _of_each(x, sums_3N, levels)
    return float((square - 2 * levels * total + levels * levels * weight).sum())


def _of_each(x: Tensor, sums_3N: Tensor, levels: Tensor) -> Tensor:
    """Sums of weight, weighted numbers and their squares over the numbers nearest to each level."""
    edges = ((levels[1:] + levels[:-1]) / 2).to(x.dtype)
    ends = torch.searchsorted(x, edges, right=True)
    padded = torch.nn.functional.pad(sums_3N, (1, 0))
    return padded[:, torch.cat([ends, ends.new_tensor([len(x)])])].diff(prepend=padded[:, :1])


def _normalized(book: Codebook, x: Tensor) -> Codebook:
    became = book.decode(book.encode(x))
    stretch = x.std(correction=0) / became.std(correction=0).clamp_min(1e-12)
    return Codebook(book.edges, (book.levels - became.mean()) * stretch + x.mean())
