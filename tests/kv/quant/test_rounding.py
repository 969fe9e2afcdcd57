"""Rounding to evenly spaced levels, as a loop over groups says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.kv.quant.rounding import Rounded

GROUPS = [(1, 4), (1, 8), (5, 1), (5, 4)]


def naive(x_SGD, bits, tokens, channels):
    """Round each group of tokens by channels by itself, its ends in half precision."""
    out = torch.empty_like(x_SGD)
    for s in range(0, x_SGD.shape[0], tokens):
        for g in range(x_SGD.shape[1]):
            for d in range(0, x_SGD.shape[2], channels):
                group = x_SGD[s : s + tokens, g, d : d + channels]
                low, high = float(group.min().half()), float(group.max().half())
                step = float(torch.tensor((high - low) / (2**bits - 1)).half())
                codes = ((group - low) / step).round().clamp(0, 2**bits - 1)
                out[s : s + tokens, g, d : d + channels] = codes * step + low
    return out


@pytest.fixture
def layer(tape):
    return tape(1).page.layer


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("tokens", "channels"), GROUPS)
def test_what_comes_back_is_what_a_loop_over_groups_gives(layer, bits, tokens, channels):
    x, rounded = torch.randn(40, 2, 8), Rounded(layer, bits, tokens=tokens, channels=channels)
    for start in range(0, 40, 10):
        rounded.push(x[start : start + 10])
    want = naive(x, bits, tokens, channels)
    torch.testing.assert_close(rounded.pull(0, 40), want, atol=1e-6, rtol=1e-5)
    torch.testing.assert_close(rounded.pull(7, 31), want[7:31], atol=1e-6, rtol=1e-5)
    rounded.truncate(20)
    rounded.push(x[30:])
    torch.testing.assert_close(rounded.pull(0, 30), torch.cat([want[:20], want[30:]]), atol=1e-6, rtol=1e-5)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("tokens", "channels"), GROUPS)
def test_no_error_exceeds_half_a_step(layer, bits, tokens, channels):
    x, rounded = 5 + 3 * torch.randn(40, 2, 8), Rounded(layer, bits, tokens=tokens, channels=channels)
    rounded.push(x)
    groups = x.reshape(-1, tokens, 2, 8 // channels, channels)
    low, high = groups.amin((1, 4), True), groups.amax((1, 4), True)
    bound = (high - low) / (2**bits - 1) / 2 + high.abs().maximum(low.abs()) * 2**-10
    error = (rounded.pull(0, 40) - x).abs().reshape(groups.shape)
    assert bool((error <= bound).all())


def test_groups_of_one_number_come_back_to_half_precision(layer):
    x, rounded = torch.full((4, 2, 8), 3.25), Rounded(layer, 2, channels=8)
    rounded.push(x)
    assert torch.equal(rounded.pull(0, 4), x)


@pytest.mark.parametrize("bits", [2, 4, 8])
@pytest.mark.parametrize(("tokens", "channels"), GROUPS)
def test_bytes_are_the_codes_and_four_a_group(layer, bits, tokens, channels):
    rounded = Rounded(layer, bits, tokens=tokens, channels=channels)
    rounded.push(torch.randn(500, 2, 8))
    assert rounded.nbytes() == 500 * 16 * bits / 8 + 500 * 16 / (tokens * channels) * 4


def test_a_model_that_does_not_fit_is_refused_with_what_does(layer):
    with pytest.raises(InputError, match=r"group is 64 channels.*heads of 80.*group=40"):
        Rounded(replace(layer, head_dim=80), 4, channels=64)
    with pytest.raises(InputError, match="heads of 6 channels at 2 bits do not fill whole bytes"):
        Rounded(replace(layer, head_dim=6), 2, tokens=8)
