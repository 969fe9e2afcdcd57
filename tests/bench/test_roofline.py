"""What a machine could do at best, against figures worked out by hand."""

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.bench import roofline
from longspan.bench.roofline import Roofline
from longspan.plan.shape import Shape

SHAPE = Shape(
    layers=2,
    heads=4,
    kv_heads=2,
    head_dim=8,
    hidden=32,
    intermediate=64,
    vocab=100,
    weight_bytes=0,
    bytes_per_weight=2,
    bytes_per_value=2,
    window=1000,
)
WEIGHTS = 10_000


def test_a_long_prompt_is_bound_by_its_operations():
    tokens = 1000
    work = 2 * WEIGHTS * tokens + 2 * 32 * 100 + 4 * 4 * 8 * (2 * tokens * tokens / 2)
    assert Roofline(1e12, 1e6, SHAPE, WEIGHTS).read(tokens) == pytest.approx(work / 1e6)


def test_a_decoded_token_reads_all_weights_and_all_that_is_stored():
    stored = 500
    held = (WEIGHTS + 32 * 100) * 2 + 2 * 2 * 8 * (2 * stored) * 2
    assert Roofline(1e6, 1e12, SHAPE, WEIGHTS).step(stored) == pytest.approx(held / 1e6)


def test_a_single_token_is_bound_by_memory():
    assert Roofline(1e6, 1e12, SHAPE, WEIGHTS).read(1) == pytest.approx((WEIGHTS + 32 * 100) * 2 / 1e6)


def test_the_rates_are_measured_here_and_the_weights_are_those_of_the_layers(monkeypatch):
    monkeypatch.setattr(roofline, "BYTES", 2**20)
    monkeypatch.setattr(roofline, "SIDE", {"cpu": 64})
    config = (model := tiny_model(num_hidden_layers=2)).network.config
    found = roofline.measure(model)
    wide, inner = config.hidden_size, config.intermediate_size
    each = wide * wide * 2 + 2 * wide * config.num_key_value_heads * config.head_dim + 3 * wide * inner
    norms = 2 * wide
    assert found.layer_weights == 2 * (each + norms)
    assert min(found.bandwidth, found.rate) > 0


def test_a_precision_that_is_emulated_does_not_lower_the_roof(monkeypatch):
    monkeypatch.setattr(roofline, "BYTES", 2**20)
    monkeypatch.setattr(roofline, "_multiplied", lambda device, dtype: 5e9 if dtype == torch.float32 else 1e9)
    model = tiny_model(num_hidden_layers=1)
    model.network.to(torch.bfloat16)
    assert roofline.measure(model).rate == 5e9
