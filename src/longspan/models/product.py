"""The product of a few tokens with a weight matrix, by all threads of the processor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FEW = 64
"""Most tokens of a pass, over all rows; with more, a product by itself does as well."""
LEAST = 1 << 18
"""Fewest weights that are worth waking other threads for."""


def product(x_BTC: Tensor, weight_VC: Tensor, bias_V: Tensor | None) -> Tensor:
    """A linear layer's outputs [B, T, V], as `F.linear` gives them.

    In float32 PyTorch leaves a product of few tokens to one thread; as a batch of products, of one part of the outputs
    each, all threads take part (`benchmarks/limits.py`).
    """
    parts = _parts(weight_VC)
    if parts == 1:
        return F.linear(x_BTC, weight_VC, bias_V)
    x_PNC = x_BTC.reshape(1, -1, x_BTC.shape[-1]).expand(parts, -1, -1)
    out_PNO = torch.bmm(x_PNC, weight_VC.view(parts, -1, weight_VC.shape[1]).mT)
    out_BTV = out_PNO.transpose(0, 1).reshape(*x_BTC.shape[:-1], -1)
    return out_BTV if bias_V is None else out_BTV + bias_V


def shared_out(weight_VC: Tensor) -> bool:
    """Whether several threads would take part."""
    return _parts(weight_VC) > 1


def _parts(weight_VC: Tensor) -> int:
    """Parts to cut the outputs into: a power of two, at least one for each thread; 1 where that is no use."""
    slow = weight_VC.device.type == "cpu" and weight_VC.dtype == torch.float32 and weight_VC.numel() >= LEAST
    parts = 1 << (torch.get_num_threads() - 1).bit_length()
    return parts if slow and weight_VC.is_contiguous() and len(weight_VC) % parts == 0 else 1
