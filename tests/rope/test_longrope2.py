"""LongRoPE2 slows fast channels by NTK up to the critical one, and from there on by what was searched."""

from __future__ import annotations

import math

import pytest
import torch

from longspan.core.errors import InputError
from longspan.rope.longrope2 import LongRoPE2

from .ropes import CLOSE, MODELS, WINDOW, equal, model, plain, published, read, rope, scaled, text

RELEASED = (
    *(21.81, 21.87, 21.88, 22.23, 22.28, 22.53, 22.65, 22.73, 22.89, 22.92, 23.18, 23.23, 23.36, 23.42, 23.47, 23.51),
    *(23.52, 23.75, 23.82, 23.89, 24.06, 24.13, 24.14, 24.3, 24.53, 24.67, 24.75, 24.97, 25.49, 26.01, 26.05),
)
"""What the search found for the 31 slowest pairs of Llama 3 8B at 131,072 tokens."""
FASTEST = (1, 1.097906416, 1.205398499, 1.323414747, 1.452985542)
"""The published factors of its five fastest pairs."""


def slowings(name, spectrum, length=10**6):
    dim, base, _ = MODELS[name]
    return plain(dim, base) / spectrum(rope(name), length).frequencies_P.double()


def test_the_released_llama_3_factors_follow_from_those_searched():
    got = slowings("llama-3", LongRoPE2(16.0, RELEASED))
    equal(got[:33], torch.tensor([21.81 ** (pair / 33) for pair in range(33)]).double())
    equal(got[:5], torch.tensor(FASTEST).double())
    equal(got[33:], torch.tensor(RELEASED).double())


def test_frequencies_and_temperature_equal_transformers_with_the_released_factors():
    long = [21.81 ** (pair / 33) for pair in range(33)] + list(RELEASED)
    want, temperature = published(
        "longrope", "llama-3", seq_len=8193, stretched=16, short_factor=[1.0] * 64, long_factor=long
    )
    got = LongRoPE2(16.0, RELEASED)(rope("llama-3"), 8193)
    equal(got.frequencies_P, want)
    assert got.temperature == pytest.approx(temperature, abs=1e-6)


@pytest.mark.parametrize(("turns", "critical"), [(1.0, 35), (1.25, 34), (1.51, 33), (10.0, 24)])
def test_the_first_guess_begins_at_the_critical_pair(turns, critical):
    """The 35th pair of Llama 3 is the first that makes no whole turn: ceil(64 log(8192 / 2 pi) / log(500000)) = 35."""
    got = slowings("llama-3", LongRoPE2(16.0, critical_turns=turns))
    below = [16 ** (pair / critical) for pair in range(critical)]
    beyond = [16 + 0.1 * pair for pair in range(64 - critical)]
    equal(got, torch.tensor(below + beyond).double())


@pytest.mark.parametrize("name", MODELS)
def test_the_theoretical_critical_dimension_is_the_papers(name):
    dim, base, window = MODELS[name]
    got = slowings(name, LongRoPE2(4.0))
    critical = math.ceil(dim / 2 * math.log(window / (2 * math.pi), base))
    assert int((got >= 4 * (1 - 1e-6)).sum()) == dim // 2 - critical


def test_a_model_whose_channels_all_turn_has_ntk_alone():
    got = slowings("llama-2", LongRoPE2(4.0, critical_turns=1e-6))
    equal(got, torch.tensor([4 ** (pair / 64) for pair in range(64)]).double())


@pytest.mark.parametrize("chunk", [512, 37])
def test_logits_equal_a_transformers_model_so_configured(chunk):
    tokens, searched = text(2, 200), (5.0, 5.5, 6.0)
    long = [5 ** (pair / 13) for pair in range(13)] + list(searched)
    settings = {"factor": 4.0, "short_factor": [1.0] * 16, "long_factor": long}
    theirs = scaled("longrope", original_max_position_embeddings=WINDOW, **settings)
    with torch.no_grad():
        want = theirs(tokens).logits[:, 189:]
    got = read(model(), LongRoPE2(4.0, searched), tokens, chunk=chunk)
    torch.testing.assert_close(got, want, **CLOSE)


def test_a_request_within_the_window_is_as_trained():
    own = rope("llama-3", temperature=1.1)
    assert LongRoPE2(16.0, RELEASED)(own, 8192) is own.rotation


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factor": 0.5}, "LongRoPE2: factor=0.5 is below 1"),
        ({"factor": 2.0, "searched": (0.5,)}, "numbers of at least 1"),
        ({"factor": 2.0, "critical_turns": 0.0}, "critical_turns=0.0 must be above 0"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        LongRoPE2(**settings)


def test_more_factors_than_channels_are_refused():
    with pytest.raises(InputError, match="31 factors were searched, the model turns 8 pairs of channels"):
        LongRoPE2(16.0, RELEASED)(rope("tiny"), 10_000)
