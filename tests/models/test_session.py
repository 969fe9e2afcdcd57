"""A session gives what transformers gives, however the text arrives."""

from __future__ import annotations

import threading
from dataclasses import replace

import pytest
import torch

from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import FAMILIES, tiny

CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def text(rows: int, length: int, seed: int = 0) -> torch.Tensor:
    return torch.randint(2, 120, (rows, length), generator=torch.Generator().manual_seed(seed))


@torch.no_grad()
def greedy(model, tokens, steps):
    return model.generate(tokens, max_new_tokens=steps, do_sample=False, eos_token_id=None)[:, tokens.shape[1] :]


def ours(model, prompts, steps, method=None, chunk=512):
    with Session(model, method or Method()) as session:
        token = session.prefill(prompts, chunk=chunk).argmax(-1, keepdim=True)
        out = [token]
        for _ in range(steps - 1):
            token = session.decode(token)[:, -1].argmax(-1, keepdim=True)
            out.append(token)
    return torch.cat(out, 1)


@pytest.mark.parametrize("chunk", [512, 16, 7])
@pytest.mark.parametrize("family", FAMILIES)
def test_logits_and_greedy_tokens_equal_transformers(family, chunk):
    model, tokens = tiny(family), text(2, 63)
    want = model(tokens).logits[:, -1]
    with Session(model, Method()) as session:
        got = session.prefill(tokens.tolist(), chunk=chunk)
    torch.testing.assert_close(got, want, **CLOSE)
    assert torch.equal(ours(model, tokens.tolist(), 12, chunk=chunk), greedy(model, tokens, 12))


@pytest.mark.parametrize("family", FAMILIES)
def test_a_batch_gives_each_row_its_own_result(family):
    model = tiny(family)
    rows = [text(1, n, seed=n)[0].tolist() for n in (40, 23, 1)]
    together = ours(model, rows, 10, chunk=16)
    for row, got in zip(rows, together, strict=True):
        assert torch.equal(got[None], ours(model, [row], 10))


@pytest.mark.parametrize("family", ["llama", "gemma3", "cohere"])
def test_rolling_back_equals_never_having_read(family):
    model, tokens = tiny(family), text(2, 40)
    with Session(model, Method()) as session:
        session.prefill(tokens.tolist())
        want = session.decode(text(2, 3, seed=1))
        session.rewind(3)
        session.decode(text(2, 5, seed=2))
        session.rewind(5)
        assert session.tokens == [40, 40]
        torch.testing.assert_close(session.decode(text(2, 3, seed=1)), want, **CLOSE)


def test_a_second_turn_equals_one_prompt():
    model, tokens = tiny("llama"), text(1, 50)
    with Session(model, Method()) as session:
        session.prefill(tokens[:, :30].tolist())
        got = session.prefill(tokens[:, 30:].tolist(), chunk=8)
    torch.testing.assert_close(got, model(tokens).logits[:, -1], **CLOSE)


@pytest.mark.parametrize("family", ["llama", "gemma3", "mistral"])
def test_second_turns_of_different_lengths_give_each_row_its_own_result(family):
    model = tiny(family)
    first = [text(1, n, seed=n)[0].tolist() for n in (40, 40)]
    second = [text(1, n, seed=n)[0].tolist() for n in (30, 8)]
    with Session(model, Method()) as session:
        session.prefill(first, chunk=16)
        session.prefill(second, chunk=16)
        together = session.decode(torch.tensor([[5], [5]]))
    for row in range(2):
        with Session(model, Method()) as session:
            session.prefill([first[row] + second[row]])
            torch.testing.assert_close(together[row : row + 1], session.decode(torch.tensor([[5]])), **CLOSE)


@pytest.mark.parametrize(
    "change",
    [{"temperature": 1.5}, {"start": 8, "start_frequencies_P": torch.ones(4)}, {"sharpen_beyond": 32}],
    ids=lambda change: next(iter(change)),
)
def test_a_request_that_outgrows_its_plan_is_read_again_whatever_its_length_changes(change):
    def spectrum(rope, length):
        return replace(rope.rotation, **change) if length > rope.window else rope.rotation

    model, tokens = tiny("llama", max_position_embeddings=64, initializer_range=0.1), text(1, 90)
    logits = []
    for planned in (0, 90):
        with Session(model, Method(rope=spectrum), length=planned) as session:
            session.prefill(tokens[:, :60].tolist())
            logits.append(session.decode(tokens[:, 60:]))
    torch.testing.assert_close(logits[0], logits[1], **CLOSE)


LENGTH_DEPENDENT = {
    "dynamic": {"factor": 2.0},
    "longrope": {
        "factor": 4.0,
        "short_factor": [1.0, 1.1, 1.2, 1.3],
        "long_factor": [1.0, 2.0, 4.0, 6.0],
        "original_max_position_embeddings": 64,
    },
}


@pytest.mark.parametrize("length", [40, 64, 65, 200])
@pytest.mark.parametrize("kind", LENGTH_DEPENDENT)
def test_a_scaling_of_the_models_own_that_depends_on_length_equals_transformers(kind, length):
    parameters = {"rope_type": kind, "rope_theta": 1e4, **LENGTH_DEPENDENT[kind]}
    window = 64 if kind == "dynamic" else 256
    model = tiny("llama", max_position_embeddings=window, initializer_range=0.1, rope_parameters=parameters)
    tokens, longer = text(2, length), text(1, 250)
    want = model(tokens).logits[:, -1]
    model(longer)
    with Session(model, Method(), length=length) as session:
        torch.testing.assert_close(session.prefill(tokens.tolist()), want, **CLOSE)


def test_a_request_that_outgrows_the_models_own_short_factors_is_read_again_with_the_long_ones():
    parameters = {"rope_type": "longrope", "rope_theta": 1e4, **LENGTH_DEPENDENT["longrope"]}
    model = tiny("llama", max_position_embeddings=256, initializer_range=0.1, rope_parameters=parameters)
    tokens = text(2, 90)
    with Session(model, Method()) as session:
        prompt = session.prefill(tokens[:, :60].tolist())
        reply = session.decode(tokens[:, 60:])
    torch.testing.assert_close(prompt, model(tokens[:, :60]).logits[:, -1], **CLOSE)
    torch.testing.assert_close(reply, model(tokens).logits[:, 60:], **CLOSE)


def test_the_model_is_as_it_was():
    model, tokens = tiny("gemma3"), text(1, 30)
    rotary, before = model.get_decoder().rotary_emb, model(tokens).logits
    with Session(model, Method()) as session:
        session.prefill(tokens.tolist())
        torch.testing.assert_close(model(tokens).logits, before)
    assert model.get_decoder().rotary_emb is rotary
    assert model.config._attn_implementation == "sdpa"
    assert torch.equal(model(tokens).logits, before)


def test_two_threads_get_what_they_get_alone():
    model, prompts = tiny("llama"), [text(1, 60, seed=n).tolist() for n in range(4)]
    alone = [ours(model, prompt, 30, chunk=16) for prompt in prompts]
    together: dict[int, torch.Tensor] = {}
    threads = [
        threading.Thread(target=lambda n=n: together.__setitem__(n, ours(model, prompts[n], 30, chunk=16)))
        for n in range(4)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert all(torch.equal(alone[n], together[n]) for n in range(4))
