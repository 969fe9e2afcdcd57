"""Leaky ReRoPE shows near pairs as they are and far ones at shorter steps, however the text arrives."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.position.leaky_rerope import LeakyReRoPE
from longspan.position.rerope import ReRoPE

from . import naive
from .runs import CHUNKS, CLOSE, HEADS, PADDED, check, model, read, text

SETTINGS = [(7, 2), (10, 2.5), (16, 8), (1, 3), (62, 4)]
"""Window and stretch."""


def want(window, stretch):
    def rel(i, j):
        return i - j if i - j < window else window + (i - j - window) / stretch

    return lambda model, row: naive.logits(model, row, naive.distances(len(row), rel))


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("setting", SETTINGS[:2])
def test_every_token_equals_brute_force(setting, heads):
    check(model(**HEADS[heads]), LeakyReRoPE(*setting), want(*setting), reply=62)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_chunked_prompts_and_their_replies_equal_brute_force(setting, chunk):
    check(model(), LeakyReRoPE(*setting), want(*setting), chunk=chunk)


@pytest.mark.parametrize("setting", SETTINGS)
def test_rows_padded_on_the_left_equal_brute_force(setting):
    check(model(), LeakyReRoPE(*setting), want(*setting), chunk=13, rows=PADDED)


def test_no_stretch_is_plain_and_an_endless_one_is_rerope():
    own, row = model(), text(63)
    with torch.no_grad():
        trained = own(torch.tensor([row])).logits
    torch.testing.assert_close(read(own, [row], reply=62, positions=LeakyReRoPE(9, 1)), trained, **CLOSE)
    rerope = read(own, [row], reply=0, positions=ReRoPE(9))
    torch.testing.assert_close(read(own, [row], reply=0, positions=LeakyReRoPE(9, 1e9)), rerope, **CLOSE)


@pytest.mark.parametrize("settings", [{"window": 0, "stretch": 2}, {"window": 9, "stretch": 0.5}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="must both be at least 1"):
        LeakyReRoPE(**settings)
