"""The few numbers that stay exact, beside what stands for the others."""

from __future__ import annotations

import torch
from torch import Tensor

from longspan.kv.quant.grown import Grown
from longspan.kv.state import State


class Sparse:
    """Chosen numbers of tokens [S, W] in the model's precision, each with its channel."""

    def __init__(self, width: int) -> None:
        self._index = torch.int16 if width <= 2**15 else torch.int32
        self._values = Grown()
        self._channels = Grown()
        self._ends = Grown()

    def push(self, x_SW: Tensor, chosen_SW: Tensor) -> None:
        """Store the chosen numbers of tokens behind those stored."""
        self._ends.append(chosen_SW.sum(1).cumsum(0).int().cpu() + self._before(self._ends.length))
        self._values.append(x_SW[chosen_SW])
        self._channels.append(chosen_SW.nonzero()[:, 1].to(self._index))

    def fill(self, x_SW: Tensor, start: int, end: int) -> None:
        """Write the numbers of tokens `start` to `end` over what is there."""
        first, last = self._before(start), self._before(end)
        if first == last:
            return
        counts_S = self._ends[start:end].diff(prepend=torch.tensor([first], dtype=torch.int32))
        tokens = torch.arange(end - start).repeat_interleave(counts_S).to(x_SW.device)
        x_SW[tokens, self._channels[first:last].long()] = self._values[first:last]

    def truncate(self, length: int) -> None:
        """Forget tokens from `length` on."""
        stored = self._before(length)
        self._ends.truncate(length)
        self._values.truncate(stored)
        self._channels.truncate(stored)

    def nbytes(self) -> int:
        """Bytes held."""
        return self._values.nbytes() + self._channels.nbytes() + self._ends.nbytes()

    def state(self) -> dict[str, Tensor]:
        """Numbers, their channels, and where each token's end."""
        return {"values": self._values[:], "channels": self._channels[:], "ends": self._ends[:]}

    def load(self, state: State) -> None:
        """Take them over."""
        self._values.load(state["values"])
        self._channels.load(state["channels"])
        self._ends.load(state["ends"].cpu())

    def _before(self, token: int) -> int:
        return int(self._ends[token - 1 : token]) if token else 0
