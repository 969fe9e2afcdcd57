"""LM-Infinite shows the first tokens at a bounded distance, the latest at their own, and reads no others."""

from __future__ import annotations

import pytest
import torch

from longspan.core import kernel
from longspan.core.errors import InputError
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.position.lm_infinite import LMInfinite

from . import naive
from .runs import CHUNKS, HEADS, PADDED, check, model, read, text

SETTINGS = [(10, 10, 3), (8, 20, 5), (20, 6, 4), (1, 1, 1), (16, 16, 0), (12, 40, 30)]
"""Local tokens, limit and first tokens."""


def want(local, limit, sinks):
    def logits(model, row):
        rel_TS = naive.distances(len(row), lambda i, j: i - j if i - j < local else min(i - j, limit))
        near_TS = ~naive.causal(len(row)).tril(-local)
        return naive.logits(model, row, rel_TS, naive.causal(len(row)) & (near_TS | (torch.arange(len(row)) < sinks)))

    return logits


@pytest.mark.parametrize("heads", HEADS)
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_every_token_equals_brute_force(setting, heads):
    check(model(**HEADS[heads]), LMInfinite(*setting), want(*setting), reply=62)


@pytest.mark.parametrize("chunk", CHUNKS)
@pytest.mark.parametrize("setting", SETTINGS[:3])
def test_chunked_prompts_and_their_replies_equal_brute_force(setting, chunk):
    check(model(), LMInfinite(*setting), want(*setting), chunk=chunk)


@pytest.mark.parametrize("setting", SETTINGS)
def test_rows_padded_on_the_left_equal_brute_force(setting):
    check(model(), LMInfinite(*setting), want(*setting), chunk=13, rows=PADDED)


def test_a_text_within_the_local_tokens_is_read_as_trained():
    own, row = model(), text(63)
    got = read(own, [row], reply=9, positions=LMInfinite(63, 63))
    torch.testing.assert_close(got, read(own, [row], reply=9))


def slots(length, monkeypatch):
    """Stored tokens handed to the kernel for a text read in chunks of 128, and for one more token."""
    given, kernels = [], {"attention": kernel.attention, "output": kernel.output}
    with monkeypatch.context() as patch, Session(model(), Method(positions=LMInfinite(60, 60, sinks=4))) as session:
        for name, run in kernels.items():
            patch.setattr(kernel, name, lambda q, k, *a, run=run, **b: given.append(k.shape[2]) or run(q, k, *a, **b))
        session.prefill([text(length)], chunk=128)
        prompt = sum(given)
        session.decode(torch.tensor([[5]]))
    return prompt, sum(given) - prompt


def test_work_grows_with_the_length_and_a_token_reads_only_what_it_sees(monkeypatch):
    layers, (once, token), (twice, later) = 2, slots(1280, monkeypatch), slots(2560, monkeypatch)
    assert token == later == layers * (60 + 4)
    assert twice - once == layers * 10 * (128 + 60 - 1 + 4)


@pytest.mark.parametrize("settings", [{"local": 0}, {"limit": 0}, {"sinks": -1}])
def test_senseless_settings_are_refused(settings):
    with pytest.raises(InputError, match="must be at least 1"):
        LMInfinite(**{"local": 9, "limit": 9, **settings})
