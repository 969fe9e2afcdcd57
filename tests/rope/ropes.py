"""Rotary embeddings of known models, what transformers makes of them, and a small model that depends on positions."""

from __future__ import annotations

import torch
from transformers import LlamaConfig
from transformers.modeling_rope_utils import ROPE_INIT_FUNCTIONS

from longspan.core.types import Rope, Rotation
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
MODELS = {
    "llama-2": (128, 1e4, 4096),
    "llama-3": (128, 5e5, 8192),
    "qwen2.5": (128, 1e6, 32768),
    "tiny": (16, 1e4, 64),
}
"""Channels that turn, base and trained window."""
WINDOW, BASE = 64, 1e4
SHAPE = {
    "max_position_embeddings": WINDOW,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "num_hidden_layers": 3,
    "initializer_range": 0.1,
}
"""Weights so great that attention depends on positions."""


def plain(dim, base):
    return 1 / base ** (torch.arange(0, dim, 2).double() / dim)


def rope(name, temperature=1.0):
    dim, base, window = MODELS[name]
    return Rope(dim, base, window, Rotation(plain(dim, base).float(), temperature))


def published(kind, name, *, seq_len=None, stretched=1, **settings):
    """Transformers' frequencies and factor on cosine and sine; `stretched` times the window is what a model claims."""
    dim, base, window = MODELS[name]
    config = LlamaConfig(
        hidden_size=dim,
        num_attention_heads=1,
        max_position_embeddings=int(window * stretched),
        rope_parameters={
            "rope_type": kind,
            "rope_theta": base,
            "original_max_position_embeddings": window,
            **settings,
        },
    )
    return ROPE_INIT_FUNCTIONS[kind](config, torch.device("cpu"), seq_len=seq_len)


def equal(got, want, rtol=1e-6):
    torch.testing.assert_close(got, want.to(got.dtype), atol=0, rtol=rtol)


def text(rows, length, seed=0):
    return torch.randint(2, 120, (rows, length), generator=torch.Generator().manual_seed(seed))


def read(model, spectrum, tokens, *, reply=10, chunk=512):
    """Logits [B, 1 + reply, V] after all but the last tokens, and after each of those."""
    prompt = tokens.shape[1] - reply
    with Session(model, Method(rope=spectrum), length=tokens.shape[1]) as session:
        first = session.prefill(tokens[:, :prompt].tolist(), chunk=chunk)
        return torch.cat([first[:, None], session.decode(tokens[:, prompt:])], 1)


def model(**changes):
    return tiny(**{**SHAPE, **changes})


def scaled(kind, **settings):
    """Our small model as transformers runs it with a scaling."""
    parameters = {"rope_type": kind, "rope_theta": BASE, **settings}
    return model(max_position_embeddings=4 * WINDOW, rope_parameters=parameters)
