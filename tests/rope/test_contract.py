"""What every spectrum keeps to, found from its file."""

from __future__ import annotations

import pytest
import torch

from longspan.core.discover import entries
from longspan.core.spec import build
from longspan.core.types import Rope, Rotation
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.rope.plain import Plain

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
FAMILIES = ["llama", "gemma3", "phi", "cohere"]
METHODS = {entry.name: entry for entry in entries() if entry.seam == "rope"}
WINDOW = 64
LENGTHS = [1, WINDOW, WINDOW + 1, 200, 10_000]
ROPES = [(8, 1e4, WINDOW), (64, 5e5, 4096), (128, 1e6, 32768)]
"""Channels that turn, base and trained window."""


def made(name, factor):
    """The spectrum of a name, stretched so many times where it can be."""
    own = any(field.name == "factor" for field in METHODS[name].fields)
    return build("rope", f"{name}:factor={factor}" if own else name)


def rope(dim, base, window):
    frequencies_P = 1 / base ** (torch.arange(0, dim, 2).float() / dim)
    return Rope(dim, base, window, Rotation(frequencies_P, temperature=1.1, layout="interleaved"))


def model(family):
    return tiny(family, max_position_embeddings=WINDOW, initializer_range=0.1)


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


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
    trained = rope(*shape)
    for length in (1, trained.window):
        got = made(name, 1)(trained, length)
        assert torch.equal(got.frequencies_P, trained.rotation.frequencies_P)
        assert got.temperature == trained.rotation.temperature


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_factor_one_gives_plain_logits_within_the_window(name, family):
    prompts = [text(50)]
    got = read(model(family), made(name, 1), prompts, length=WINDOW)
    assert torch.equal(got, read(model(family), Plain(), prompts, length=WINDOW))


@pytest.mark.parametrize("factor", [1, 4, 32])
@pytest.mark.parametrize("shape", ROPES)
@pytest.mark.parametrize("name", METHODS)
def test_frequencies_are_positive_and_fall_and_never_exceed_the_trained_ones(name, shape, factor):
    trained = rope(*shape)
    for length in LENGTHS:
        got = made(name, factor)(trained, length)
        frequencies_P = got.frequencies_P
        assert frequencies_P.shape == (trained.dim // 2,)
        assert frequencies_P.dtype == torch.float32
        assert bool((frequencies_P > 0).all())
        assert bool((frequencies_P.diff() <= 0).all())
        assert bool((frequencies_P <= trained.rotation.frequencies_P * (1 + 1e-6)).all())
        assert got.temperature > 0
        assert got.layout == trained.rotation.layout


@pytest.mark.parametrize("shape", ROPES)
@pytest.mark.parametrize("name", METHODS)
def test_the_model_s_own_rotation_is_not_written_to(name, shape):
    trained = rope(*shape)
    before = trained.rotation.frequencies_P.clone()
    made(name, 4)(trained, 10_000)
    assert torch.equal(trained.rotation.frequencies_P, before)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_a_batch_of_two_equals_two_runs(name, family):
    own, prompts = model(family), [text(150), text(99, seed=1)]
    together = read(own, made(name, 4), prompts, chunk=64)
    for row, prompt in enumerate(prompts):
        torch.testing.assert_close(together[row : row + 1], read(own, made(name, 4), [prompt]), **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("name", METHODS)
def test_the_same_again_gives_the_same_and_leaves_the_model_as_it_was(name, family):
    own, tokens = model(family), torch.tensor([text(150)])
    rotary = own.get_decoder().rotary_emb
    with torch.no_grad():
        before = own(tokens).logits
        first = read(own, made(name, 4), tokens.tolist())
        assert torch.equal(own(tokens).logits, before)
    assert own.get_decoder().rotary_emb is rotary
    assert torch.equal(first, read(own, made(name, 4), tokens.tolist()))
    assert torch.equal(first, read(model(family), made(name, 4), tokens.tolist()))
