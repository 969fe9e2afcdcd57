"""GALI places a text as its greedy rule says and interpolates logits, however the text arrives."""

from __future__ import annotations

import math

import pytest
import torch

from longspan.core.errors import InputError
from longspan.position.gali import GALI

from . import naive
from .runs import CHUNKS, CLOSE, HEADS, PADDED, check, model, read, text

SETTINGS = [(20, 5, 8), (32, 1, 16), (30, 2, 1), (16, 15, 5), (62, 8, 3000)]
"""Window, local tokens and chunk."""


def greedy(length, window, local):
    """Positions of a text: one whole position after another gives way to a crowd until all tokens have room."""
    if length <= window:
        return list(range(length))
    crowd, replaced, early = math.ceil((length - local) / (window - local)), 0, []
    while len(early) + window - replaced < length:
        early += [replaced + place / crowd for place in range(crowd)]
        replaced += 1
    return early[: length - (window - replaced)] + list(range(replaced, window))


def want(window, local, chunk):
    def distances(length):
        rel_TS = torch.zeros(length, length, dtype=torch.float64)
        for i in range(length):
            end = i + 1 if i < window else window + math.ceil((i + 1 - window) / chunk) * chunk
            placed = torch.tensor(greedy(end, window, local), dtype=torch.float64)
            rel_TS[i, : i + 1] = placed[i].ceil() - placed[: i + 1]
        return rel_TS[..., None]

    def turns(length):
        rel_TS1 = distances(length)
        share = rel_TS1 - rel_TS1.floor()
        return lambda theta: (
            (1 - share) * torch.exp(1j * rel_TS1.floor() * theta) + share * torch.exp(1j * rel_TS1.ceil() * theta)
        )

    return lambda model, row: naive.logits(model, row, turns(len(row)))


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("setting", SETTINGS[:2])
def test_every_token_equals_brute_force(setting, heads):
    check(model(**HEADS[heads]), GALI(*setting), want(*setting), reply=62)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_chunked_prompts_and_their_replies_equal_brute_force(setting, chunk):
    check(model(), GALI(*setting), want(*setting), chunk=chunk)


@pytest.mark.parametrize("setting", SETTINGS)
def test_rows_padded_on_the_left_equal_brute_force(setting):
    check(model(), GALI(*setting), want(*setting), chunk=13, rows=PADDED)


@pytest.mark.parametrize("length", [33, 34, 47, 63, 64, 95, 128, 1000])
@pytest.mark.parametrize("local", [1, 8, 31])
def test_positions_are_those_of_the_greedy_rule(length, local):
    """With chunks of one token the last query sees the positions that the authors' decoding makes for it."""
    pos_BGS = torch.arange(length)[None, None]
    (band,) = GALI(32, local, chunk=1).bands(pos_BGS[..., -1:], pos_BGS)
    placed = greedy(length, 32, local)
    torch.testing.assert_close(band.k_BGS[0, 0], torch.tensor(placed))
    assert band.q_BGT.item() == placed[-1] == 31
    assert placed[length - local :] == list(range(32 - local, 32))


def test_the_positions_of_a_worked_example():
    """8 positions, 2 of them local, 11 tokens: 3/2 tokens a position rounds to 2, so 3 positions are shared by two."""
    (band,) = GALI(8, 2, chunk=1).bands(torch.tensor([[[10]]]), torch.arange(11)[None, None])
    assert band.k_BGS[0, 0].tolist() == [0, 0.5, 1, 1.5, 2, 2.5, 3, 4, 5, 6, 7]


def test_a_text_within_the_window_is_read_as_trained_and_a_longer_one_is_not():
    own, row = model(), text(63)
    plain = read(own, [row], reply=9)
    torch.testing.assert_close(read(own, [row], reply=9, positions=GALI(63, 8)), plain, **CLOSE)
    assert (read(own, [row], reply=9, positions=GALI(40, 8)) - plain).abs().max() > 1e-2


@pytest.mark.parametrize("settings", [{"local": 9}, {"local": 0}, {"chunk": 0}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="less than window=9"):
        GALI(**{"window": 9, "local": 3, **settings})
