"""Giraffe's truncated basis keeps channels that turn within the window, and hardly turns or stops the others."""

from __future__ import annotations

import math

import pytest
import torch

from longspan.core.errors import InputError
from longspan.rope.giraffe_truncated import GiraffeTruncated
from longspan.rope.plain import Plain

from .ropes import MODELS, WINDOW, model, read, rope, text


def naive(dim, base, period, s):
    """One pair after the other, with the cuts of the released code: 2 pi over a period in tokens."""
    frequencies = []
    for pair in range(dim // 2):
        theta = base ** (-2 * pair / dim) / s
        if theta < 2 * math.pi / period:
            theta = 2 * math.pi / (16 * period) if theta >= 2 * math.pi / (8 * period) else 0.0
        frequencies.append(theta)
    return frequencies


@pytest.mark.parametrize("factor", [1.0, 4.0])
@pytest.mark.parametrize("turns", [1.0, 2.0])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_equal_the_equation(name, turns, factor):
    dim, base, window = MODELS[name]
    got = GiraffeTruncated(turns=turns, factor=factor)(rope(name), window).frequencies_P.tolist()
    assert got == pytest.approx(naive(dim, base, window / turns, factor), rel=1e-6)


def test_llama_2_keeps_46_pairs_and_stops_4():
    got = GiraffeTruncated()(rope("llama-2"), 1).frequencies_P
    assert int((got == 0).sum()) == 4
    assert torch.equal(got[:46], rope("llama-2").rotation.frequencies_P[:46])
    assert got[46:60].tolist() == pytest.approx([2 * math.pi / (16 * 4096)] * 14)


def test_tokens_as_far_as_never_seen_look_as_near_to_still_channels():
    """Where every channel is still, the order of a text's first tokens is lost to its last."""
    still = GiraffeTruncated(turns=1e9)
    tokens = text(1, 2 * WINDOW)
    mixed = torch.cat([tokens[:, 1:2], tokens[:, :1], tokens[:, 2:]], 1)
    one_layer = model(num_hidden_layers=1)
    same, other = (read(one_layer, s, mixed, reply=1) - read(one_layer, s, tokens, reply=1) for s in (still, Plain()))
    assert same.abs().max() < 1e-5
    assert other.abs().max() > 1e-4


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"turns": 0.0}, "turns=0.0 must be above 0"),
        ({"still": 0.5}, "still=0.5 and crawl=16.0 at least 1"),
        ({"factor": 0.5}, "factor=0.5 is below 1"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        GiraffeTruncated(**settings)
