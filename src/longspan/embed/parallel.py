"""A long text in windows."""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from longspan.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Parallel:
    """Parallel windows: every window of a text encoded by itself, the text's vector their mean. https://arxiv.org/abs/2404.12096
    also: Parallel Context Windows https://arxiv.org/abs/2212.10947
    Differs from the paper: windows count by their tokens, so that a short last one counts little; the paper's count
    alike.
    """

    window: int = 256
    """Tokens read at once (L_o), those that the encoder puts around a text included."""

    def __post_init__(self) -> None:
        if self.window < 8:
            raise InputError(f"Parallel: window={self.window} tokens must be at least 8")

    def reach(self, rows: int) -> int:
        """Return the tokens of a window."""
        return self.window

    def places(self, length: int, rows: int) -> Tensor:
        """Leave every token where it is in its window."""
        return torch.arange(length)
