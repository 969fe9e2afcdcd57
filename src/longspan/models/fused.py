"""Matrix products of few tokens: one for all projections that read the same input, and all threads at work on it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longspan.models.product import FEW, Product
from longspan.models.rotary import RUNNING

ALIKE = (("self_attn", ("q_proj", "k_proj", "v_proj")), ("mlp", ("gate_proj", "up_proj")))
"""Linear layers of a decoder layer that are called one after the other on the same tensor."""


def fuse(model: Any) -> Callable[[], None]:
    """Let alike projections share a product in a session's own passes, and threads share every product: what undoes it.

    Weights that share one become views of one tensor, so that no byte is held twice.
    """
    groups = [parts for layer in model.get_decoder().layers for parts in _alike(layer)]
    taken = {part for parts in groups for part in parts}
    alone = [part for part in model.modules() if type(part) is nn.Linear and part not in taken]
    shared = ([part] for part in alone if Product(part.weight).shared_out)
    joined = [_Joined(parts) for parts in [*groups, *shared]]
    for each in joined:
        each.install()

    def undo() -> None:
        for each in joined:
            each.remove()

    return undo


def _alike(layer: Any) -> Iterator[list[Any]]:
    for owner, names in ALIKE:
        parts = [getattr(getattr(layer, owner, None), name, None) for name in names]
        if all(type(part) is nn.Linear for part in parts) and len({_kind(part) for part in parts}) == 1:
            yield parts


def _kind(part: Any) -> tuple[object, ...]:
    return part.weight.dtype, part.weight.device, part.bias is None


class _Joined:
    """Linear layers that read the same input, or one by itself."""

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts
        self._rows = [part.out_features for part in parts]
        weight = _side_by_side([part.weight for part in parts])
        bias = None if parts[0].bias is None else _side_by_side([part.bias for part in parts])
        self._at, self._product = weight.data_ptr(), Product(weight, bias)
        self._last: tuple[Tensor, tuple[Tensor, ...]] | None = None

    def install(self) -> None:
        """Take the place of the parts' own products."""
        for index, part in enumerate(self._parts):
            part.forward = self._forward(index)

    def remove(self) -> None:
        """Give it back."""
        for part in self._parts:
            del part.forward

    def _forward(self, index: int) -> Callable[[Tensor], Tensor]:
        part, last = self._parts[index], len(self._parts) - 1

        def run(x_BTC: Tensor) -> Tensor:
            kept = self._last
            if index and kept is not None and kept[0] is x_BTC:
                if index == last:
                    self._last = None
                return kept[1][index]
            if index or RUNNING.get() is None or x_BTC.numel() > FEW * x_BTC.shape[-1] or self._is_moved():
                return F.linear(x_BTC, part.weight, part.bias)
            outs = self._product(x_BTC).split(self._rows, -1)
            self._last = (x_BTC, outs) if last else None
            return outs[0]

        return run

    def _is_moved(self) -> bool:
        """Whether somebody gave the parts other weights, or moved them to another device."""
        return bool(self._parts[0].weight.data_ptr() != self._at)


def _side_by_side(parts: list[nn.Parameter]) -> Tensor:
    """One tensor of which the parameters are views from now on, or are already."""
    first, rows = parts[0].data, sum(len(part) for part in parts)
    starts = list(accumulate((part.nbytes for part in parts), initial=first.data_ptr()))
    storages = {part.untyped_storage().data_ptr() for part in parts}
    if len(storages) == 1 and [part.data_ptr() for part in parts] == starts[:-1]:
        return first.as_strided((rows, *first.shape[1:]), first.stride())
    whole = torch.cat([part.data for part in parts])
    for part, own in zip(parts, whole.split([len(part) for part in parts]), strict=True):
        part.data = own
    return whole
