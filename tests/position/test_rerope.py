"""ReRoPE shows no pair farther apart than its window, however the text arrives."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.position.rerope import ReRoPE

from . import naive
from .runs import CLOSE, HEADS, model, read, text

WINDOWS = [1, 7, 16, 62, 63]


def want(model, row, window):
    return naive.logits(model, row, naive.distances(len(row), lambda i, j: min(i - j, window))).float()


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("window", WINDOWS[:3])
def test_every_token_equals_brute_force(window, heads):
    own, row = model(**HEADS[heads]), text(63)
    got = read(own, [row], reply=62, positions=ReRoPE(window))
    torch.testing.assert_close(got[0], want(own, row, window), **CLOSE)


@pytest.mark.parametrize("chunk", [512, 13])
@pytest.mark.parametrize("window", WINDOWS)
def test_whole_and_chunked_prompts_and_their_replies_equal_brute_force(window, chunk):
    own, row = model(), text(63)
    got = read(own, [row], reply=13, chunk=chunk, positions=ReRoPE(window))
    torch.testing.assert_close(got[0], want(own, row, window)[49:], **CLOSE)


@pytest.mark.parametrize("window", WINDOWS)
def test_rows_padded_on_the_left_equal_brute_force(window):
    own, rows = model(), [text(63), text(40, seed=1), text(20, seed=2)]
    got = read(own, rows, reply=13, chunk=13, positions=ReRoPE(window))
    for row, logits in zip(rows, got, strict=True):
        torch.testing.assert_close(logits, want(own, row, window)[-14:], **CLOSE)


def test_a_text_within_the_window_is_read_as_trained_and_a_longer_one_is_not():
    own, row = model(), text(63)
    got = read(own, [row], reply=62, positions=ReRoPE(10))[0]
    with torch.no_grad():
        trained = own(torch.tensor([row])).logits[0]
    torch.testing.assert_close(got[:11], trained[:11], **CLOSE)
    assert (got[20:] - trained[20:]).abs().max() > 1e-2


def test_a_window_below_one_is_refused():
    with pytest.raises(InputError, match=r"window=0 must be at least 1"):
        ReRoPE(0)
