"""Distributional extension slows just the channels whose angles stray less when slowed."""

from __future__ import annotations

import math

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.rope.distributional import Distributional

from .ropes import plain, rope


def histogram(theta, length, bins):
    """The share of positions 0 to length - 1 whose angle falls into each part of the circle."""
    counts = [0] * bins
    for pos in range(length):
        counts[int(pos * theta % (2 * math.pi) / (2 * math.pi) * bins)] += 1
    return [count / length for count in counts]


def disturbance(after, before):
    return sum(a * math.log((a + 1e-9) / (b + 1e-9)) for a, b in zip(after, before, strict=True))


def naive(dim, base, window, s, bins):
    """One pair, one position after the other."""
    frequencies = []
    for pair in range(dim // 2):
        theta = base ** (-2 * pair / dim)
        trained = histogram(theta, window, bins)
        kept = disturbance(histogram(theta, window * s, bins), trained)
        slowed = disturbance(histogram(theta / s, window * s, bins), trained)
        frequencies.append(theta / s if kept > slowed else theta)
    return frequencies


@pytest.mark.parametrize("bins", [36, 360])
@pytest.mark.parametrize("factor", [2, 3])
@pytest.mark.parametrize(("dim", "base", "window"), [(16, 1e4, 512), (32, 500.0, 600)])
def test_the_channels_slowed_are_those_of_the_equations(dim, base, window, factor, bins):
    own = Rope(dim, base, window, Rotation(plain(dim, base).float()))
    got = Distributional(float(factor), bins=bins)(own, 1).frequencies_P.tolist()
    assert got == pytest.approx(naive(dim, base, window, factor, bins), rel=1e-6)
    assert len({round(a * base ** (2 * i / dim), 3) for i, a in enumerate(got)}) == 2


@pytest.mark.parametrize(
    ("factor", "threshold", "slowed"), [(2.0, 0.0, 46), (4.0, 0.0, 42), (2.0, 0.00065, 40), (4.0, 0.0021, 32)]
)
def test_known_numbers_of_llama_2_channels_are_slowed(factor, threshold, slowed):
    own = rope("llama-2")
    share_P = Distributional(factor, threshold)(own, 1).frequencies_P / own.rotation.frequencies_P
    assert int((share_P < 0.9).sum()) == slowed
    assert bool(((share_P - 1).abs() < 1e-6).logical_or((share_P * factor - 1).abs() < 1e-6).all())


def test_a_scaling_of_the_models_own_is_replaced():
    own = rope("llama-2", temperature=1.2)
    halved = Rope(own.dim, own.base, own.window, Rotation(own.rotation.frequencies_P / 2, 1.2))
    got, want = Distributional(2.0)(halved, 1), Distributional(2.0)(own, 1)
    assert torch.equal(got.frequencies_P, want.frequencies_P)
    assert got.temperature == 1


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"factor": 0.5}, "factor=0.5 is below 1"), ({"factor": 2.0, "bins": 0}, "bins=0 must be at least 1")],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=f"Distributional: {message}"):
        Distributional(**settings)
