"""Bytes of a model's stored tokens, weights and activations, against numbers counted by hand and on the model."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.models.tiny_model import tiny_model

from longspan.models.method import Method
from longspan.models.session import Session
from longspan.plan.shape import Shape

SMOLLM2 = Shape(
    layers=30,
    heads=9,
    kv_heads=3,
    head_dim=64,
    hidden=576,
    intermediate=1536,
    vocab=49152,
    weight_bytes=269_030_016,
    bytes_per_value=2,
    window=8192,
)


def test_stored_tokens_of_a_known_model_take_what_a_hand_counts():
    assert SMOLLM2.token_bytes == 2 * 3 * 64 * 2
    assert SMOLLM2.kv_bytes(1000) == 30 * 1000 * 768


def test_sliding_layers_store_their_window_only():
    mixed = dataclasses.replace(SMOLLM2, sliding_layers=25, sliding_window=512)
    assert mixed.kv_bytes(100) == SMOLLM2.kv_bytes(100)
    assert mixed.kv_bytes(8000) == (5 * 8000 + 25 * 512) * 768


def test_activations_take_what_a_hand_counts():
    assert SMOLLM2.work_bytes(512) == 512 * (6 * 576 + 3 * 1536 + 4 * 9 * 64) * 2 + 8 * 49152


@pytest.mark.parametrize(
    ("family", "sliding"), [("llama", (0, 0)), ("qwen3", (0, 0)), ("phi", (0, 0)), ("gemma3", (16, 6))]
)
def test_a_loaded_model_is_read_right(family, sliding):
    model = tiny_model(family)
    shape = Shape.of(model)
    weights = {weight.data_ptr(): weight.numel() * 4 for weight in model.network.parameters()}
    assert (shape.weight_bytes, shape.window, shape.bytes_per_value) == (sum(weights.values()), 512, 4)
    assert (shape.sliding_window, shape.sliding_layers) == sliding


@pytest.mark.parametrize("family", ["llama", "qwen3", "phi"])
def test_predicted_bytes_are_those_of_the_keys_and_values_stored(family):
    model = tiny_model(family)
    with Session(model.network, Method()) as session:
        session.prefill([torch.arange(300).tolist()])
        stored = [part for store in session._stores.values() for part in store.read(torch.empty(0), torch.empty(0))]
    assert Shape.of(model).kv_bytes(300) == sum(part.k_BGSD.nbytes + part.v_BGSD.nbytes for part in stored)


@given(st.integers(0, 10**7), st.integers(0, 10**5))
def test_bytes_never_fall_with_tokens(tokens, more):
    for shape in (SMOLLM2, dataclasses.replace(SMOLLM2, sliding_layers=25, sliding_window=512)):
        assert shape.kv_bytes(tokens) <= shape.kv_bytes(tokens + more)
        assert shape.work_bytes(tokens) <= shape.work_bytes(tokens + more)
