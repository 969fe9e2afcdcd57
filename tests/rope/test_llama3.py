"""The Llama 3.1 scaling gives the frequencies and the logits that transformers gives."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.rope.llama3 import Llama3

from .ropes import CLOSE, MODELS, WINDOW, equal, model, published, read, rope, scaled, text


@pytest.mark.parametrize(("low", "high"), [(1.0, 4.0), (0.5, 8.0)])
@pytest.mark.parametrize("factor", [2.0, 8.0, 32.0])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_equal_transformers(name, factor, low, high):
    want, temperature = published("llama3", name, factor=factor, low_freq_factor=low, high_freq_factor=high)
    got = Llama3(factor, low, high)(rope(name), 1)
    equal(got.frequencies_P, want)
    assert got.temperature == temperature


def test_the_released_llama_3_1_keeps_29_pairs_and_slows_29_wholly():
    """Four turns within 8,192 tokens are made by the channel 28.2, one by the channel 34.98."""
    own_P, got_P = rope("llama-3").rotation.frequencies_P, Llama3()(rope("llama-3"), 1).frequencies_P
    assert int((got_P / own_P > 1 - 1e-6).sum()) == 29
    assert int((got_P / own_P < 1 / 8 + 1e-6).sum()) == 29


@pytest.mark.parametrize("chunk", [512, 37])
def test_logits_equal_a_transformers_model_so_configured(chunk):
    tokens = text(2, 200)
    settings = {"factor": 4.0, "low_freq_factor": 1.0, "high_freq_factor": 4.0}
    theirs = scaled("llama3", original_max_position_embeddings=WINDOW, **settings)
    with torch.no_grad():
        want = theirs(tokens).logits[:, 189:]
    torch.testing.assert_close(read(model(), Llama3(4.0), tokens, chunk=chunk), want, **CLOSE)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factor": 0.5}, "Llama3: factor=0.5 is below 1"),
        ({"low_freq_factor": 5.0}, "low_freq_factor=5.0 must lie between 0 and high_freq_factor=4.0"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        Llama3(**settings)
