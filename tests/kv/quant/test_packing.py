"""Packed codes come back, and take exactly their bits."""

from __future__ import annotations

import pytest
import torch

from longspan.kv.quant.packing import pack, unpack

WIDTHS = [1, 2, 3, 4, 6, 8]


@pytest.mark.parametrize("bits", WIDTHS)
def test_every_value_survives_in_every_place(bits):
    values = torch.arange(2**bits)
    codes = torch.stack([values.roll(shift).repeat(8) for shift in range(8)]).to(torch.uint8)
    packed = pack(codes, bits)
    assert packed.dtype == torch.uint8
    assert packed.shape[-1] * 8 == codes.shape[-1] * bits
    assert torch.equal(unpack(packed, bits), codes)


@pytest.mark.parametrize("bits", WIDTHS)
def test_random_codes_of_any_shape_survive(bits):
    codes = torch.randint(2**bits, (3, 5, 2, 24), generator=torch.Generator().manual_seed(bits), dtype=torch.uint8)
    assert torch.equal(unpack(pack(codes, bits), bits), codes)


def test_planes_of_codes_lie_above_one_another():
    assert pack(torch.tensor([0xA, 0xB, 0xC, 0xD]), 4).tolist() == [0xCA, 0xDB]
    assert pack(torch.tensor([1, 2, 3, 0]), 2).tolist() == [0b00111001]
    bits = "".join(f"{code:03b}" for code in reversed([1, 2, 3, 4, 5, 6, 7, 0]))
    assert pack(torch.tensor([1, 2, 3, 4, 5, 6, 7, 0]), 3).tolist() == [
        int(bits, 2) >> shift & 255 for shift in (0, 8, 16)
    ]


def test_widths_that_fit_no_word_are_refused():
    with pytest.raises(AssertionError, match="5 bits"):
        pack(torch.zeros(8), 5)
