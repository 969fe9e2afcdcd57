"""Small whole numbers side by side in bytes, so that whole runs of them come apart at once.

Codes lie in planes: the first plane of bytes holds the lowest bits of the first codes and, above them, of the codes
one plane further on. Every plane is a run of neighbours, which a processor shifts and masks many at a time.
"""

from __future__ import annotations

from collections.abc import Sequence
from math import gcd

import torch
from torch import Tensor


def pack(codes: Tensor, bits: int) -> Tensor:
    """Codes [..., N] below 2 ** bits as bytes [..., N * bits / 8], which must come out whole.

    2 bits go four to a byte, 3 bits eight to three bytes, 4 bits two to a byte.
    """
    period, width = _word(bits)
    planes = codes.to(torch.uint8).reshape(*codes.shape[:-1], period, -1)
    packed = planes.new_zeros(*codes.shape[:-1], width, planes.shape[-1])
    for number in range(period):
        byte, low = divmod(number * bits, 8)
        packed[..., byte, :] |= planes[..., number, :] << low
        if low + bits > 8:
            packed[..., byte + 1, :] |= planes[..., number, :] >> 8 - low
    return packed.flatten(-2)


def unpack(packed: Tensor, bits: int) -> Tensor:
    """Bytes as the codes that were packed, uint8."""
    if bits == 8:
        return packed
    period, width = _word(bits)
    planes = packed.chunk(width, -1)
    return torch.cat([_codes(planes, number * bits, bits) for number in range(period)], -1)


def _codes(planes: Sequence[Tensor], start: int, bits: int) -> Tensor:
    """The codes whose bits begin at bit `start` of the planes."""
    byte, low = divmod(start, 8)
    codes = planes[byte] >> low if low else planes[byte]
    if low + bits > 8:
        codes = codes | planes[byte + 1] << 8 - low
    return codes if low + bits == 8 else codes & 2**bits - 1


def _word(bits: int) -> tuple[int, int]:
    """How many codes fill how many bytes without a rest."""
    assert bits in (1, 2, 3, 4, 6, 8), f"{bits} bits do not fit into whole bytes"
    return 8 // gcd(8, bits), bits // gcd(8, bits)
