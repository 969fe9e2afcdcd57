"""Seconds follow from four measured rates, and are measured once."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from tests.models.tiny_model import tiny_model

from longspan.archive import Archive
from longspan.models.session import Session
from longspan.plan import speed as module
from longspan.plan.shape import Shape
from longspan.plan.speed import EFFICIENCY, LENGTHS, TURNED, Speed, calibrate, measure

RATES = st.floats(0, 1e-2)
SPEEDS = st.builds(Speed, RATES, RATES, RATES, RATES)
TOKENS = st.integers(0, 10**6)
PLAIN = Shape(
    layers=10,
    heads=8,
    kv_heads=2,
    head_dim=64,
    hidden=512,
    intermediate=1024,
    vocab=700,
    weight_bytes=200_000_000,
    bytes_per_weight=2,
    bytes_per_value=2,
    window=8192,
)
MIXED = dataclasses.replace(PLAIN, sliding_layers=8, sliding_window=100)
SLIDING = dataclasses.replace(PLAIN, sliding_layers=10, sliding_window=100)
TRUE = Speed(token=0.002, pair=1e-7, step=0.05, stored=1e-6)


def test_reading_costs_tokens_and_half_the_pairs_of_every_layer():
    assert TRUE.prefill(PLAIN, 2000) == pytest.approx(4.0 + 1e-7 * 10 * 2000 * 2000 / 2)
    assert TRUE.stream(PLAIN, 10_000, 500) == pytest.approx(20.0 + 1e-7 * 10 * 10_000 * 500)
    assert TRUE.decode(PLAIN, 20, 3000) == pytest.approx(20 * (0.05 + 1e-6 * 10 * 3000))
    assert TRUE.stream_decode(PLAIN, 20, 3000) == pytest.approx(20 * (0.05 + TURNED * 1e-6 * 10 * 3000))


def test_sliding_layers_cost_their_window_only():
    assert TRUE.prefill(MIXED, 2000) == pytest.approx(4.0 + 1e-7 * (2 * 2000 * 2000 / 2 + 8 * 2000 * 100))
    assert TRUE.decode(MIXED, 1, 2000) == pytest.approx(0.05 + 1e-6 * (2 * 2000 + 8 * 100))
    assert TRUE.prefill(MIXED, 50) == TRUE.prefill(PLAIN, 50)


@given(SPEEDS, TOKENS, TOKENS, TOKENS, st.sampled_from([PLAIN, MIXED, SLIDING]))
def test_more_tokens_never_cost_less(speed, tokens, more, seen, shape):
    slack = 1 + 1e-9
    assert speed.prefill(shape, tokens) <= speed.prefill(shape, tokens + more) * slack
    for cost in (speed.stream, speed.decode, speed.stream_decode):
        assert cost(shape, tokens, seen) <= cost(shape, tokens + more, seen) * slack
        assert cost(shape, tokens, seen) <= cost(shape, tokens, seen + more) * slack


def test_streaming_grows_in_proportion_to_the_text():
    assert TRUE.stream(MIXED, 800_000, 3000) == pytest.approx(8 * TRUE.stream(MIXED, 100_000, 3000))


class Timed:
    """A model and its session for which time passes as a speed says."""

    def __init__(self, monkeypatch, true, shape):
        self.now, self.stored, self.true, self.shape, self.lengths = 0.0, 0, true, shape, []
        monkeypatch.setattr(module.time, "perf_counter", lambda: self.now)

    def open(self):
        return self

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.stored = 0

    def prefill(self, prompts):
        self.stored = len(prompts[0])
        self.lengths.append(self.stored)
        self.now += self.true.prefill(self.shape, self.stored)

    def decode(self, _):
        self.now += self.true.decode(self.shape, 1, self.stored)


@pytest.mark.parametrize("shape", [PLAIN, MIXED])
def test_rates_are_solved_from_what_the_clock_says(monkeypatch, shape):
    got = measure(Timed(monkeypatch, TRUE, shape), shape)
    assert dataclasses.astuple(got) == pytest.approx(dataclasses.astuple(TRUE))


def test_where_every_layer_slides_a_token_costs_the_same_at_any_length(monkeypatch):
    got = measure(Timed(monkeypatch, TRUE, SLIDING), SLIDING)
    assert (got.pair, got.stored) == pytest.approx((0.0, 0.0), abs=1e-15)
    assert got.prefill(SLIDING, 50_000) == pytest.approx(TRUE.prefill(SLIDING, 50_000))
    assert got.decode(SLIDING, 10, 50_000) == pytest.approx(TRUE.decode(SLIDING, 10, 50_000))


def test_a_clock_that_runs_backwards_gives_no_negative_rate(monkeypatch):
    got = measure(Timed(monkeypatch, Speed(0.002, -1e-9, 0.05, -1e-9), PLAIN), PLAIN)
    assert min(dataclasses.astuple(got)) >= 0


def test_a_slow_model_is_tried_at_the_short_length_only_and_still_gets_a_pair_cost(monkeypatch):
    slow = Timed(monkeypatch, Speed(token=0.01, pair=0.0, step=0.5, stored=0.0), PLAIN)
    got = measure(slow, PLAIN)
    assert max(slow.lengths) == LENGTHS[0]
    assert (got.token, got.step) == pytest.approx((0.01, 0.5))
    flops_per_token, flops_per_pair = 2 * 100_000_000, 4 * 8 * 64
    assert got.pair == pytest.approx(0.01 * flops_per_pair / flops_per_token / EFFICIENCY)
    assert got.stored == pytest.approx(0.5 * PLAIN.token_bytes / 200_000_000)
    assert got.prefill(PLAIN, 8000) > 2 * got.prefill(PLAIN, 4000)


def test_measuring_again_runs_nothing(tmp_path, monkeypatch):
    lengths = _heard(monkeypatch)
    model = tiny_model(num_hidden_layers=2)
    first = calibrate(model, Shape.of(model), Archive(tmp_path))
    assert max(lengths) == LENGTHS[1]
    lengths.clear()
    assert calibrate(model, Shape.of(model), Archive(tmp_path)) == first
    assert lengths == []
    assert first.token > 0
    assert min(first.pair, first.step, first.stored) >= 0


def test_another_model_or_thread_count_is_measured_anew(tmp_path, monkeypatch):
    measured = []
    speed = Speed(1.0, 1.0, 1.0, 1.0)
    monkeypatch.setattr(module, "measure", lambda model, shape, progress: measured.append(shape) or speed)
    one, two = tiny_model(), tiny_model(num_hidden_layers=2)
    threads = torch.get_num_threads()
    for model in (one, two, one):
        calibrate(model, Shape.of(model), Archive(tmp_path))
    assert len(measured) == 2
    monkeypatch.setattr(torch, "get_num_threads", lambda: threads + 1)
    calibrate(one, Shape.of(one), Archive(tmp_path))
    assert len(measured) == 3


def _heard(monkeypatch):
    """Lengths of the prompts that sessions read."""
    lengths: list[int] = []
    prefill = Session.prefill

    def listen(self, prompts, **settings):
        lengths.append(len(prompts[0]))
        return prefill(self, prompts, **settings)

    monkeypatch.setattr(Session, "prefill", listen)
    return lengths
