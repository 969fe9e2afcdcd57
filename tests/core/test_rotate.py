"""Rotation says which positions turn by other frequencies, and which queries are scaled."""

from __future__ import annotations

import math

import pytest
import torch

from longspan.core.rotate import cosine_sine, rotate, sharpen
from longspan.core.types import EMPTY, Layer, Rotation

FREQUENCIES = torch.tensor([1.0, 0.1, 0.01])
OTHER = torch.tensor([0.5, 0.3, 0.2])


def layer(index, **rotation):
    return Layer(index, 4, 2, 1, 6, Rotation(FREQUENCIES, **rotation), True, torch.device("cpu"), torch.float32)


@pytest.mark.parametrize("layout", ["half", "interleaved"])
def test_positions_at_the_start_turn_by_their_own_frequencies(layout):
    x, pos = torch.randn(2, 1, 9, 8), torch.arange(9)[None, None] + torch.tensor([0, 2])[:, None, None]
    mixed = Rotation(FREQUENCIES, 1.2, layout, start=4, start_frequencies_P=OTHER)
    early = rotate(x, pos, Rotation(OTHER, 1.2, layout))
    late = rotate(x, pos, Rotation(FREQUENCIES, 1.2, layout))
    torch.testing.assert_close(rotate(x, pos, mixed), torch.where((pos < 4)[..., None], early, late))


def test_turning_back_is_never_at_the_start():
    pos = torch.arange(-9, 0)
    mixed = Rotation(FREQUENCIES, start=4, start_frequencies_P=OTHER)
    for got, want in zip(cosine_sine(pos, mixed), cosine_sine(pos, Rotation(FREQUENCIES)), strict=True):
        assert torch.equal(got, want)


def test_queries_are_multiplied_by_the_logarithm_of_the_tokens_they_see():
    q, pos = torch.randn(2, 2, 20, 6), torch.stack([torch.arange(20), torch.arange(20) - 5]).clamp_min(EMPTY)
    got = sharpen(q, pos, layer(1, sharpen_beyond=8, sharpen_from_layer=1))
    for row in range(2):
        for slot in range(20):
            tokens = int(pos[row, slot]) + 1
            scale = math.log(tokens) / math.log(8) if tokens > 8 else 1
            torch.testing.assert_close(got[row, :, slot], q[row, :, slot] * scale)


def test_earlier_layers_and_other_rotations_leave_queries_alone():
    q, pos = torch.randn(1, 2, 20, 6), torch.arange(20)[None]
    assert sharpen(q, pos, layer(0, sharpen_beyond=8, sharpen_from_layer=1)) is q
    assert sharpen(q, pos, layer(3)) is q
