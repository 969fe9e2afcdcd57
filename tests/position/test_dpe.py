"""DPE shows each group of channel pairs distances of its own, however the text arrives."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.position.dpe import DPE
from longspan.position.self_extend import SelfExtend

from . import naive
from .runs import CHUNKS, CLOSE, HEADS, PADDED, check, model, read, text

SETTINGS = [((2, 5), 10), ((4, 1, 3, 8), 7), ((3,), 16), ((1, 1), 5), ((7, 2), 1)]
"""Scales and window; the scales need not divide the window."""


def rel(window, scale):
    return lambda i, j: i - j if i - j < window else (i // scale + window - window // scale) - j // scale


def want(scales, window):
    def turns(length):
        rel_MTS = torch.stack([naive.distances(length, rel(window, scale)) for scale in scales])

        def turn(theta):
            rel_PTS = rel_MTS.repeat_interleave(len(theta) // len(scales), 0)
            return torch.exp(1j * rel_PTS.permute(1, 2, 0) * theta)

        return turn

    return lambda model, row: naive.logits(model, row, turns(len(row)))


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("setting", SETTINGS[:2])
def test_every_token_equals_brute_force(setting, heads):
    check(model(**HEADS[heads]), DPE(*setting), want(*setting), reply=62)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_chunked_prompts_and_their_replies_equal_brute_force(setting, chunk):
    check(model(), DPE(*setting), want(*setting), chunk=chunk)


@pytest.mark.parametrize("setting", SETTINGS)
def test_rows_padded_on_the_left_equal_brute_force(setting):
    check(model(), DPE(*setting), want(*setting), chunk=13, rows=PADDED)


def test_one_scale_for_all_is_self_extend():
    own, rows = model("phi"), [text(63), text(40, seed=1)]
    got = read(own, rows, reply=9, positions=DPE((3, 3), 10))
    torch.testing.assert_close(got, read(own, rows, reply=9, positions=SelfExtend(3, 10)), **CLOSE)


def test_more_groups_than_pairs_are_refused_with_both_numbers():
    with pytest.raises(InputError, match="3 groups do not divide 4 channel pairs"):
        read(model(), [text(20)], reply=0, positions=DPE((2, 2, 2), 5))


@pytest.mark.parametrize("settings", [{"scales": ()}, {"scales": (2, 0)}, {"window": 0}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="must be at least 1"):
        DPE(**{"scales": (2, 2), **settings})
