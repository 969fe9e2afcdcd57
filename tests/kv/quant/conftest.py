"""What a store holds, as its reader sees it."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor


@pytest.fixture
def stored() -> Callable[[Any], tuple[Tensor, Tensor]]:
    """Keys and values [G, S, D] of the only row, by position."""

    def read(store: Any) -> tuple[Tensor, Tensor]:
        parts = list(store.read(torch.empty(0), torch.empty(0)))
        pos = torch.cat([part.pos_BGS[0, 0] for part in parts])
        assert pos.tolist() == list(range(len(pos)))
        return torch.cat([part.k_BGSD[0] for part in parts], 1), torch.cat([part.v_BGSD[0] for part in parts], 1)

    return read
