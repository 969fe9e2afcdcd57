"""Dual chunk attention shows the distances of its table, however the text arrives."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.position.dca import DCA
from longspan.position.plain import Plain

from . import naive
from .runs import CHUNKS, HEADS, PADDED, check, model, read, text

SETTINGS = [(12, 4), (17, 7), (16, 11), (30, 3), (9, 8)]
"""Greatest distance and local tokens."""


def want(chunk, local, factor=1.0):
    size = chunk - local

    def rel(i, j):
        if i // size == j // size:
            return i - j
        if i // size == j // size + 1:
            return min(i % size + size, chunk) - j % size
        return min(2 * size - 1, chunk) - j % size

    def turns(length):
        rel_TS = naive.distances(length, rel)
        return lambda theta: factor**2 * torch.exp(1j * rel_TS[..., None] * theta)

    return lambda model, row: naive.logits(model, row, turns(len(row)))


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("setting", SETTINGS[:2])
def test_every_token_equals_brute_force(setting, heads):
    check(model(**HEADS[heads]), DCA(*setting), want(*setting), reply=62)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_chunked_prompts_and_their_replies_equal_brute_force(setting, chunk):
    check(model(), DCA(*setting), want(*setting), chunk=chunk)


@pytest.mark.parametrize("setting", SETTINGS)
def test_rows_padded_on_the_left_equal_brute_force(setting):
    check(model(), DCA(*setting), want(*setting), chunk=13, rows=PADDED)


@pytest.mark.parametrize("chunk", [12, 90])
def test_the_temperature_counts_in_a_short_text_as_in_a_long_one(chunk):
    check(model(), DCA(chunk, 4, temperature=1.2), want(chunk, 4, 1.2))


def test_a_text_of_one_chunk_is_read_to_the_bit_as_trained_and_a_longer_one_is_not():
    own, row = model(), text(63)
    plain, short, long = (read(own, [row], reply=9, positions=how) for how in (Plain(), DCA(73, 10), DCA(40, 10)))
    assert torch.equal(short, plain)
    assert (long - plain).abs().max() > 1e-2


@pytest.mark.parametrize("settings", [(8, 8), (8, 0)])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="less than chunk=8"):
        DCA(*settings)


def test_the_distances_of_the_papers_example():
    """Trained on 10 tokens, chunks of 6, a text of 12: the paper's figure of the three parts put together."""
    (own, second), (q, k) = DCA(chunk=9, local=3).bands(*[torch.arange(12)[None, None]] * 2), (11, torch.arange(12))
    distances = torch.where(k < 6, own.q_BGT[0, 0, q] - k, second.q_BGT[0, 0, q] - k)
    assert distances.tolist() == [9, 8, 7, 6, 5, 4, 5, 4, 3, 2, 1, 0]
    assert own.q_BGT[0, 0, 6:].tolist() == [6, 7, 8, 9, 9, 9]
