"""Entropy-ABF is a greater base, and queries scaled by the logarithm of their position in all layers but the first."""

from __future__ import annotations

import math

import pytest
import torch
from transformers import AttentionInterface

from longspan.core.errors import InputError
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.rope.abf import ABF
from longspan.rope.entropy_abf import EntropyABF

from .ropes import CLOSE, SHAPE, WINDOW, equal, model, plain, read, rope, scaled, text


def scaled_attention(plain_layers):
    """Transformers' own attention on queries multiplied by max(1, ln(position + 1) / ln(window)) from a layer on."""
    own = AttentionInterface()["sdpa"]

    def attention(module, query, key, value, mask, **settings):
        length = torch.arange(1, query.shape[2] + 1)
        scale_T = torch.tensor([max(1.0, math.log(n) / math.log(WINDOW)) for n in length.tolist()])
        if module.layer_idx >= plain_layers:
            query = query * scale_T[:, None]
        return own(module, query, key, value, mask, **settings)

    return attention


def theirs(tokens, plain_layers):
    """Logits of a transformers model with the greater base whose queries are scaled."""
    reference = scaled("default", rope_theta=5e5)
    AttentionInterface.register("scaled_queries", scaled_attention(plain_layers))
    reference.set_attn_implementation("scaled_queries")
    with torch.no_grad():
        return reference(tokens).logits


@pytest.mark.parametrize("chunk", [512, 37])
@pytest.mark.parametrize("plain_layers", [0, 2, 3])
def test_logits_equal_transformers_with_queries_scaled_by_hand(plain_layers, chunk):
    tokens = text(2, 200)
    got = read(model(), EntropyABF(plain_layers=plain_layers), tokens, chunk=chunk)
    torch.testing.assert_close(got, theirs(tokens, plain_layers)[:, 189:], **CLOSE)


def test_the_scale_reaches_the_logits():
    tokens = text(2, 200)
    assert (read(model(), EntropyABF(), tokens) - read(model(), ABF(), tokens)).abs().max() > 1e-4


def test_each_query_is_scaled_by_its_own_position_in_padded_rows_and_later_turns():
    tokens = text(2, 200)
    with Session(model(), Method(rope=EntropyABF()), length=200) as session:
        session.prefill([tokens[0, :100].tolist(), tokens[1, :70].tolist()], chunk=37)
        got = session.prefill([tokens[0, 100:150].tolist(), tokens[1, 70:200].tolist()], chunk=37)
    torch.testing.assert_close(got[:1], theirs(tokens[:1, :150], 2)[:, -1], **CLOSE)
    torch.testing.assert_close(got[1:], theirs(tokens[1:], 2)[:, -1], **CLOSE)


def test_stores_that_keep_raw_keys_get_scaled_queries_too():
    tokens, method = text(1, 200), Method.parse("rope=entropy_abf positions=self_extend:group=4,window=200")
    with Session(model(), method, length=200) as session:
        got = session.prefill(tokens.tolist(), chunk=64)
    torch.testing.assert_close(got, theirs(tokens, 2)[:, -1], **CLOSE)


def test_layers_with_a_sliding_window_are_not_sharpened():
    """Every layer of this model slides, so the base alone is left."""
    tokens, sliding = text(1, 200), tiny("mistral", **SHAPE)
    got = read(sliding, EntropyABF(plain_layers=0), tokens)
    torch.testing.assert_close(got, read(sliding, ABF(), tokens), atol=0, rtol=0)


def test_frequencies_are_those_of_the_base():
    got = EntropyABF()(rope("llama-2"), 100_000)
    equal(got.frequencies_P, plain(128, 5e5))
    assert (got.sharpen_beyond, got.sharpen_from_layer, got.temperature) == (4096, 2, 1)


def test_a_negative_layer_is_refused():
    with pytest.raises(InputError, match="plain_layers=-1 must be at least 0"):
        EntropyABF(plain_layers=-1)
