"""Linear layers of a decoder that read the same input and can share one product."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any

from torch import Tensor, nn

ALIKE = (("self_attn", ("q_proj", "k_proj", "v_proj")), ("mlp", ("gate_proj", "up_proj")))
"""Linear layers of a decoder layer that are called one after the other on the same tensor."""


def alike(layer: Any) -> Iterator[list[Any]]:
    """Those of a decoder layer, in the order they are called."""
    for owner, names in ALIKE:
        parts = [getattr(getattr(layer, owner, None), name, None) for name in names]
        if all(type(part) is nn.Linear for part in parts) and len({_kind(part) for part in parts}) == 1:
            yield parts


def groups(network: Any) -> Iterator[list[Any]]:
    """All linear layers of a network, those that are alike together."""
    found = [parts for layer in network.get_decoder().layers for parts in alike(layer)]
    yield from found
    taken = {part for parts in found for part in parts}
    yield from ([part] for part in network.modules() if type(part) is nn.Linear and part not in taken)


def _kind(part: Any) -> tuple[object, ...]:
    return part.weight.dtype, part.weight.device, part.bias is None


class Shared:
    """One product for several layers: the first one called makes it, the others get their rows of it."""

    def __init__(self, product: Callable[[Tensor], Tensor], rows: Sequence[int]) -> None:
        self._product, self._rows = product, list(rows)
        self._last: tuple[Tensor, tuple[Tensor, ...]] | None = None

    def made(self, index: int, x_BTC: Tensor) -> Tensor | None:
        """A layer's outputs, where they were made when the first layer was called on this very tensor."""
        kept = self._last
        if not index or kept is None or kept[0] is not x_BTC:
            return None
        if index == len(self._rows) - 1:
            self._last = None
        return kept[1][index]

    def make(self, index: int, x_BTC: Tensor) -> Tensor:
        """A layer's outputs; those of the others are kept if it is the first."""
        outs = self._product(x_BTC).split(self._rows, -1)
        if not index and len(outs) > 1:
            self._last = x_BTC, outs
        return outs[index]

    def part(self, index: int, whole: Tensor) -> Tensor:
        """A layer's rows of what all have together: weights [V, C] or biases [V]."""
        return whole.split(self._rows)[index]
