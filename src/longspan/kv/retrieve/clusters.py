"""K-means over vectors of several heads at once. K-means++: https://theory.stanford.edu/~sergei/papers/kMeansPP-soda.pdf"""

from __future__ import annotations

import torch
from torch import Tensor

BLOCK = 4096
"""Vectors compared with all centres at a time: bounds the distances held."""


def clustered(x_GSD: Tensor, count: int, *, rounds: int) -> tuple[Tensor, Tensor]:
    """Centres [G, C, D] and each vector's centre [G, S], after `rounds` rounds or once nothing moves.

    Float32; the first centres are drawn as k-means++ draws them, the same for the same input.
    """
    x_GSD = x_GSD.float()
    centres_GCD = _first(x_GSD, count)
    labels_GS = nearest(x_GSD, centres_GCD)
    for _ in range(rounds):
        centres_GCD = _means(x_GSD, labels_GS, centres_GCD)
        moved_GS = nearest(x_GSD, centres_GCD)
        if torch.equal(moved_GS, labels_GS):
            break
        labels_GS = moved_GS
    return centres_GCD, labels_GS


def nearest(x_GSD: Tensor, centres_GCD: Tensor) -> Tensor:
    """The centre [G, S] that each vector is nearest to."""
    half_G1C = centres_GCD.square().sum(-1)[:, None] / 2
    blocks = torch.split(x_GSD.float(), BLOCK, 1)
    return torch.cat([(half_G1C - x_GTD @ centres_GCD.mT).argmin(-1) for x_GTD in blocks], 1)


def sums(x_GSD: Tensor, labels_GS: Tensor, count: int) -> tuple[Tensor, Tensor]:
    """The sum [G, C, D] of each cluster's vectors, and how many they are [G, C]."""
    index = labels_GS[..., None].expand(-1, -1, x_GSD.shape[2])
    sum_GCD = x_GSD.new_zeros(len(x_GSD), count, x_GSD.shape[2]).scatter_add_(1, index, x_GSD)
    size_GC = x_GSD.new_zeros(len(x_GSD), count).scatter_add_(1, labels_GS, torch.ones_like(x_GSD[..., 0]))
    return sum_GCD, size_GC


def _first(x_GSD: Tensor, count: int) -> Tensor:
    """Vectors drawn one by one, each with a chance in proportion to its squared distance from those drawn before."""
    draws_GC = torch.rand(len(x_GSD), count, generator=torch.Generator().manual_seed(0)).to(x_GSD.device)
    head_G = torch.arange(len(x_GSD), device=x_GSD.device)
    chance_GS = torch.ones_like(x_GSD[..., 0])
    drawn = []
    for draw_G in draws_GC.T:
        up_to_GS = chance_GS.cumsum(1)
        at_G = torch.searchsorted(up_to_GS, (draw_G * up_to_GS[:, -1])[:, None])[:, 0].clamp_max(x_GSD.shape[1] - 1)
        drawn.append(x_GSD[head_G, at_G])
        far_GS = (x_GSD - drawn[-1][:, None]).square().sum(-1)
        chance_GS = far_GS if len(drawn) == 1 else torch.minimum(chance_GS, far_GS)
    return torch.stack(drawn, 1)


def _means(x_GSD: Tensor, labels_GS: Tensor, centres_GCD: Tensor) -> Tensor:
    """The mean of each cluster's vectors; an empty one keeps its centre."""
    sum_GCD, size_GC = sums(x_GSD, labels_GS, centres_GCD.shape[1])
    return torch.where(size_GC[..., None] > 0, sum_GCD / size_GC[..., None].clamp_min(1), centres_GCD)
