"""The product of a few tokens with a weight matrix, by all threads of the processor."""

from __future__ import annotations

import torch
import torch.nn.functional as F
from torch import Tensor

FEW = 64
"""Most tokens of a pass, over all rows; with more, a product by itself does as well."""
LEAST = 1 << 18
"""Fewest weights that are worth waking other threads for."""


class Product:
    """A linear layer for few tokens, as `F.linear` computes it.

    In float32 PyTorch leaves a product of few tokens to one thread; as a batch of products, of one part of the outputs
    each, all threads take part (`benchmarks/limits.py`). The parts are views of the weight [V, C].
    """

    def __init__(self, weight_VC: Tensor, bias_V: Tensor | None = None) -> None:
        self._weight_VC, self._bias_V = weight_VC, bias_V
        parts = _parts(weight_VC)
        self._part_PCO = weight_VC.view(parts, -1, weight_VC.shape[1]).mT if parts > 1 else None

    def __call__(self, x_BTC: Tensor) -> Tensor:
        """Outputs [B, T, V]."""
        if self._part_PCO is None:
            return F.linear(x_BTC, self._weight_VC, self._bias_V)
        x_PNC = x_BTC.reshape(1, -1, x_BTC.shape[-1]).expand(len(self._part_PCO), -1, -1)
        out_PNO = torch.bmm(x_PNC, self._part_PCO)
        out_BTV = out_PNO.transpose(0, 1).reshape(*x_BTC.shape[:-1], -1)
        return out_BTV if self._bias_V is None else out_BTV + self._bias_V

    @property
    def shared_out(self) -> bool:
        """Whether several threads take part."""
        return self._part_PCO is not None


def _parts(weight_VC: Tensor) -> int:
    """Parts to cut the outputs into: a power of two, at least one for each thread; 1 where that is no use."""
    slow = weight_VC.device.type == "cpu" and weight_VC.dtype == torch.float32 and weight_VC.numel() >= LEAST
    parts = 1 << (torch.get_num_threads() - 1).bit_length()
    return parts if slow and weight_VC.is_contiguous() and len(weight_VC) % parts == 0 else 1
