"""NTK-aware scaling is a greater base: the slowest channels as in PI, the fastest as trained."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.rope.ntk_aware import NTKAware

from .ropes import BASE, CLOSE, MODELS, WINDOW, equal, model, plain, read, rope, scaled, text


@pytest.mark.parametrize("factor", [1.0, 2.0, 8.0])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_are_those_of_the_greater_base(name, factor):
    dim, base, window = MODELS[name]
    got = NTKAware(factor)(rope(name), window).frequencies_P
    equal(got, plain(dim, base * factor ** (dim / (dim - 2))))
    assert got[0] == 1
    equal(got[-1], plain(dim, base)[-1] / factor)


def test_logits_equal_a_transformers_model_with_that_base():
    tokens, head = text(2, 200), 32
    theirs = scaled("default", rope_theta=BASE * 6 ** (head / (head - 2)))
    with torch.no_grad():
        want = theirs(tokens).logits[:, 189:]
    torch.testing.assert_close(read(model(), NTKAware(6.0), tokens), want, **CLOSE)


def test_a_text_within_the_window_is_stretched_too():
    tokens = text(1, WINDOW)
    assert (read(model(), NTKAware(6.0), tokens) - read(model(), NTKAware(1.0), tokens)).abs().max() > 1e-3


def test_a_factor_below_one_is_refused():
    with pytest.raises(InputError, match=r"NTKAware: factor=0.9 is below 1"):
        NTKAware(0.9)
