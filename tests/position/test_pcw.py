"""Parallel context windows read each window alone, and what follows as if every window lay right before it."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.position.pcw import PCW

from . import naive
from .runs import CHUNKS, CLOSE, HEADS, PADDED, check, model, read, text

SETTINGS = [(10, 3, 1), (12, 2, 0), (7, 5, 3), (20, 1, 1), (30, 4, 1)]
"""Tokens of a window, windows and shared tokens."""


def want(window, windows, shared):
    own, length = window - shared, shared + windows * (window - shared)

    def place(i):
        if i < shared:
            return i
        return window + i - length if i >= length else shared + (i - shared) % own

    def sees(i, j):
        return j <= i and (j < shared or i >= length or (i - shared) // own == (j - shared) // own)

    def logits(model, row):
        seen_TS = torch.tensor([[sees(i, j) for j in range(len(row))] for i in range(len(row))])
        return naive.logits(model, row, naive.distances(len(row), lambda i, j: place(i) - place(j)), seen_TS)

    return logits


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_every_token_equals_brute_force(setting, heads):
    check(model(**HEADS[heads]), PCW(*setting), want(*setting), reply=62)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_chunked_prompts_and_their_replies_equal_brute_force(setting, chunk):
    check(model(), PCW(*setting), want(*setting), chunk=chunk)


@pytest.mark.parametrize("setting", SETTINGS)
def test_rows_padded_on_the_left_equal_brute_force(setting):
    check(model(), PCW(*setting), want(*setting), chunk=13, rows=PADDED)


def test_a_window_is_read_as_if_it_stood_alone_behind_the_shared_start():
    own, row = model(), text(28)
    got = read(own, [row], reply=9, positions=PCW(10, 3))
    with torch.no_grad():
        alone = own(torch.tensor([[row[0], *row[19:]]])).logits
    torch.testing.assert_close(got[:, 1:], alone[:, 1:], **CLOSE)


def test_transformers_with_the_windows_put_together_continues_alike():
    """The authors' way: each window through the model, their keys side by side, the question at the next positions."""
    from transformers import DynamicCache

    own, row = model(), text(33)
    caches = [DynamicCache(config=own.config) for _ in range(3)]
    with torch.no_grad():
        for cache, start in zip(caches, (1, 10, 19), strict=True):
            own(torch.tensor([[row[0], *row[start : start + 9]]]), past_key_values=cache)
        joined = DynamicCache(config=own.config)
        for layer in range(2):
            first, *others = (cache.layers[layer] for cache in caches)
            keys = torch.cat([first.keys, *(other.keys[:, :, 1:] for other in others)], 2)
            values = torch.cat([first.values, *(other.values[:, :, 1:] for other in others)], 2)
            joined.update(keys, values, layer)
        asked = own(torch.tensor([row[28:]]), past_key_values=joined, position_ids=torch.arange(10, 15)[None]).logits
    torch.testing.assert_close(read(own, [row], reply=4, positions=PCW(10, 3)), asked, **CLOSE)


def test_one_window_changes_nothing():
    own, row = model(), text(63)
    torch.testing.assert_close(read(own, [row], reply=9, positions=PCW(20, 1)), read(own, [row], reply=9), **CLOSE)


@pytest.mark.parametrize("settings", [{"windows": 0}, {"shared": 9}, {"shared": -1}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="must be at least 1"):
        PCW(**{"window": 9, **settings})
