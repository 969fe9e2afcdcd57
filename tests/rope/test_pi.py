"""PI divides frequencies, hence positions, by one factor."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.rope.pi import PI

from .ropes import CLOSE, MODELS, equal, model, published, read, rope, scaled, text


@pytest.mark.parametrize("factor", [1.0, 2.0, 7.5])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_equal_transformers(name, factor):
    want, temperature = published("linear", name, factor=factor)
    got = PI(factor)(rope(name), 1)
    equal(got.frequencies_P, want)
    assert got.temperature == temperature


@pytest.mark.parametrize("chunk", [512, 37])
def test_logits_equal_a_transformers_model_so_configured(chunk):
    tokens = text(2, 200)
    with torch.no_grad():
        want = scaled("linear", factor=4.0)(tokens).logits[:, 189:]
    torch.testing.assert_close(read(model(), PI(4.0), tokens, chunk=chunk), want, **CLOSE)


def test_a_scaling_of_the_models_own_is_added_to():
    own = rope("llama-2", temperature=1.2)
    twice = PI(3.0)(own, 1)
    equal(twice.frequencies_P, own.rotation.frequencies_P / 3)
    assert twice.temperature == 1.2


def test_a_factor_below_one_is_refused():
    with pytest.raises(InputError, match=r"PI: factor=0.5 is below 1"):
        PI(0.5)
