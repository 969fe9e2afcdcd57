"""Keys by channel and values by token, as loops over channels and tokens say."""

from __future__ import annotations

import pytest
import torch

from longspan.kv.quant.codebook import fit
from longspan.kv.quant.coded import CodedKeys, CodedValues, Coding

CLOSE = {"atol": 2e-3, "rtol": 2e-3}


@pytest.fixture
def layer(tape):
    return tape(1).page.layer


def heavy(tokens, seed=0):
    """Numbers with outliers, every channel with a range of its own."""
    generator = torch.Generator().manual_seed(seed)
    x = torch.randn(tokens, 2, 8, generator=generator).pow(3)
    return x * torch.linspace(0.1, 5, 16).view(2, 8) + torch.linspace(-20, 20, 16).view(2, 8)


def nearest(x, levels):
    return levels[(x[:, None] - levels).abs().argmin(1)]


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("outliers", [0.0, 0.1])
def test_keys_are_what_a_loop_over_channels_gives(layer, bits, outliers):
    x = heavy(201)
    flat, cut = x.flatten(1), round(outliers / 2 * 200)
    inside, low, high = [], [], []
    for channel in flat.unbind(1):
        ranked = channel.sort().values
        low.append(ranked[cut])
        high.append(ranked[-1 - cut])
        inside.append((channel >= low[-1]) & (channel <= high[-1]))
    scaled = torch.stack([(c - (a + b) / 2) / ((b - a) / 2) for c, a, b in zip(flat.T, low, high, strict=True)], 1)
    levels = fit(scaled[torch.stack(inside, 1)], bits).levels
    want = flat.clone()
    for index, (own, a, b) in enumerate(zip(inside, low, high, strict=True)):
        want[own, index] = nearest(scaled[own, index], levels) * (b - a) / 2 + (a + b) / 2
    coded = CodedKeys(layer, Coding(bits, outliers, False), None)
    coded.push(x)
    torch.testing.assert_close(coded.pull(0, 201).flatten(1), want, **CLOSE)
    assert (coded.pull(0, 201) == x).float().mean() >= 2 * cut / 201


@pytest.mark.parametrize("bits", [2, 3, 4])
@pytest.mark.parametrize("outliers", [0.0, 0.25])
def test_values_are_what_a_loop_over_tokens_gives(layer, bits, outliers):
    x, each = heavy(100), round(outliers / 2 * 16)
    scaled, ends, insides = [], [], []
    for token in x.flatten(1):
        ranked = token.sort().values
        low, high = (ranked[cut] for cut in (each, 15 - each))
        insides.append((token >= low) & (token <= high))
        ends.append((float(low.half()), float(high.half())))
        scaled.append((token - (low + high) / 2) / ((high - low) / 2))
    levels = fit(torch.cat([s[own] for s, own in zip(scaled, insides, strict=True)]), bits).levels
    coded = CodedValues(layer, Coding(bits, outliers, False), None)
    coded.push(x)
    got = coded.pull(0, 100).flatten(1)
    for token, own, (low, high), out in zip(x.flatten(1), insides, ends, got, strict=True):
        middle, half = (low + high) / 2, (high - low) / 2
        want = torch.where(own, nearest((token - middle) / half, levels) * half + middle, token)
        torch.testing.assert_close(out, want, atol=1e-4, rtol=1e-4)
        assert torch.equal(out[~own], token[~own])
        assert int((~own).sum()) == 2 * each


def test_later_keys_outside_the_range_stay_exact(layer):
    coded = CodedKeys(layer, Coding(3, 0.02, False), None)
    coded.push(heavy(200))
    far = torch.full((4, 2, 8), 1e4)
    coded.push(far)
    assert torch.equal(coded.pull(200, 204), far)


def test_without_outliers_later_keys_are_cut_to_the_range(layer):
    coded = CodedKeys(layer, Coding(3, 0.0, False), None)
    first = heavy(200)
    coded.push(first)
    coded.push(torch.full((1, 2, 8), 1e4))
    assert bool((coded.pull(200, 201)[0] <= first.amax(0) + 1e-3).all())


def test_outliers_kept_apart_make_the_others_finer(layer):
    x, errors = heavy(500), []
    for outliers in (0.0, 0.02):
        coded = CodedKeys(layer, Coding(3, outliers, False), None)
        coded.push(x)
        errors.append(float((coded.pull(0, 500) - x).square().mean()))
    assert errors[1] < 0.5 * errors[0]


def test_more_bits_lose_less(layer):
    x, errors = heavy(500), []
    for bits in (2, 3, 4):
        for kind in (CodedKeys, CodedValues):
            coded = kind(layer, Coding(bits, 0.01, False), None)
            coded.push(x)
            errors.append(float((coded.pull(0, 500) - x).square().mean()))
    assert errors[0] > 2 * errors[2] > 4 * errors[4]
    assert errors[1] > 2 * errors[3] > 4 * errors[5]


def test_constant_channels_come_back(layer):
    x = torch.linspace(-3, 3, 16).view(1, 2, 8).expand(50, -1, -1)
    coded = CodedKeys(layer, Coding(2, 0.01, False), None)
    coded.push(x)
    torch.testing.assert_close(coded.pull(0, 50), x)


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_bytes_are_the_codes_the_outliers_and_the_ranges(layer, bits):
    keys, values = (kind(layer, Coding(bits, 0.2, False), None) for kind in (CodedKeys, CodedValues))
    for coded in (keys, values):
        coded.push(torch.randn(501, 2, 8))
    cut, each = round(0.1 * 500), round(0.1 * 16)
    assert keys.nbytes() == 501 * 16 * bits / 8 + 2 * cut * 16 * (4 + 2) + 501 * 4
    assert values.nbytes() == 501 * 16 * bits / 8 + 501 * (2 * each * (4 + 2) + 4) + 501 * 4


def test_a_fit_is_forgotten_with_its_tokens(layer):
    coded, fresh = (CodedKeys(layer, Coding(3, 0.01, False), None) for _ in range(2))
    coded.push(heavy(100))
    assert [coded.rewinds(n) for n in (0, 1, 99, 100, 200)] == [True, False, False, True, True]
    coded.truncate(0)
    for kept in (coded, fresh):
        kept.push(heavy(100, seed=1))
    assert torch.equal(coded.pull(0, 100), fresh.pull(0, 100))
