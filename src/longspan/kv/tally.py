"""A number for every stored token, whatever is evicted around it."""

from __future__ import annotations

import torch
from torch import Tensor

from longspan.kv.state import State


class Tally:
    """Numbers of the tokens of each head, found by their positions."""

    def __init__(self) -> None:
        self._pos_BGS: Tensor | None = None
        self._value_BGS: Tensor

    def at(self, pos_BGS: Tensor) -> Tensor:
        """Return the numbers [B, G, S] of the tokens at these positions, sorted in each head; 0 where there is none."""
        if self._pos_BGS is None:
            return torch.zeros(pos_BGS.shape, device=pos_BGS.device)
        wanted_BGS = pos_BGS.int().contiguous()
        index_BGS = torch.searchsorted(self._pos_BGS, wanted_BGS).clamp_max(self._pos_BGS.shape[-1] - 1)
        known_BGS = self._pos_BGS.gather(-1, index_BGS) == wanted_BGS
        return self._value_BGS.gather(-1, index_BGS).masked_fill(~known_BGS, 0.0)

    def put(self, pos_BGS: Tensor, value_BGS: Tensor) -> None:
        """Hold the numbers of these tokens and of no others; positions are sorted in each head."""
        self._pos_BGS, self._value_BGS = pos_BGS.int().contiguous(), value_BGS

    def keep(self, pos_BGS: Tensor) -> None:
        """Hold the numbers of these tokens only."""
        self.put(pos_BGS, self.at(pos_BGS))

    def state(self) -> dict[str, Tensor]:
        """Positions and numbers, where there are any."""
        return {} if self._pos_BGS is None else {"pos": self._pos_BGS, "value": self._value_BGS}

    def load(self, state: State) -> None:
        """Take them over."""
        if state:
            self.put(state["pos"], state["value"])

    def nbytes(self) -> int:
        """Bytes held."""
        return 0 if self._pos_BGS is None else self._pos_BGS.nbytes + self._value_BGS.nbytes
