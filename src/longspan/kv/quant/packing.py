"""Small whole numbers side by side in bytes."""

from __future__ import annotations

from math import gcd

import torch
from torch import Tensor


def pack(codes: Tensor, bits: int) -> Tensor:
    """Codes [..., N] below 2 ** bits as bytes [..., N * bits / 8], which must come out whole.

    2 bits go four to a byte, 3 bits eight to three bytes, 4 bits two to a byte; the first code has the lowest bits.
    """
    period, width = _word(bits)
    if bits == 8:
        return codes.to(torch.uint8)
    grouped = codes.reshape(*codes.shape[:-1], -1, period).int()
    words = (grouped << _steps(period, bits, codes.device)).sum(-1, dtype=torch.int32)
    packed: Tensor = (words[..., None] >> _steps(width, 8, codes.device)) & 255
    return packed.to(torch.uint8).flatten(-2)


def unpack(packed: Tensor, bits: int) -> Tensor:
    """Bytes as the codes that were packed, uint8."""
    period, width = _word(bits)
    if bits == 8:
        return packed
    words, shifts = packed, _steps(period, bits, packed.device)
    if width == 1:
        shifts = shifts.to(torch.uint8)
    else:
        parts = packed.reshape(*packed.shape[:-1], -1, width).int() << _steps(width, 8, packed.device)
        words = parts.sum(-1, dtype=torch.int32)
    codes: Tensor = (words[..., None] >> shifts) & (2**bits - 1)
    return codes.to(torch.uint8).flatten(-2)


def _word(bits: int) -> tuple[int, int]:
    """How many codes fill how many bytes without a rest."""
    assert bits in (1, 2, 3, 4, 6, 8), f"{bits} bits do not fit into words of 32"
    return 8 // gcd(8, bits), bits // gcd(8, bits)


def _steps(count: int, size: int, device: torch.device) -> Tensor:
    return torch.arange(count, dtype=torch.int32, device=device) * size
