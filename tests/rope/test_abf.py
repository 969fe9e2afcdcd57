"""ABF is a model with a greater base."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.rope.abf import ABF

from .ropes import CLOSE, MODELS, equal, model, plain, read, rope, scaled, text


@pytest.mark.parametrize("times", [1, 50, 12800])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_are_those_of_the_base(name, times):
    dim, base, window = MODELS[name]
    for length in (1, window, 10 * window):
        equal(ABF(base * times)(rope(name), length).frequencies_P, plain(dim, base * times))


@pytest.mark.parametrize("chunk", [512, 37])
def test_logits_equal_a_transformers_model_with_that_base(chunk):
    tokens = text(2, 200)
    with torch.no_grad():
        want = scaled("default", rope_theta=5e5)(tokens).logits[:, 189:]
    torch.testing.assert_close(read(model(), ABF(), tokens, chunk=chunk), want, **CLOSE)


def test_a_base_below_the_models_own_is_refused():
    with pytest.raises(InputError, match=r"base=500000 is below the model's own base of 1e\+06: give a greater one"):
        ABF()(rope("qwen2.5"), 1)
