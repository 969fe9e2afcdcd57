"""Each channel interpolated or not, by what disturbs its angles less."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.frequencies import check_factor

EPSILON = 1e-9
"""Keeps the logarithm of a bin without angles finite (epsilon)."""


@dataclass(frozen=True, slots=True)
class Distributional:
    """Distributional: slow the channels whose angles over the longer text otherwise stray from the trained ones. https://arxiv.org/abs/2410.01490

    Differs from the paper: nothing is trained here.
    """

    factor: float
    """How many times the trained window the text may be long (s); 1 leaves the model as it is."""
    threshold: float = 0.0
    """How much less slowing must disturb a channel for it to be slowed (t); 0.00065 for s=2 and 0.0021 for s=4 slow as
    many channels of Llama 2 as the paper does."""
    bins: int = 360
    """Parts of the circle in which angles are counted (b)."""

    def __post_init__(self) -> None:
        check_factor("Distributional", self.factor)
        if self.bins < 1:
            raise InputError(f"Distributional: bins={self.bins} must be at least 1")

    def __call__(self, rope: Rope, length: int) -> Rotation:
        """Return the frequencies, for any length; a scaling of the model's own is replaced, not added to."""
        if self.factor == 1:
            return rope.rotation
        plain_P = rope.base ** -(torch.arange(0, rope.dim, 2).double() / rope.dim)
        relief_P = torch.tensor(_relief(tuple(plain_P.tolist()), rope.window, self.factor, self.bins))
        frequencies_P = torch.where(relief_P > self.threshold, plain_P / self.factor, plain_P)
        return Rotation(frequencies_P.float(), layout=rope.rotation.layout)


@lru_cache(maxsize=8)
def _relief(frequencies: tuple[float, ...], window: int, factor: float, bins: int) -> tuple[float, ...]:
    """By how much less slowing each pair disturbs its angles than keeping it does."""
    own_P, longer = torch.tensor(frequencies, dtype=torch.float64), math.ceil(window * factor)
    trained_PK = _angles(own_P, window, bins)
    kept_P = _disturbance(_angles(own_P, longer, bins), trained_PK)
    slowed_P = _disturbance(_angles(own_P / factor, longer, bins), trained_PK)
    return tuple((kept_P - slowed_P).tolist())


def _angles(frequencies_P: Tensor, length: int, bins: int) -> Tensor:
    """The share of the positions of a text whose angle falls into each part of the circle: [P, K] in float64."""
    pos_S = torch.arange(length).double()
    counts = []
    for frequency in frequencies_P:
        part_S = (pos_S * frequency).remainder(2 * math.pi) * (bins / (2 * math.pi))
        counts.append(torch.bincount(part_S.long().clamp_max(bins - 1), minlength=bins))
    return torch.stack(counts) / length


def _disturbance(after_PK: Tensor, before_PK: Tensor) -> Tensor:
    """How far each pair's angles have moved from what they were (relative entropy): [P]."""
    return (after_PK * ((after_PK + EPSILON) / (before_PK + EPSILON)).log()).sum(-1)
