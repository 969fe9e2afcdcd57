"""Matrix products of few tokens: one for all projections that read the same input, and all threads at work on it."""

from __future__ import annotations

from collections.abc import Callable
from itertools import accumulate
from typing import Any

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from longspan.models.alike import Shared, groups
from longspan.models.product import FEW, Product
from longspan.models.rotary import RUNNING


def fuse(model: Any) -> Callable[[], None]:
    """Let alike projections share a product in a session's own passes, and threads share every product: what undoes it.

    Weights that share one become views of one tensor, so that no byte is held twice.
    """
    joined = [_Joined(parts) for parts in groups(model) if len(parts) > 1 or Product(parts[0].weight).shared_out]
    for each in joined:
        each.install()

    def undo() -> None:
        for each in joined:
            each.remove()

    return undo


class _Joined:
    """Linear layers that read the same input, or one by itself."""

    def __init__(self, parts: list[Any]) -> None:
        self._parts = parts
        weight = _side_by_side([part.weight for part in parts])
        bias = None if parts[0].bias is None else _side_by_side([part.bias for part in parts])
        self._at = weight.data_ptr()
        self._shared = Shared(Product(weight, bias), [part.out_features for part in parts])

    def install(self) -> None:
        """Take the place of the parts' own products."""
        for index, part in enumerate(self._parts):
            part.forward = self._forward(index)

    def remove(self) -> None:
        """Give it back."""
        for part in self._parts:
            del part.forward

    def _forward(self, index: int) -> Callable[[Tensor], Tensor]:
        part = self._parts[index]

        def run(x_BTC: Tensor) -> Tensor:
            if (made := self._shared.made(index, x_BTC)) is not None:
                return made
            if index or RUNNING.get() is None or x_BTC.numel() > FEW * x_BTC.shape[-1] or self._is_moved():
                return F.linear(x_BTC, part.weight, part.bias)
            return self._shared.make(index, x_BTC)

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
