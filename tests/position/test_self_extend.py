"""Self-Extend shows every pair at the distance its paper says, however the text arrives."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.position.self_extend import SelfExtend

from . import naive
from .runs import CLOSE, HEADS, model, read, text

SETTINGS = [(8, 2), (10, 3), (7, 4), (16, 16), (1, 5), (5, 1), (64, 8)]
"""Window and group; the group need not divide the window."""


def rel(window, group):
    return lambda i, j: i - j if i - j < window else (i // group + window - window // group) - j // group


def want(model, row, window, group):
    return naive.logits(model, row, naive.distances(len(row), rel(window, group))).float()


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize(("window", "group"), SETTINGS[:3])
def test_every_token_equals_brute_force(window, group, heads):
    own, row = model(**HEADS[heads]), text(63)
    got = read(own, [row], reply=62, positions=SelfExtend(group, window))
    torch.testing.assert_close(got[0], want(own, row, window, group), **CLOSE)


@pytest.mark.parametrize("chunk", [512, 13])
@pytest.mark.parametrize(("window", "group"), SETTINGS)
def test_whole_and_chunked_prompts_and_their_replies_equal_brute_force(window, group, chunk):
    own, row = model(), text(63)
    got = read(own, [row], reply=13, chunk=chunk, positions=SelfExtend(group, window))
    torch.testing.assert_close(got[0], want(own, row, window, group)[49:], **CLOSE)


@pytest.mark.parametrize(("window", "group"), SETTINGS)
def test_rows_padded_on_the_left_equal_brute_force(window, group):
    own, rows = model(), [text(63), text(40, seed=1), text(20, seed=2)]
    got = read(own, rows, reply=13, chunk=13, positions=SelfExtend(group, window))
    for row, logits in zip(rows, got, strict=True):
        torch.testing.assert_close(logits, want(own, row, window, group)[-14:], **CLOSE)


def test_a_text_within_the_window_is_read_as_trained_and_a_longer_one_is_not():
    own, row = model(), text(63)
    got = read(own, [row], reply=62, positions=SelfExtend(group=3, window=10))[0]
    with torch.no_grad():
        trained = own(torch.tensor([row])).logits[0]
    torch.testing.assert_close(got[:10], trained[:10], **CLOSE)
    assert (got[20:] - trained[20:]).abs().max() > 1e-2


@pytest.mark.parametrize("settings", [{"group": 0}, {"window": 0}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="must both be at least 1"):
        SelfExtend(**settings)
