"""Texts, a small model, and what it says of them through a session."""

from __future__ import annotations

import torch

from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

CLOSE = {"atol": 5e-5, "rtol": 1e-4}
CHUNKS = [512, 16, 7, 1]
PADDED = ((63, 0), (40, 1), (20, 2))
HEADS = {"gqa": {"num_key_value_heads": 2}, "mqa": {"num_key_value_heads": 1}, "mha": {"num_key_value_heads": 8}}


def model(family="llama", **changes):
    """Weights so great that attention depends on positions."""
    return tiny(family, **{"num_hidden_layers": 2, "initializer_range": 0.1, **changes})


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def read(model, rows, *, reply, chunk=512, **method):
    """Logits [B, 1 + reply, V] after all but the last tokens of each row, and after each of those, one by one."""
    with Session(model, Method(**method)) as session:
        prompt = session.prefill([row[: len(row) - reply] for row in rows], chunk=chunk)
        last = torch.tensor([row[len(row) - reply :] for row in rows])
        steps = [session.decode(last[:, t : t + 1]) for t in range(reply)]
    return torch.cat([prompt[:, None], *steps], 1)


def check(model, positions, want, *, reply=13, chunk=512, rows=((63, 0),)):
    """Texts of these lengths and seeds, read together, give what `want` says of each: logits [T, V] of every token."""
    texts = [text(length, seed) for length, seed in rows]
    for row, got in zip(texts, read(model, texts, reply=reply, chunk=chunk, positions=positions), strict=True):
        torch.testing.assert_close(got, want(model, row).float()[-1 - reply :], **CLOSE)
