"""What this machine could do at best: how fast it reads memory and multiplies matrices, measured on the spot."""

from __future__ import annotations

import time
from collections.abc import Callable
from dataclasses import dataclass

import torch

from longspan.models.half import sizes
from longspan.models.model import Model
from longspan.plan.shape import Shape
from longspan.plan.speed import pairs, slots

BYTES = 2**28
"""Memory that is read: more than caches hold."""
SIDE = {"cpu": 2048, "cuda": 8192, "mps": 4096}
"""Rows of the matrices that are multiplied."""
TRIES, SECONDS = 5, 1.0
"""How often each rate is tried, and after how many seconds no more: a slow machine has one try."""


@dataclass(frozen=True, slots=True)
class Roofline:
    """Two rates of the machine, and what they make of a model that reads and stores every token."""

    bandwidth: float
    """Bytes a second."""
    rate: float
    """Floating-point operations a second, in the model's precision or in float32, where that is faster."""
    shape: Shape
    layer_weights: int
    """Weights that every token is multiplied with."""

    def read(self, tokens: int) -> float:
        """The least seconds for a prompt: its operations, or all weights from memory once."""
        work = 2 * self.layer_weights * tokens + 2 * self._head + self._attention(pairs(self.shape, tokens))
        return max(work / self.rate, self._weights / self.bandwidth)

    def step(self, stored: int) -> float:
        """The least seconds for a decoded token: all weights and what is stored from memory, or its operations."""
        seen = slots(self.shape, stored)
        values = 2 * self.shape.kv_heads * self.shape.head_dim * seen * self.shape.bytes_per_value
        work = 2 * (self.layer_weights + self._head) + self._attention(seen)
        return max((self._weights + values) / self.bandwidth, work / self.rate)

    @property
    def _head(self) -> int:
        return self.shape.hidden * self.shape.vocab

    @property
    def _weights(self) -> int:
        return (self.layer_weights + self._head) * self.shape.bytes_per_weight

    def _attention(self, seen: float) -> float:
        return 4 * self.shape.heads * self.shape.head_dim * seen


def measure(model: Model) -> Roofline:
    """Measure both rates where the model computes: the best of a few tries, a second or two."""
    device = model.device
    weights = sizes(model.network.get_decoder().layers)[0]
    source = torch.ones(BYTES // 4, device=device)
    target = torch.empty_like(source)
    copied = 2 * BYTES / _least(lambda: target.copy_(source), device)
    read = BYTES / _least(source.sum, device)
    rate = max(_multiplied(device, dtype) for dtype in {model.network.dtype, torch.float32})
    return Roofline(max(copied, read), rate, Shape.of(model), weights)


def _multiplied(device: torch.device, dtype: torch.dtype) -> float:
    side = SIDE.get(device.type, SIDE["cpu"])
    left = torch.ones(side, side, device=device, dtype=dtype)
    product = torch.empty_like(left)
    return 2 * side**3 / _least(lambda: torch.mm(left, left, out=product), device)


def _least(run: Callable[[], object], device: torch.device) -> float:
    """Seconds of the fastest try, the first of which warms up."""
    spent: list[float] = []
    while len(spent) <= TRIES and sum(spent) < SECONDS:
        began = time.perf_counter()
        run()
        if device.type == "cuda":
            torch.cuda.synchronize(device)
        elif device.type == "mps":
            torch.mps.synchronize()
        spent.append(time.perf_counter() - began)
    return min(spent)
