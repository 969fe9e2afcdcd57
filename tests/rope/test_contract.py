"""What every spectrum keeps to, found from its file."""

from __future__ import annotations

import pytest
import torch

from longspan.core.discover import entries
from longspan.core.spec import build
from longspan.core.types import Rope, Rotation
from longspan.models.method import Method
from longspan.models.rotary import layer_types, read_rope
from longspan.models.session import SLIDING, Session
from longspan.models.tiny import tiny
from longspan.rope.plain import Plain

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
FAMILIES = ["llama", "gemma3", "phi", "cohere"]
METHODS = {entry.name: entry for entry in entries() if entry.seam == "rope"}
WINDOW = 64
LENGTHS = [1, WINDOW, WINDOW + 1, 200, 10_000]
ROPES = [(8, 1e4, WINDOW), (64, 5e5, 4096), (128, 1e6, 32768)]
"""Channels that turn, base and trained window."""
FACTOR = "factor={factor}"
SETTINGS = {
    "abf": "base={base}",
    "entropy_abf": "base={base},plain_layers=1",
    "giraffe_power": "power={some},factor={factor}",
    "giraffe_truncated": "turns={few},factor={factor}",
    "longrope": "factor={factor},long={rising},start=5",
    "proportional": "share={most},factor={factor}",
}
"""Settings of the spectra that take more than a factor, or none; see `made`."""
STILL = {"giraffe_truncated", "proportional"}
"""Spectra whose papers do not turn the slowest channels at all."""
SCATTERED = {"distributional"}
"""Spectra whose paper chooses channels one by one, so that a kept one may follow a slowed one and be faster."""


def made(name, rope, factor):
    """The spectrum of a name, stretching a model's window so many times; 1 changes nothing within it."""
    own = SETTINGS.get(name) or (FACTOR if any(field.name == "factor" for field in METHODS[name].fields) else "")
    pairs = rope.dim // 2
    values = {
        "factor": factor,
        "base": rope.base * factor,
        "some": 0 if factor == 1 else 0.5,
        "most": 1 if factor == 1 else 0.5,
        "few": 1e-9 if factor == 1 else 1,
        "rising": "|".join(str(1 + (factor - 1) * (pair + 1) / pairs) for pair in range(pairs)),
    }
    return build("rope", ":".join(filter(None, [name, own.format(**values)])))


def rope(dim, base, window):
    frequencies_P = 1 / base ** (torch.arange(0, dim, 2).float() / dim)
    return Rope(dim, base, window, Rotation(frequencies_P, temperature=1.1, layout="interleaved"))


def model(family):
    return tiny(family, max_position_embeddings=WINDOW, initializer_range=0.1)


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def trained(model):
    """The rotary embedding of a model's layers that see everything."""
    decoder = model.get_decoder()
    return read_rope(decoder, next(kind for kind in layer_types(decoder) if kind != SLIDING))


def read(model, spectrum, prompts, *, length=200, chunk=512, steps=3):
    """Logits [B, steps + 1, V] after the prompts and after each greedily chosen token."""
    with Session(model, Method(rope=spectrum), length=length) as session:
        logits = [session.prefill(prompts, chunk=chunk)[:, None]]
        for _ in range(steps):
            logits.append(session.decode(logits[-1].argmax(-1)))
    return torch.cat(logits, 1)


@pytest.mark.parametrize("shape", ROPES)
@pytest.mark.parametrize("name", METHODS)
def test_factor_one_is_plain_rope_within_the_window(name, shape):
    own = rope(*shape)
    for length in (1, own.window):
        got = made(name, own, 1)(own, length)
        assert torch.equal(got.frequencies_P, own.rotation.frequencies_P)
        assert got.temperature == own.rotation.temperature


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_factor_one_gives_plain_logits_within_the_window(name, family):
    own, prompts = model(family), [text(50)]
    got = read(own, made(name, trained(own), 1), prompts, length=WINDOW)
    assert torch.equal(got, read(own, Plain(), prompts, length=WINDOW))


@pytest.mark.parametrize("factor", [1, 4, 32])
@pytest.mark.parametrize("shape", ROPES)
@pytest.mark.parametrize("name", METHODS)
def test_frequencies_fall_and_never_exceed_the_trained_ones(name, shape, factor):
    own = rope(*shape)
    for length in LENGTHS:
        got = made(name, own, factor)(own, length)
        frequencies_P = got.frequencies_P
        assert frequencies_P.shape == (own.dim // 2,)
        assert frequencies_P.dtype == torch.float32
        assert bool((frequencies_P >= 0 if name in STILL else frequencies_P > 0).all())
        assert name in SCATTERED or bool((frequencies_P.diff() <= 0).all())
        assert bool((frequencies_P <= own.rotation.frequencies_P * (1 + 1e-6)).all())
        assert got.temperature > 0
        assert got.layout == own.rotation.layout


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", sorted(set(METHODS) - {"plain"}))
def test_a_stretched_window_changes_what_lies_beyond_it(name, family):
    own, prompts = model(family), [text(150)]
    got = read(own, made(name, trained(own), 4), prompts)
    assert (got - read(own, Plain(), prompts)).abs().max() > 1e-3


@pytest.mark.parametrize("shape", ROPES)
@pytest.mark.parametrize("name", METHODS)
def test_the_model_s_own_rotation_is_not_written_to(name, shape):
    own = rope(*shape)
    before = own.rotation.frequencies_P.clone()
    made(name, own, 4)(own, 10_000)
    assert torch.equal(own.rotation.frequencies_P, before)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_a_batch_of_two_equals_two_runs(name, family):
    own, prompts = model(family), [text(150), text(99, seed=1)]
    spectrum = made(name, trained(own), 4)
    together = read(own, spectrum, prompts, chunk=64)
    for row, prompt in enumerate(prompts):
        torch.testing.assert_close(together[row : row + 1], read(own, spectrum, [prompt]), **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_the_same_again_gives_the_same_and_leaves_the_model_as_it_was(name, family):
    own, tokens = model(family), torch.tensor([text(150)])
    rotary, spectrum = own.get_decoder().rotary_emb, made(name, trained(own), 4)
    with torch.no_grad():
        before = own(tokens).logits
        first = read(own, spectrum, tokens.tolist())
        assert torch.equal(own(tokens).logits, before)
    assert own.get_decoder().rotary_emb is rotary
    assert torch.equal(first, read(own, spectrum, tokens.tolist()))
    assert torch.equal(first, read(model(family), spectrum, tokens.tolist()))
