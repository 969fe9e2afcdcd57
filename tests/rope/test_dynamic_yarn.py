"""Dynamic YaRN is YaRN whose factor is the planned length over the window, and nothing within the window."""

from __future__ import annotations

import pytest
import torch

from longspan.core.errors import InputError
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.rope.dynamic_yarn import DynamicYaRN
from longspan.rope.plain import Plain

from .ropes import CLOSE, MODELS, WINDOW, equal, model, published, read, rope, scaled, text


@pytest.mark.parametrize("stretched", [1.25, 4.0, 16.0])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_and_temperature_equal_transformers_for_the_length(name, stretched):
    want, temperature = published("yarn", name, factor=stretched, stretched=stretched)
    got = DynamicYaRN()(rope(name), int(MODELS[name][2] * stretched))
    equal(got.frequencies_P, want)
    assert got.temperature == pytest.approx(temperature, abs=1e-6)


@pytest.mark.parametrize("chunk", [512, 37])
def test_prompt_and_reply_equal_transformers_with_the_factor_of_the_planned_length(chunk):
    tokens = text(2, 192)
    theirs = scaled("yarn", factor=3.0, original_max_position_embeddings=WINDOW)
    with torch.no_grad():
        want = theirs(tokens).logits[:, 181:]
    torch.testing.assert_close(read(model(), DynamicYaRN(), tokens, chunk=chunk), want, **CLOSE)


def test_a_request_that_outgrows_its_plan_is_as_one_planned_longer():
    tokens = text(1, 120)
    with Session(model(), Method(rope=DynamicYaRN()), length=96) as session:
        session.prefill(tokens[:, :90].tolist())
        got = torch.cat([session.decode(tokens[:, t : t + 1]) for t in range(90, 120)], 1)
    want = read(model(), DynamicYaRN(), tokens, reply=24)
    torch.testing.assert_close(got[:, 6:], want[:, 1:], **CLOSE)


def test_within_the_window_every_bit_is_as_trained():
    tokens = text(2, WINDOW)
    assert torch.equal(read(model(), DynamicYaRN(), tokens), read(model(), Plain(), tokens))


def test_a_senseless_ramp_is_refused():
    with pytest.raises(InputError, match=r"DynamicYaRN: beta_slow=40.0 must lie between 0 and beta_fast=32.0"):
        DynamicYaRN(beta_slow=40.0)
