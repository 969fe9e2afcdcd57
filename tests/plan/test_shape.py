"""Bytes of a model's stored tokens, weights and activations, against numbers counted by hand and on the model."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.models.tiny_model import tiny_model

from longspan.kv.window import WindowStore
from longspan.plan.shape import CHUNK, Shape, window_capacity

SMOLLM2 = Shape(
    layers=30,
    heads=9,
    kv_heads=3,
    head_dim=64,
    hidden=576,
    intermediate=1536,
    vocab=49152,
    weight_bytes=269_030_016,
    bytes_per_weight=2,
    bytes_per_value=2,
    window=8192,
)


LENGTHS = (1, 63, 256, 300, 512, 513, 1024, 1030, 1600, 2048, 2100)


def test_stored_tokens_of_a_known_model_take_what_a_hand_counts():
    assert SMOLLM2.token_bytes == 2 * 3 * 64 * 2 + 8
    assert SMOLLM2.kv_bytes(1000) == 30 * 1000 * 776
    assert SMOLLM2.kv_bytes(8000) == 30 * 8000 * 776


def test_sliding_layers_store_their_window_and_its_slack_only():
    mixed = dataclasses.replace(SMOLLM2, sliding_layers=25, sliding_window=512)
    assert mixed.kv_bytes(100) == SMOLLM2.kv_bytes(100)
    assert mixed.kv_bytes(8000) == SMOLLM2.kv_bytes(8000) // 30 * 5 + 25 * 3072 * 776
    sliding = dataclasses.replace(SMOLLM2, sliding_layers=30, sliding_window=512)
    assert sliding.kv_bytes(10**9) == sliding.kv_bytes(4000)


def test_activations_take_what_a_hand_counts():
    used = 512 * (6 * 576 + 3 * 1536 + 4 * 9 * 64)
    assert SMOLLM2.work_bytes(512) == used * 2 + 8 * 49152
    single = dataclasses.replace(SMOLLM2, bytes_per_value=4)
    assert single.work_bytes(512) == 3 * used * 4 + 8 * 49152  # with what stays allocated in pieces


@pytest.mark.parametrize(
    ("family", "sliding"), [("llama", (0, 0)), ("qwen3", (0, 0)), ("phi", (0, 0)), ("gemma3", (16, 6))]
)
def test_a_loaded_model_is_read_right(family, sliding):
    model = tiny_model(family)
    shape = Shape.of(model)
    weights = {weight.data_ptr(): weight.numel() * 4 for weight in model.network.parameters()}
    assert (shape.weight_bytes, shape.window, shape.bytes_per_value) == (sum(weights.values()), 512, 4)
    assert (shape.sliding_window, shape.sliding_layers) == sliding


@pytest.mark.parametrize("family", ["llama", "phi", "gemma3", "mistral"])
def test_predicted_bytes_are_those_that_a_session_holds(family):
    model = tiny_model(family, num_hidden_layers=7 if family == "gemma3" else 2)
    shape = Shape.of(model)
    held = {}
    for length in LENGTHS:
        with model.open(length=length) as session:
            session.prefill([torch.arange(length).remainder(99).tolist()])
            held[length] = session.nbytes()
    assert {length: shape.kv_bytes(length) for length in LENGTHS} == held


@pytest.mark.parametrize("window", [1, 16, 500, 511, 512, 513, 514, 1025, 1300])
def test_a_sliding_layer_is_predicted_to_the_slot_at_every_length(window):
    store, per_slot = WindowStore(window), 2 * 4 + 8
    for start in range(0, 6000, CHUNK):
        length = start + CHUNK
        key = torch.zeros(1, 1, CHUNK, 1)
        store.append(key, key, torch.arange(start, length)[None])
        assert window_capacity(length, window) * per_slot == store.nbytes(), length


@given(st.integers(0, 10**5), st.integers(0, 10**5))
def test_bytes_never_fall_with_tokens(tokens, more):
    for shape in (SMOLLM2, dataclasses.replace(SMOLLM2, sliding_layers=25, sliding_window=512)):
        assert shape.kv_bytes(tokens) <= shape.kv_bytes(tokens + more)
        assert shape.work_bytes(tokens) <= shape.work_bytes(tokens + more)
