"""Fitted levels: where the numbers are, and where errors matter."""

from __future__ import annotations

import pytest
import torch

from longspan.kv.quant import codebook
from longspan.kv.quant.codebook import fit


def skewed(count=5000, seed=0):
    x = torch.randn(count, generator=torch.Generator().manual_seed(seed)).pow(3)
    return x / x.abs().max()


def squared_error(x, levels):
    return float((x[:, None] - levels).abs().amin(1).square().sum())


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_fitted_levels_beat_even_ones_on_skewed_numbers(bits):
    x = skewed()
    assert squared_error(x, fit(x, bits).levels) < 0.3 * squared_error(x, torch.linspace(-1, 1, 2**bits))


@pytest.mark.parametrize("bits", [2, 3, 4])
def test_fitted_levels_are_no_worse_than_even_ones_on_even_numbers(bits):
    x = torch.linspace(-1, 1, 999)
    assert squared_error(x, fit(x, bits).levels) <= squared_error(x, torch.linspace(-1, 1, 2**bits))


@pytest.mark.parametrize("weighted", [False, True])
def test_levels_are_the_means_of_the_numbers_nearest_to_them(weighted):
    x = skewed(800)
    weights = torch.rand(800, generator=torch.Generator().manual_seed(1)) if weighted else torch.ones(800)
    book = fit(x, 2, weights_N=weights if weighted else None)
    nearest = (x[:, None] - book.levels).abs().argmin(1)
    for index, level in enumerate(book.levels):
        own = nearest == index
        torch.testing.assert_close((x * weights)[own].sum() / weights[own].sum(), level, atol=1e-4, rtol=1e-3)


def test_a_number_becomes_the_nearest_level():
    x, book = skewed(), fit(skewed(), 3)
    nearest = book.levels[(x[:, None] - book.levels).abs().argmin(1)]
    torch.testing.assert_close(book.decode(book.encode(x)), nearest)


def test_numbers_of_four_kinds_come_back():
    x = torch.tensor([-1.0, -0.9, 0.2, 1.0]).repeat(50)
    book = fit(x, 2)
    torch.testing.assert_close(book.decode(book.encode(x)), x)


def test_weights_draw_levels_to_where_errors_matter():
    x = torch.linspace(-1, 1, 1001)
    weights = torch.where(x > 0.5, 1000.0, 1.0)
    plain, weighted = fit(x, 2), fit(x, 2, weights_N=weights)
    assert int((plain.levels > 0.5).sum()) == 1
    assert int((weighted.levels > 0.5).sum()) >= 2


@pytest.mark.parametrize("bits", [2, 3])
def test_normalizing_keeps_mean_and_deviation(bits):
    x = skewed()
    plain, normalized = (fit(x, bits, normalize=on) for on in (False, True))
    became = normalized.decode(normalized.encode(x))
    torch.testing.assert_close(became.mean(), x.mean(), atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(became.std(), x.std(), atol=1e-5, rtol=1e-4)
    assert plain.decode(plain.encode(x)).std() < 0.999 * x.std()
    assert torch.equal(plain.edges, normalized.edges)


def test_many_numbers_are_fitted_by_a_sample_the_same_every_time(monkeypatch):
    monkeypatch.setattr(codebook, "SAMPLE", 2000)
    x = skewed(50_000)
    assert torch.equal(fit(x, 3).levels, fit(x, 3).levels)
    assert squared_error(x, fit(x, 3).levels) < 0.5 * squared_error(x, torch.linspace(-1, 1, 8))
