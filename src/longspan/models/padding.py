"""Rows of different lengths as one batch: padding stands on the left."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from longspan.core.types import EMPTY


def padded(prompts: Sequence[Sequence[int]], stored_B: Tensor, device: torch.device) -> tuple[Tensor, Tensor]:
    """Tokens and positions [B, T] of prompts that follow so many tokens of each row."""
    most = max(len(prompt) for prompt in prompts)
    text_BT = torch.tensor([[0] * (most - len(prompt)) + list(prompt) for prompt in prompts])
    index_T = torch.arange(most)
    pad_B1 = torch.tensor([[most - len(prompt)] for prompt in prompts])
    pos_BT = torch.where(index_T >= pad_B1, index_T - pad_B1 + stored_B.cpu()[:, None], EMPTY)
    return text_BT.to(device), pos_BT.to(device)


def rows_of(text_BT: Tensor, pos_BT: Tensor) -> list[list[int]]:
    """Each row's tokens without padding."""
    return [text_T[pos_T != EMPTY].tolist() for text_T, pos_T in zip(text_BT, pos_BT, strict=True)]
