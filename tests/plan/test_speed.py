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
from longspan.plan.speed import LENGTHS, Speed, calibrate, measure

RATES = st.floats(0, 1e-2)
SPEEDS = st.builds(Speed, RATES, RATES, RATES, RATES, st.floats(0, 1), st.integers(0, 4096))
TOKENS = st.integers(0, 10**6)


def test_reading_costs_tokens_and_half_the_pairs():
    speed = Speed(token=0.001, pair=1e-6, step=0.05, stored=1e-5)
    assert speed.prefill(2000) == pytest.approx(2.0 + 1e-6 * 2000 * 2000 / 2)
    assert speed.prefill(100, past=5000) == pytest.approx(0.1 + 1e-6 * (100 * 5000 + 100 * 100 / 2))
    assert speed.stream(10_000, 500) == pytest.approx(10.0 + 1e-6 * 10_000 * 500)
    assert speed.decode(20, 3000) == pytest.approx(20 * (0.05 + 0.03))


def test_sliding_layers_cost_their_window_only():
    speed = Speed(token=0.0, pair=1e-6, step=0.0, stored=0.0, full=0.25, sliding_window=100)
    assert speed.prefill(2000) == pytest.approx(1e-6 * (0.25 * 2000 * 2000 / 2 + 0.75 * 2000 * 100))


@given(SPEEDS, TOKENS, TOKENS, TOKENS)
def test_more_tokens_never_cost_less(speed, tokens, more, past):
    slack = 1 + 1e-9
    assert speed.prefill(tokens, past) <= speed.prefill(tokens + more, past) * slack
    assert speed.prefill(tokens, past) <= speed.prefill(tokens, past + more) * slack
    assert speed.stream(tokens, past) <= speed.stream(tokens + more, past) * slack
    assert speed.decode(tokens, past) <= speed.decode(tokens + more, past + more) * slack


def test_streaming_grows_in_proportion_to_the_text():
    speed = Speed(token=0.001, pair=1e-6, step=0.05, stored=1e-5)
    assert speed.stream(800_000, 3000) == pytest.approx(8 * speed.stream(100_000, 3000))


def test_rates_are_solved_from_what_the_clock_says(monkeypatch):
    true = Speed(token=0.002, pair=1e-6, step=0.05, stored=1e-5)
    clock = [0.0]

    class Timed:
        stored = 0

        def __enter__(self):
            return self

        def __exit__(self, *_):
            self.stored = 0

        def prefill(self, prompts):
            clock[0] += true.prefill(len(prompts[0]))
            self.stored = len(prompts[0])

        def decode(self, _):
            clock[0] += true.decode(1, self.stored)

    class Model:
        def open(self):
            return Timed()

    monkeypatch.setattr(module.time, "perf_counter", lambda: clock[0])
    shape = Shape.of(tiny_model())
    got = measure(Model(), shape)
    assert dataclasses.astuple(got) == pytest.approx((0.002, 1e-6, 0.05, 1e-5, 1.0, 0))


def test_a_slow_model_is_tried_at_the_short_length_only(monkeypatch):
    monkeypatch.setattr(module, "SLOW", 0.0)
    lengths = _heard(monkeypatch)
    got = measure(tiny_model(), Shape.of(tiny_model()))
    assert max(lengths) == LENGTHS[0]
    assert (got.pair, got.stored) == (0.0, 0.0)
    assert min(got.token, got.step) > 0


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
