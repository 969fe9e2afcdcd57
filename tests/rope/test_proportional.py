"""Proportional RoPE turns the fastest channels alone, as transformers does."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.rope.proportional import Proportional

from .ropes import CLOSE, MODELS, equal, model, published, read, rope, scaled, text


@pytest.mark.parametrize("factor", [1.0, 8.0])
@pytest.mark.parametrize("share", [0.0, 0.25, 0.3, 0.75, 1.0])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_equal_transformers(name, share, factor):
    want, temperature = published("proportional", name, partial_rotary_factor=share, factor=factor)
    got = Proportional(share, factor)(rope(name), 1)
    equal(got.frequencies_P, want)
    assert got.temperature == temperature


@pytest.mark.parametrize("chunk", [512, 37])
def test_logits_equal_a_transformers_model_so_configured(chunk):
    tokens = text(2, 200)
    theirs = scaled("proportional", partial_rotary_factor=0.5, factor=2.0)
    with torch.no_grad():
        want = theirs(tokens).logits[:, 189:]
    torch.testing.assert_close(read(model(), Proportional(0.5, 2.0), tokens, chunk=chunk), want, **CLOSE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [({"share": 1.5}, "share=1.5 must lie between 0 and 1"), ({"factor": 0.5}, "factor=0.5 is below 1")],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=f"Proportional: {message}"):
        Proportional(**settings)
