"""Dynamic NTK gives what transformers gives for the length planned, and keeps one base for a whole request."""

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
from longspan.rope.dynamic_ntk import DynamicNTK

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
WINDOW, BASE, HEAD = 64, 1e4, 32
SHAPE = {
    "max_position_embeddings": WINDOW,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_hidden_layers": 2,
    "initializer_range": 0.1,
}
"""Two layers whose weights are great enough for attention to depend on positions."""


def text(rows, length, seed=0):
    return torch.randint(2, 120, (rows, length), generator=torch.Generator().manual_seed(seed))


def published(dim, base, window, *, factor, length):
    """Transformers' frequencies for a request of `length` tokens."""
    config = LlamaConfig(
        hidden_size=dim,
        num_attention_heads=1,
        max_position_embeddings=window,
        rope_parameters={"rope_type": "dynamic", "rope_theta": base, "factor": factor},
    )
    return ROPE_INIT_FUNCTIONS["dynamic"](config, torch.device("cpu"), seq_len=length)[0]


def of_base(length, factor):
    """A transformers model, nothing scaled, with the base that the paper sets for a request of `length` tokens."""
    base = BASE * (factor * length / WINDOW - (factor - 1)) ** (HEAD / (HEAD - 2))
    return tiny(**SHAPE, rope_parameters={"rope_type": "default", "rope_theta": base})


def logits(prompts, replies, *, length=0, factor=1.0, chunk=512):
    """After the prompts, and after each reply token decoded one by one: [B, 1 + T, V]."""
    with Session(tiny(**SHAPE), Method(rope=DynamicNTK(factor)), length=length) as session:
        out = [session.prefill(prompts, chunk=chunk)[:, None]]
        out += [session.decode(replies[:, t : t + 1]) for t in range(replies.shape[1])]
    return torch.cat(out, 1)


@pytest.mark.parametrize("factor", [1.0, 2.0, 4.0])
@pytest.mark.parametrize("length", [1, 4096, 4097, 20_000])
@pytest.mark.parametrize(("dim", "base"), [(128, 1e4), (64, 5e5), (16, 1e6)])
def test_frequencies_equal_transformers(dim, base, length, factor):
    plain_P = 1 / base ** (torch.arange(0, dim, 2).float() / dim)
    got = DynamicNTK(factor)(Rope(dim, base, 4096, Rotation(plain_P, temperature=1.2)), length)
    want = published(dim, base, 4096, factor=factor, length=length)
    torch.testing.assert_close(got.frequencies_P, want, atol=0, rtol=2e-6)
    assert got.temperature == 1.2


@pytest.mark.parametrize("factor", [1.0, 3.0])
@pytest.mark.parametrize("chunk", [512, 37])
def test_prompt_and_reply_equal_transformers_with_the_base_of_the_planned_length(chunk, factor):
    tokens = text(2, 200)
    with torch.no_grad():
        want = of_base(200, factor)(tokens).logits[:, 189:]
    got = logits(tokens[:, :190].tolist(), tokens[:, 190:], length=200, factor=factor, chunk=chunk)
    torch.testing.assert_close(got, want, **CLOSE)


def test_a_request_longer_than_its_plan_is_as_one_planned_longer():
    tokens, planned = text(1, 120), 1 + 96 - 70
    outgrown = logits(tokens[:, :70].tolist(), tokens[:, 70:], length=96)
    fresh = logits(tokens[:, :70].tolist(), tokens[:, 70:], length=96 + 96 // 4)
    torch.testing.assert_close(outgrown[:, planned:], fresh[:, planned:], **CLOSE)
    assert (outgrown[:, :planned] - fresh[:, :planned]).abs().max() > 1e-2
    with torch.no_grad():
        before, after = of_base(96, 1.0)(tokens[:, :96]).logits, of_base(120, 1.0)(tokens).logits
    torch.testing.assert_close(outgrown, torch.cat([before[:, 69:], after[:, 96:]], 1), **CLOSE)


def test_rows_that_outgrow_their_plan_share_the_base_of_the_longest():
    """Planned for 80, then for 100, then for 125 tokens."""
    tokens, pad = text(2, 110), 23
    prompts = [tokens[0, :70].tolist(), tokens[1, pad:70].tolist()]
    got, model = logits(prompts, tokens[:, 70:], length=80)[:, -1], of_base(125, 1.0)
    with torch.no_grad():
        want = [model(row[None]).logits[:, -1] for row in (tokens[0], tokens[1, pad:])]
    torch.testing.assert_close(got, torch.cat(want), **CLOSE)


def test_within_the_window_every_bit_is_as_trained():
    tokens = text(2, WINDOW)
    prompts, replies = tokens[:, :50].tolist(), tokens[:, 50:]
    got = logits(prompts, replies, length=WINDOW, factor=4.0)
    with Session(tiny(**SHAPE), Method()) as session:
        want = [session.prefill(prompts)[:, None], *(session.decode(replies[:, t : t + 1]) for t in range(14))]
    assert torch.equal(got, torch.cat(want, 1))


def test_a_scaling_of_the_models_own_is_kept_within_the_window():
    own = {
        "rope_type": "llama3",
        "rope_theta": BASE,
        "factor": 8.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": 16,
    }
    model, tokens = tiny(**SHAPE, rope_parameters=own), text(1, WINDOW)
    with torch.no_grad():
        want = model(tokens).logits[:, -1]
    with Session(model, Method(rope=DynamicNTK())) as session:
        torch.testing.assert_close(session.prefill(tokens.tolist()), want, **CLOSE)


def test_a_factor_below_one_is_refused():
    with pytest.raises(InputError, match=r"factor=0.9 is below 1"):
        DynamicNTK(0.9)
