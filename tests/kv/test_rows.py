"""Stores that squeeze row by row: chunks, batches, turns and roll-back change nothing while they squeeze."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.types import NotRewindable
from longspan.kv.full import Full
from longspan.kv.merge.freqkv import FreqKV
from longspan.kv.quant.integer import Integer
from longspan.kv.quant.kivi import KIVI
from longspan.kv.quant.kvquant import KVQuant
from longspan.kv.retrieve.infllm import InfLLM
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
TIGHT = [
    pytest.param(policy, id=type(policy).__name__)
    for policy in (
        Integer(4, group=8, residual=8),
        KIVI(2, group=4, residual=8),
        KVQuant(3, outliers=0.1, sample=12),
        FreqKV(window=24, sinks=2),
    )
]


def precise(family="llama", **changes):
    """A tiny model in float64, where sums in another order do not push a number over the edge between two codes."""
    return tiny(family, **changes).double()


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def read(model, policy, prompts, *, chunk=512, steps=12):
    """Logits [B, steps + 1, V] after the prompts and after each of some tokens."""
    with Session(model, Method(kv=policy)) as session:
        logits = [session.prefill(prompts, chunk=chunk)[:, None]]
        logits += [session.decode(torch.tensor([[token]] * len(prompts))) for token in range(3, 3 + steps)]
    return torch.cat(logits, 1)


@pytest.mark.parametrize("shape", [{}, {"num_key_value_heads": 1}, {"num_key_value_heads": 8}])
@pytest.mark.parametrize("policy", TIGHT)
def test_chunked_equals_whole_prefill_and_differs_from_full(policy, shape):
    model = precise(num_hidden_layers=2, **shape)
    whole = read(model, policy, [text(63)])
    torch.testing.assert_close(read(model, policy, [text(63)], chunk=13), whole, **CLOSE)
    full = read(model, Full(), [text(63)])
    torch.testing.assert_close(whole[:, 0], full[:, 0], **CLOSE)
    assert not torch.allclose(whole[:, 1:], full[:, 1:], **CLOSE)


@pytest.mark.parametrize(("family", "chunks"), [("llama", False), ("llama", True), ("qwen3", False), ("gemma3", False)])
@pytest.mark.parametrize("policy", TIGHT)
def test_a_batch_equals_runs_alone(policy, family, chunks):
    model, prompts, policy = precise(family), [text(63), text(40, 1), text(9, 2)], replace(policy, chunks=chunks)
    chunk = 512 if chunks else 16
    together = read(model, policy, prompts, chunk=chunk)
    for row, prompt in enumerate(prompts):
        torch.testing.assert_close(together[row : row + 1], read(model, policy, [prompt]), **CLOSE)


@pytest.mark.parametrize("policy", TIGHT)
def test_turns_of_a_batch_equal_turns_alone(policy):
    model, turns = precise(num_hidden_layers=2), [[text(63), text(40, 1)], [text(3, 2), text(40, 3)], [text(20, 4)] * 2]

    def logits(rows, chunk):
        out = []
        with Session(model, Method(kv=policy)) as session:
            for turn in turns:
                out.append(session.prefill([turn[row] for row in rows], chunk=chunk)[:, None])
                out.append(session.decode(torch.tensor([[5, 6]] * len(rows))))
        return torch.cat(out, 1)

    together = logits([0, 1], 16)
    for row in range(2):
        torch.testing.assert_close(together[row : row + 1], logits([row], 512), **CLOSE)


@pytest.mark.parametrize("prompt", [30, 31, 32, 33, 40])
@pytest.mark.parametrize("policy", TIGHT)
def test_what_was_rolled_back_leaves_no_trace_or_is_refused(policy, prompt):
    model, after = precise(num_hidden_layers=2), torch.tensor([[7, 8, 9]] * 2)

    def logits(detour):
        with Session(model, Method(kv=policy)) as session:
            session.prefill([text(prompt), text(prompt - 7, 1)])
            session.decode(torch.tensor([[3]] * 2))
            for token in range(detour):
                session.decode(torch.tensor([[20 + token]] * 2))
            if detour:
                session.rewind(detour)
            return torch.cat([session.decode(after[:, t : t + 1]) for t in range(3)], 1)

    never = logits(0)
    for detour in (1, 5, 16):
        try:
            torch.testing.assert_close(logits(detour), never, **CLOSE)
        except NotRewindable:
            assert isinstance(policy, FreqKV)


@pytest.mark.parametrize("policy", TIGHT)
def test_going_far_back_is_refused_and_the_text_goes_on(policy):
    with Session(tiny(), Method(kv=policy)) as session, Session(tiny(), Method(kv=policy)) as other:
        for one in (other, session):
            one.prefill([text(200), text(150, 1)])
            one.decode(torch.tensor([[3]] * 2))
        with pytest.raises(NotRewindable, match="the exact tokens that rolling back to"):
            session.rewind(140)
        assert torch.equal(session.decode(torch.tensor([[4]] * 2)), other.decode(torch.tensor([[4]] * 2)))


@pytest.mark.parametrize("policy", [InfLLM(init=4, local=8, blocks=2, block=4), Integer(4, group=8, residual=8)])
def test_where_one_row_cannot_go_back_none_does(tape, policy):
    played = tape(100, pads=(90, 0))
    store = policy.open(played.page.layer)
    played.prompt(store, 100, 50)
    short = [part for part in store.read(played.q_BHTD, played.pos_BT) if part.rows == (0, 1)]
    with pytest.raises(NotRewindable):
        store.truncate(torch.tensor([5, 20]))
    kept = [part for part in store.read(played.q_BHTD, played.pos_BT) if part.rows == (0, 1)]
    assert sum(map(len, kept)) == sum(map(len, short)) == 10


@pytest.mark.parametrize("family", ["llama", "gemma3"])
@pytest.mark.parametrize("policy", TIGHT)
def test_bytes_fall(policy, family):
    model, sizes = tiny(family), []
    for kv in (policy, Full()):
        with Session(model, Method(kv=kv)) as session:
            session.prefill([text(500)])
            sizes.append(sum(store.nbytes() for store in session._stores.values() if not hasattr(store, "window")))
    assert sizes[0] < 0.5 * sizes[1]


@pytest.mark.parametrize("policy", TIGHT)
def test_one_token_and_a_row_of_padding_are_read(policy):
    model = precise()
    together = read(model, policy, [[7], text(40)], chunk=8, steps=30)
    for row, prompt in enumerate([[7], text(40)]):
        torch.testing.assert_close(together[row : row + 1], read(model, policy, [prompt], steps=30), **CLOSE)
