"""CLEX before training follows the closed form of its equation, which Runge-Kutta steps also find."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.rope.clex import CLEX

from .ropes import BASE, CLOSE, MODELS, WINDOW, equal, model, plain, read, rope, scaled, text


def integrated(dim, base, scale, steps=2000):
    """Frequencies [P] by Runge-Kutta from scale 1: d ln(theta) / dt = -2 i / (d - 2) * 2 / (2 t - 1) for channel i."""
    channel_P = torch.arange(0, dim, 2).double()

    def slope(t):
        return -channel_P / (dim - 2) * 2 / (2 * t - 1)

    log_P, step = plain(dim, base).log(), (scale - 1) / steps
    for index in range(steps):
        t = 1 + index * step
        log_P = log_P + step / 6 * (slope(t) + 4 * slope(t + step / 2) + slope(t + step))
    return log_P.exp()


@pytest.mark.parametrize(("windows", "scale"), [(1.05, 2), (2, 2), (3.5, 4), (16, 16), (100, 16)])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_solve_the_differential_equation(name, windows, scale):
    dim, base, window = MODELS[name]
    got = CLEX()(rope(name), int(window * windows)).frequencies_P
    equal(got, integrated(dim, base, scale), rtol=1e-5)


def test_frequencies_stay_the_same_up_to_the_next_whole_window():
    own = rope("llama-2")
    assert torch.equal(CLEX()(own, 8193).frequencies_P, CLEX()(own, 12288).frequencies_P)
    assert not torch.equal(CLEX()(own, 12288).frequencies_P, CLEX()(own, 12289).frequencies_P)


@pytest.mark.parametrize("chunk", [512, 37])
def test_logits_equal_a_transformers_model_with_that_base(chunk):
    """200 tokens are 4 windows of 64, so the base grows by 7^(32/30)."""
    tokens = text(2, 200)
    theirs = scaled("default", rope_theta=BASE * 7 ** (32 / 30))
    with torch.no_grad():
        want = theirs(tokens).logits[:, 189:]
    assert WINDOW * 3 < 200 <= WINDOW * 4
    torch.testing.assert_close(read(model(), CLEX(), tokens, chunk=chunk), want, **CLOSE)


def test_a_scale_below_one_is_refused():
    with pytest.raises(InputError, match="max_scale=0 must be at least 1"):
        CLEX(max_scale=0)
