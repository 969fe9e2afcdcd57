"""LongRoPE gives the frequencies and the logits that transformers gives, and leaves its first tokens alone."""

from __future__ import annotations

import math

import pytest
import torch
from torch import nn

from longspan.core.errors import InputError
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.rope.longrope import LongRoPE
from longspan.rope.plain import Plain

from .ropes import BASE, CLOSE, MODELS, WINDOW, equal, model, plain, published, read, rope, scaled, text

LONG = tuple(1 + pair / 4 for pair in range(16))
SHORT = tuple(1 + pair / 50 for pair in range(16))
"""Factors for the 16 pairs of the small model."""


def factors(name, most):
    pairs = MODELS[name][0] // 2
    return tuple(1 + (most - 1) * pair / pairs for pair in range(pairs))


@pytest.mark.parametrize("side", ["short", "long"])
@pytest.mark.parametrize("name", MODELS)
def test_frequencies_and_temperature_equal_transformers(name, side):
    window = MODELS[name][2]
    length = window if side == "short" else window + 1
    short, long = factors(name, 1.3), factors(name, 9.0)
    want, temperature = published(
        "longrope", name, seq_len=length, stretched=8, factor=8.0, short_factor=list(short), long_factor=list(long)
    )
    got = LongRoPE(8.0, long, short)(rope(name), length)
    equal(got.frequencies_P, want)
    assert got.temperature == pytest.approx(temperature, abs=1e-6)


@pytest.mark.parametrize(("name", "temperature"), [("llama-2", 1.1902), ("llama-3", 1.1767)])
def test_known_windows_have_the_known_temperature(name, temperature):
    """The square root of 1 + ln 32 / ln 4096 = 1 + 5/12, and of 1 + ln 32 / ln 8192 = 1 + 5/13."""
    got = LongRoPE(32.0, factors(name, 9.0))(rope(name), 100_000)
    assert got.temperature == pytest.approx(temperature, abs=1e-4)


@pytest.mark.parametrize("chunk", [512, 37])
@pytest.mark.parametrize("length", [WINDOW, 200])
def test_logits_equal_a_transformers_model_so_configured(length, chunk):
    tokens = text(2, length)
    settings = {"factor": 4.0, "short_factor": list(SHORT), "long_factor": list(LONG)}
    theirs = scaled("longrope", original_max_position_embeddings=WINDOW, **settings)
    with torch.no_grad():
        want = theirs(tokens).logits[:, length - 11 :]
    torch.testing.assert_close(read(model(), LongRoPE(4.0, LONG, SHORT), tokens, chunk=chunk), want, **CLOSE)


def test_without_short_factors_a_request_within_the_window_is_as_trained():
    tokens = text(2, WINDOW)
    got = read(model(), LongRoPE(4.0, LONG, start=5), tokens)
    assert torch.equal(got, read(model(), Plain(), tokens))


class FirstTokensAlone(nn.Module):
    """Cosine and sine for a transformers model: the first tokens by plain frequencies, all others by slowed ones."""

    def __init__(self, start: int) -> None:
        super().__init__()
        self.start = start

    def forward(self, x, position_ids):
        theta_P = plain(32, BASE)
        rows = []
        for pos in position_ids[0].tolist():
            slowed_P = theta_P if pos < self.start else theta_P / torch.tensor(LONG)
            rows.append(pos * torch.cat([slowed_P, slowed_P]))
        angle = torch.stack(rows)[None].expand(position_ids.shape[0], -1, -1)
        temperature = math.sqrt(1 + math.log(4) / math.log(WINDOW))
        return (angle.cos() * temperature).float(), (angle.sin() * temperature).float()


@pytest.mark.parametrize("chunk", [512, 37, 3])
@pytest.mark.parametrize("start", [2, 8, 199])
def test_the_first_tokens_keep_their_frequencies(start, chunk):
    tokens, theirs = text(2, 200), model()
    theirs.get_decoder().rotary_emb = FirstTokensAlone(start)
    with torch.no_grad():
        want = theirs(tokens).logits[:, 189:]
    got = read(model(), LongRoPE(4.0, LONG, start=start), tokens, chunk=chunk)
    torch.testing.assert_close(got, want, **CLOSE)
    assert (got - read(model(), LongRoPE(4.0, LONG), tokens)).abs().max() > 1e-3


def test_the_first_tokens_keep_their_frequencies_in_later_turns_and_after_going_back():
    tokens, method = text(1, 200), Method(rope=LongRoPE(4.0, LONG, start=8))
    with Session(model(), method, length=200) as session:
        session.prefill(tokens[:, :5].tolist())
        session.prefill(tokens[:, 5:150].tolist())
        session.rewind(145)
        session.prefill(tokens[:, 5:190].tolist(), chunk=16)
        got = session.decode(tokens[:, 190:])
    torch.testing.assert_close(got, read(model(), method.rope, tokens)[:, 1:], **CLOSE)


def test_a_string_holds_the_factors():
    got = Method.parse("rope=longrope:factor=4,long=1|1.5|2,short=1|1|1.25,start=4").rope
    assert got == LongRoPE(4.0, (1.0, 1.5, 2.0), (1.0, 1.0, 1.25), 4)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"factor": 0.5, "long": LONG}, "LongRoPE: factor=0.5 is below 1"),
        ({"factor": 2.0, "long": (1.0, 0.0)}, "numbers above 0"),
        ({"factor": 2.0, "long": LONG, "short": (-1.0,)}, "numbers above 0"),
        ({"factor": 2.0, "long": LONG, "start": -1}, "start=-1 must be at least 0"),
    ],
)
def test_senseless_settings_are_refused(settings, message):
    with pytest.raises(InputError, match=message):
        LongRoPE(**settings)


def test_factors_for_another_number_of_channels_are_refused():
    with pytest.raises(InputError, match="long holds 3 factors, the model turns 64 pairs of channels: give one for"):
        LongRoPE(4.0, (1.0, 1.5, 2.0))(rope("llama-2"), 10_000)
    with pytest.raises(InputError, match="short holds 1 factors, the model turns 64 pairs"):
        LongRoPE(4.0, (1.0,), (1.0,))(rope("llama-2"), 100)
