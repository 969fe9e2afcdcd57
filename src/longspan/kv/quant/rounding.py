"""Numbers rounded to evenly spaced levels between the lowest and the highest of their group."""

from __future__ import annotations

import torch
from torch import Tensor

from longspan.core.errors import InputError
from longspan.core.types import Layer
from longspan.kv.quant.column import BLOCK
from longspan.kv.quant.grown import Grown
from longspan.kv.quant.packing import pack, unpack
from longspan.kv.state import State


class Rounded:
    """Tokens whose groups of `tokens` by `channels` numbers share a step and a lowest level, both float16."""

    def __init__(self, layer: Layer, bits: int, *, tokens: int = 1, channels: int = 1) -> None:
        _check(layer, bits, channels)
        self._bits = bits
        self._tokens = tokens
        self._shape = (layer.num_kv_heads, layer.head_dim // channels, channels)
        self._dtype = layer.dtype
        self._codes = Grown()
        self._levels = Grown()

    def push(self, x_SGD: Tensor) -> None:
        """Round and pack whole groups of tokens behind those stored."""
        step = max(1, BLOCK // self._tokens) * self._tokens
        for start in range(0, len(x_SGD), step):
            block = x_SGD[start : start + step]
            self._push(block.reshape(-1, self._tokens, *self._shape).float())

    def _push(self, grouped: Tensor) -> None:
        """Groups are the second and last axes: [N, tokens, G, D / channels, channels]."""
        top = 2**self._bits - 1
        low, high = (edge.half().float() for edge in (grouped.amin((1, 4), True), grouped.amax((1, 4), True)))
        step = ((high - low) / top).half().float()
        codes = ((grouped - low) / step.masked_fill(step == 0, 1.0)).round().clamp(0, top)
        self._codes.append(pack(codes.flatten(2), self._bits))
        self._levels.append(torch.stack([step, low], 1).half())

    def pull(self, start: int, end: int) -> Tensor:
        """Tokens `start` to `end` as they were rounded, [S, G, D]."""
        first, last = start // self._tokens, -(-end // self._tokens)
        step, low = self._levels[first:last].float().unbind(1)
        codes = unpack(self._codes[first:last], self._bits)
        x = codes.float().view(-1, self._tokens, *self._shape).mul_(step).add_(low).to(self._dtype)
        return x.flatten(-2).flatten(0, 1)[start - first * self._tokens : end - first * self._tokens]

    def rewinds(self, length: int) -> bool:
        """Always: groups do not know of one another."""
        return True

    def truncate(self, length: int) -> None:
        """Forget tokens from `length` on, a whole number of groups."""
        self._codes.truncate(length // self._tokens)
        self._levels.truncate(length // self._tokens)

    def nbytes(self) -> int:
        """Bytes held."""
        return self._codes.nbytes() + self._levels.nbytes()

    def state(self) -> dict[str, Tensor]:
        """Codes and levels."""
        return {"codes": self._codes[:], "levels": self._levels[:]}

    def load(self, state: State) -> None:
        """Take over codes and levels."""
        self._codes.load(state["codes"])
        self._levels.load(state["levels"])


def _check(layer: Layer, bits: int, channels: int) -> None:
    if layer.head_dim % channels:
        fitting = max(size for size in range(1, channels) if layer.head_dim % size == 0)
        raise InputError(
            f"group is {channels} channels, which does not divide this model's heads of {layer.head_dim}: "
            f"give a divisor, such as group={fitting}"
        )
    check_bytes(layer, bits)


def check_bytes(layer: Layer, bits: int) -> None:
    """Raise InputError where a head's channels at so many bits do not fill whole bytes."""
    if layer.head_dim * bits % 8:
        raise InputError(
            f"this model's heads of {layer.head_dim} channels at {bits} bits do not fill whole bytes: "
            "choose other bits, 8 always fit"
        )
