"""NTK-by-parts blends each channel by its turns within the window, as the YaRN paper's equations say."""

from __future__ import annotations

import math

import pytest

from longspan.core.errors import InputError
from longspan.rope.ntk_by_parts import NTKByParts

from .ropes import MODELS, equal, plain, rope


def naive(dim, base, window, s, alpha, beta):
    """One channel pair after the other."""
    frequencies = []
    for pair in range(dim // 2):
        theta = base ** (-2 * pair / dim)
        turns = window * theta / (2 * math.pi)
        gamma = 0 if turns < alpha else 1 if turns > beta else (turns - alpha) / (beta - alpha)
        frequencies.append((1 - gamma) * theta / s + gamma * theta)
    return frequencies


@pytest.mark.parametrize(("alpha", "beta"), [(1.0, 32.0), (2.0, 128.0)])
@pytest.mark.parametrize("factor", [2.0, 16.0])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_equal_the_equations(name, factor, alpha, beta):
    got = NTKByParts(factor, alpha, beta)(rope(name), 1)
    assert got.frequencies_P.tolist() == pytest.approx(naive(*MODELS[name], factor, alpha, beta), rel=1e-6)
    assert got.temperature == 1


def test_llama_2_keeps_21_pairs_and_slows_18_wholly():
    """32 turns are made by the channel 20.9, one turn by the channel 45.03."""
    own_P, got_P = plain(128, 1e4), NTKByParts(8.0)(rope("llama-2"), 1).frequencies_P.double()
    assert int((got_P / own_P > 1 - 1e-6).sum()) == 21
    assert int((got_P / own_P < 1 / 8 + 1e-6).sum()) == 64 - 46
    equal(got_P[46:], own_P[46:] / 8)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factor": 0.5}, "NTKByParts: factor=0.5 is below 1"),
        ({"factor": 2.0, "alpha": 40.0}, "NTKByParts: alpha=40.0 must lie between 0 and beta=32.0"),
        ({"factor": 2.0, "alpha": 0.0}, "NTKByParts: alpha=0.0 must lie between 0 and"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        NTKByParts(**settings)
