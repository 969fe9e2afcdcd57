"""A-shape reads the tiles that hold the start and what is near, and does no other work."""

from __future__ import annotations

import pytest
import torch
from tests.pattern.attention import count
from tests.position import naive
from tests.position.runs import CLOSE, HEADS, model, read, text

from longspan.core.errors import InputError
from longspan.pattern.a_shape import AShape
from longspan.pattern.dense import Dense
from longspan.position.self_extend import SelfExtend

SETTINGS = [(8, 16, 8), (9, 20, 8), (0, 1, 16), (1, 63, 5), (20, 3, 7)]
"""Tokens at the start, latest tokens and tokens of a tile."""


def own_distance(i, j):
    return i - j


def seen(n, prompt, sinks, local, tile):
    """Which keys each query sees: in the prompt by whole tiles, decoded tokens everything."""
    spans = [range(start, start + tile) for start in range(0, n, tile)]

    def kept(of_query, of_key):
        near = range(of_query[0] - local + 1, of_query[0] + 1)
        return of_key == of_query or any(token < sinks or token in near for token in of_key)

    tiles = torch.tensor([[kept(of_query, of_key) for of_key in spans] for of_query in spans])
    mask = tiles.repeat_interleave(tile, 0).repeat_interleave(tile, 1)[:n, :n]
    mask[prompt:] = True
    return mask & naive.causal(n)


def want(model, row, settings, *, reply, rel=own_distance):
    mask = seen(len(row), len(row) - reply, *settings)
    return naive.logits(model, row, naive.distances(len(row), rel), mask)[len(row) - reply - 1 :].float()


def pairs(monkeypatch, model, pattern, length, chunk=512):
    """Pairs of a query and a stored token that the kernels were given, for each query head and layer."""
    done = count(monkeypatch, lambda: read(model, [text(length)], reply=0, chunk=chunk, pattern=pattern))
    return done / (model.config.num_attention_heads * model.config.num_hidden_layers)


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("settings", SETTINGS)
def test_prompt_and_reply_equal_a_masked_softmax(settings, heads):
    own, row = model(**HEADS[heads]), text(63)
    got = read(own, [row], reply=4, pattern=AShape(*settings))
    torch.testing.assert_close(got[0], want(own, row, settings, reply=4), **CLOSE)


@pytest.mark.parametrize("n", [1, 2, 7, 8, 9, 63])
def test_every_length_equals_a_masked_softmax(n):
    own, row = model(), text(n)
    got = read(own, [row], reply=0, pattern=AShape(3, 5, 4))
    torch.testing.assert_close(got[0], want(own, row, (3, 5, 4), reply=0), **CLOSE)


def test_a_text_of_500_equals_a_masked_softmax_in_any_chunks():
    own, row, settings = model(), text(500), (20, 70, 16)
    expected = want(own, row, settings, reply=2)
    for chunk in (512, 100, 64):
        got = read(own, [row], reply=2, chunk=chunk, pattern=AShape(*settings))
        torch.testing.assert_close(got[0], expected, **CLOSE)


@pytest.mark.parametrize("chunk", [5, 13, 32])
@pytest.mark.parametrize("settings", SETTINGS)
def test_chunks_equal_a_masked_softmax(settings, chunk):
    own, row = model(), text(63)
    got = read(own, [row], reply=4, chunk=chunk, pattern=AShape(*settings))
    torch.testing.assert_close(got[0], want(own, row, settings, reply=4), **CLOSE)


@pytest.mark.parametrize("chunk", [512, 13])
@pytest.mark.parametrize("settings", SETTINGS)
def test_rows_padded_on_the_left_equal_a_masked_softmax(settings, chunk):
    own, rows = model(), [text(63), text(40, seed=1), text(6, seed=2)]
    got = read(own, rows, reply=4, chunk=chunk, pattern=AShape(*settings))
    for row, logits in zip(rows, got, strict=True):
        torch.testing.assert_close(logits, want(own, row, settings, reply=4), **CLOSE)


@pytest.mark.parametrize("settings", SETTINGS)
def test_with_moved_positions_it_equals_a_masked_softmax(settings):
    own, row = model(), text(63)
    got = read(own, [row], reply=4, chunk=32, positions=SelfExtend(group=3, window=10), pattern=AShape(*settings))

    def rel(i, j):
        return i - j if i - j < 10 else (i // 3 + 7) - j // 3

    torch.testing.assert_close(got[0], want(own, row, settings, reply=4, rel=rel), **CLOSE)


@pytest.mark.parametrize("chunk", [512, 1000])
def test_work_is_skipped(monkeypatch, chunk):
    own, sinks, local, tile, n = model(num_hidden_layers=1), 20, 48, 16, 1000
    dense = pairs(monkeypatch, own, Dense(), n, chunk)
    sparse = pairs(monkeypatch, own, AShape(sinks, local, tile), n, chunk)
    assert n * n / 2 <= dense <= n * n
    assert sparse <= n * (2 * tile + local + 2 * tile)
    assert sparse < dense / 6


def test_work_grows_with_the_length_and_not_with_its_square(monkeypatch):
    own = model(num_hidden_layers=1)
    short, long = (pairs(monkeypatch, own, AShape(16, 32, 16), n) for n in (500, 1000))
    assert long < 2.2 * short


@pytest.mark.parametrize("n", [63, 500])
@pytest.mark.parametrize(("sinks", "local"), [(0, 500), (500, 1)])
def test_keeping_everything_is_dense_to_the_bit(sinks, local, n):
    own, row = model(), text(n)
    for chunk in (512, 60):
        got = read(own, [row], reply=2, chunk=chunk, pattern=AShape(sinks, local, 16))
        assert torch.equal(got, read(own, [row], reply=2, chunk=chunk, pattern=Dense()))


@pytest.mark.parametrize("settings", [{"sinks": -1}, {"local": 0}, {"tile": 0}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="must be at least 0"):
        AShape(**settings)
