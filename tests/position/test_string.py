"""STRING brings far tokens nearer and counts every pair once, however the text arrives."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.position.string import STRING

from . import naive
from .runs import CHUNKS, CLOSE, HEADS, PADDED, check, model, read, text

SETTINGS = [(21, 5), (10, 3), (16, 1), (62, 7), (5, 5)]
"""Offset and local distance."""


def want(offset, local, factor=1.0):
    def turns(length):
        rel_TS = naive.distances(length, lambda i, j: i - j if i - j < offset else i - j - offset + local)
        return lambda theta: factor**2 * torch.exp(1j * rel_TS[..., None] * theta)

    return lambda model, row: naive.logits(model, row, turns(len(row)))


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("setting", SETTINGS[:2])
def test_every_token_equals_brute_force(setting, heads):
    check(model(**HEADS[heads]), STRING(*setting), want(*setting), reply=62)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_chunked_prompts_and_their_replies_equal_brute_force(setting, chunk):
    check(model(), STRING(*setting), want(*setting), chunk=chunk)


@pytest.mark.parametrize("setting", SETTINGS)
def test_rows_padded_on_the_left_equal_brute_force(setting):
    check(model(), STRING(*setting), want(*setting), chunk=13, rows=PADDED)


def test_the_temperature_is_that_of_all_pairs():
    check(model(), STRING(21, 5, temperature=1.0693), want(21, 5, 1.0693), chunk=16)


def test_a_text_up_to_the_offset_is_read_to_the_bit_as_trained():
    own, row = model(), text(63)
    assert torch.equal(read(own, [row], reply=9, positions=STRING(63, 8)), read(own, [row], reply=9))


def test_a_token_at_the_offset_is_seen_nearer_and_only_there():
    """Two tokens: the farther one is at distance 3 in one band and in no other."""
    own, row = model(num_hidden_layers=1), text(22)
    got = read(own, [row], reply=0, positions=STRING(21, 3))
    rel_TS = naive.distances(22, lambda i, j: i - j)
    rel_TS[21, 0] = 3
    torch.testing.assert_close(got[0], naive.logits(own, row, rel_TS).float()[-1:], **CLOSE)


@pytest.mark.parametrize("settings", [(8, 9), (8, 0)])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="at most offset=8"):
        STRING(*settings)
