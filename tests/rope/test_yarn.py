"""YaRN gives the frequencies and the logits that transformers gives."""

from __future__ import annotations

import pytest
import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from longspan.core.errors import InputError
from longspan.core.types import Rope, Rotation
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.rope.yarn import YaRN

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
MODELS = {
    "llama-2": (128, 1e4, 4096),
    "llama-3": (128, 5e5, 8192),
    "qwen2.5": (128, 1e6, 32768),
    "gpt-oss": (64, 150000.0, 4096),
    "tiny": (16, 1e4, 64),
    "every channel turns": (16, 1e4, 131072),
}
"""Channels that turn, base and trained window."""


def plain(dim, base):
    return 1 / base ** (torch.arange(0, dim, 2).double() / dim)


def rope(dim, base, window):
    return Rope(dim, base, window, Rotation(plain(dim, base).float()))


def published(dim, base, window, **settings):
    """Transformers' frequencies and factor on cosine and sine."""
    parameters = {
        "rope_type": "yarn",
        "rope_theta": base,
        "original_max_position_embeddings": window,
        **settings,
    }
    config = LlamaConfig(
        hidden_size=dim,
        num_attention_heads=1,
        max_position_embeddings=int(window * settings["factor"]),
        rope_parameters=parameters,
    )
    return ROPE_INIT_FUNCTIONS["yarn"](config, torch.device("cpu"))


def ends(name, yarn):
    """Where the ramp between kept and slowed channels begins and ends, read off the frequencies."""
    dim, base, window = MODELS[name]
    plain_P, got_P = plain(dim, base), yarn(rope(dim, base, window), window).frequencies_P.double()
    ramp_P = (plain_P - got_P) / (plain_P - plain_P / yarn.factor)
    first, *_, last = ((ramp_P > 1e-3) & (ramp_P < 1 - 1e-3)).nonzero().flatten().tolist()
    slope = (ramp_P[last] - ramp_P[first]) / (last - first)
    low = first - ramp_P[first] / slope
    return float(low), float(low + 1 / slope)


@pytest.mark.parametrize("factor", [1.5, 4.0, 16.0])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_and_temperature_equal_transformers(name, factor):
    want, temperature = published(*MODELS[name], factor=factor)
    got = YaRN(factor)(rope(*MODELS[name]), 100)
    torch.testing.assert_close(got.frequencies_P, want, atol=0, rtol=1e-6)
    assert got.temperature == pytest.approx(temperature, abs=1e-6)


@pytest.mark.parametrize(
    "settings",
    [
        {"truncate": False},
        {"beta_fast": 128.0, "beta_slow": 2.0},
        {"mscale": 1.0, "mscale_all_dim": 0.707},
        {"mscale": 0.707, "mscale_all_dim": 0.707},
    ],
    ids=lambda settings: ",".join(settings),
)
@pytest.mark.parametrize("name", MODELS)
def test_every_setting_equals_transformers(name, settings):
    want, temperature = published(*MODELS[name], factor=8.0, **settings)
    got = YaRN(8.0, **settings)(rope(*MODELS[name]), 100)
    torch.testing.assert_close(got.frequencies_P, want, atol=0, rtol=1e-6)
    assert got.temperature == pytest.approx(temperature, abs=1e-6)


@pytest.mark.parametrize(
    ("name", "low", "high"), [("llama-2", 20, 46), ("llama-3", 18, 35), ("qwen2.5", 23, 40), ("tiny", 0, 3)]
)
def test_known_models_keep_and_slow_the_known_channels(name, low, high):
    dim, base, window = MODELS[name]
    got = YaRN(16.0)(rope(dim, base, window), window).frequencies_P
    torch.testing.assert_close(got[: low + 1], plain(dim, base)[: low + 1].float())
    torch.testing.assert_close(got[high:], plain(dim, base)[high:].float() / 16)
    assert ends(name, YaRN(16.0)) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize(
    ("name", "low", "high"),
    [
        ("llama-2", 20.944, 45.027),
        ("llama-3", 18.081, 34.984),
        ("qwen2.5", 23.596, 39.651),
        ("gpt-oss", 8.0928, 17.3980),
    ],
)
def test_the_ramp_may_end_between_channels(name, low, high):
    assert ends(name, YaRN(32.0, truncate=False)) == pytest.approx((low, high), abs=1e-3)


@pytest.mark.parametrize(("factor", "temperature"), [(16.0, 1.27726), (4.0, 1.13863)])
def test_known_factors_have_the_known_temperature(factor, temperature):
    assert YaRN(factor)(rope(*MODELS["llama-2"]), 1).temperature == pytest.approx(temperature, abs=1e-5)


@pytest.mark.parametrize(
    ("family", "parameters"),
    [("llama", {}), ("phi", {"partial_rotary_factor": 0.5}), ("phi", {"partial_rotary_factor": 0.25})],
)
def test_logits_equal_a_transformers_model_so_configured(family, parameters):
    """Beyond the window of 64, in a prompt cut into chunks and in decoding."""
    heads = {"num_attention_heads": 2, "num_key_value_heads": 2 if family == "phi" else 1}
    shape = {**heads, "initializer_range": 0.1}
    scaled = {"rope_type": "yarn", "rope_theta": 1e4, "factor": 4.0, "original_max_position_embeddings": 64}
    theirs = tiny(family, max_position_embeddings=256, rope_parameters={**scaled, **parameters}, **shape)
    ours = tiny(family, max_position_embeddings=64, **shape, **parameters)
    tokens = torch.randint(2, 120, (2, 200), generator=torch.Generator().manual_seed(0))
    with torch.no_grad():
        want, unscaled = theirs(tokens).logits, ours(tokens).logits
    with Session(ours, Method(rope=YaRN(4.0)), length=200) as session:
        prompt = session.prefill(tokens[:, :190].tolist(), chunk=64)
        reply = session.decode(tokens[:, 190:])
    torch.testing.assert_close(prompt, want[:, 189], **CLOSE)
    torch.testing.assert_close(reply, want[:, 190:], **CLOSE)
    assert (unscaled - want).abs().max() > 1e-2


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factor": 0.5}, "factor=0.5 is below 1"),
        ({"factor": 2.0, "beta_slow": 40.0}, "beta_slow=40.0 must lie between 0 and beta_fast=32.0"),
        ({"factor": 2.0, "beta_slow": 0.0}, "beta_slow=0.0 must lie between 0 and"),
        (
            {"factor": 2.0, "mscale": 0.707},
            "mscale=0.707 with mscale_all_dim=0.0 means one temperature to transformers",
        ),
        ({"factor": 2.0, "mscale": 0.0, "mscale_all_dim": 1.0}, "give both above 0, or neither"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        YaRN(**settings)
