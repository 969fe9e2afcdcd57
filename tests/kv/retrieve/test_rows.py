"""What every way of retrieving keeps to when it cannot read everything."""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
from importlib import import_module

import pytest
import torch

import longspan.kv.retrieve
from longspan.core import attend
from longspan.core.types import NotRewindable
from longspan.kv.buffer import Buffer
from longspan.kv.full import Full
from longspan.kv.retrieve.picked import Grown, marked
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.position.cache_relative import CacheRelative

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
TIGHT = {
    "A2ATS": {"codebook": 12, "share": 0.1, "sinks": 2, "local": 8},
    "InfLLM": {"init": 4, "local": 16, "blocks": 2, "block": 8, "representatives": 2},
    "LongHeads": {"window": 24, "chunk": 6},
    "Quest": {"budget": 16, "page": 4, "dense_layers": 0},
    "ReKV": {"init": 2, "local": 12, "blocks": 2, "block": 4, "question": 8},
    "RecycledAttention": {"budget": 16, "stride": 3},
    "ShadowKV": {"budget": 8, "rank": 6, "chunk": 4, "outliers": 1, "local": 1},
    "SqueezedAttention": {"clusters": 0.1, "observation": 6},
}
"""Settings under which a text of 63 tokens is too long."""
ENCODES = {"InfLLM", "LongHeads", "ReKV"}
"""Those that retrieve while a prompt is read, so that its chunks matter."""


def methods():
    for module in pkgutil.walk_packages(longspan.kv.retrieve.__path__, "longspan.kv.retrieve."):
        for name, item in inspect.getmembers(import_module(module.name), inspect.isclass):
            if item.__module__ == module.name and dataclasses.is_dataclass(item) and hasattr(item, "open"):
                yield pytest.param(item(**TIGHT[name]), id=name)


POLICIES = list(methods())
ON_DISK = [
    pytest.param(dataclasses.replace(policy, tier="disk"), id=f"{param.id}-disk")
    for param in POLICIES
    for policy in param.values
    if hasattr(policy, "tier")
]
MODEL = tiny(num_hidden_layers=2)


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def read(model, policy, prompts, *, chunk=512, steps=5, **choices):
    """Logits [B, steps + 1, V] after the prompts and after each of some fixed tokens."""
    with Session(model, Method(kv=policy, **choices)) as session:
        logits = [session.prefill(prompts, chunk=chunk)[:, None]]
        logits += [session.decode(torch.tensor([[5 + step]] * len(prompts))) for step in range(steps)]
    return torch.cat(logits, 1)


@pytest.mark.parametrize("when", ["prompt", "token"])
@pytest.mark.parametrize("policy", POLICIES + ON_DISK)
def test_sessions_go_on_from_one_another(policy, when):
    """What was saved holds while its session reads on, and what one session took over another may take from it."""
    method, tokens = Method(kv=policy), torch.tensor([[7]] * 2)
    turns = [[text(170 + step, seed=step), text(90, seed=9)] for step in range(3)]

    def reads(session, turn):
        session.prefill(turn, chunk=48)
        if when == "token":
            session.decode(torch.tensor([[3, 4]] * 2))
            session.decode(torch.tensor([[5]] * 2))

    with Session(MODEL, method) as first, Session(MODEL, method) as second, Session(MODEL, method) as third:
        reads(first, turns[0])
        second.restore(first.save())
        torch.testing.assert_close(second.decode(tokens), first.decode(tokens), **CLOSE)
        reads(first, turns[1])
        reads(second, turns[1])
        third.restore(second.save())
        want = first.prefill(turns[2], chunk=48)
        torch.testing.assert_close(second.prefill(turns[2], chunk=48), want, **CLOSE)
        torch.testing.assert_close(third.prefill(turns[2], chunk=48), want, **CLOSE)
        torch.testing.assert_close(third.decode(tokens), first.decode(tokens), **CLOSE)


@pytest.mark.parametrize("policy", POLICIES)
def test_decoding_reads_less_than_is_stored(policy, monkeypatch):
    read_slots = []
    spent, dense = attend._part, attend._dense

    def count(page, work, tiles):
        read_slots.append(len(work.part) * work.part.k_BGSD.shape[1])
        return spent(page, work, tiles)

    def count_dense(page, work):
        read_slots.append(len(work.part) * 2)
        return dense(page, work)

    monkeypatch.setattr(attend, "_part", count)
    monkeypatch.setattr(attend, "_dense", count_dense)
    with Session(MODEL, Method(kv=policy)) as session:
        session.prefill([text(500)], chunk=64)
        session.decode(torch.tensor([[3]]))
        read_slots.clear()
        session.decode(torch.tensor([[4]]))
    assert 0 < sum(read_slots) < 0.4 * 2 * 502 * 2


@pytest.mark.parametrize("policy", POLICIES)
def test_what_is_not_read_is_missed(policy):
    prompt = [text(63)]
    missed = read(MODEL, policy, prompt, chunk=16) - read(MODEL, Full(), prompt)
    assert missed[:, 1:].abs().max() > 1e-3


@pytest.mark.parametrize("policy", POLICIES)
def test_turns_of_a_batch_equal_turns_alone(policy):
    turns = [[text(63), text(40, seed=1), text(9, seed=2)], [text(3), text(21, seed=3), text(1)]]

    def logits(rows):
        out = []
        with Session(MODEL, Method(kv=policy)) as session:
            for turn in turns:
                out.append(session.prefill([turn[row] for row in rows], chunk=64))
                out += [session.decode(torch.tensor([[5 + step]] * len(rows)))[:, 0] for step in range(5)]
        return torch.stack(out, 1)

    together = logits([0, 1, 2])
    for row in range(3):
        torch.testing.assert_close(together[row : row + 1], logits([row]), **CLOSE)


@pytest.mark.parametrize("policy", [p for p in POLICIES if p.id not in ENCODES])
def test_chunked_equals_whole_prefill(policy):
    model, prompts = tiny(num_hidden_layers=2, num_key_value_heads=1), [text(63), text(50, seed=1)]
    torch.testing.assert_close(read(model, policy, prompts, chunk=7), read(model, policy, prompts), **CLOSE)


@pytest.mark.parametrize("back", [2, 9])
@pytest.mark.parametrize("policy", POLICIES)
def test_truncate_then_append_equals_never(policy, back, request):
    with Session(MODEL, Method(kv=policy)) as session:
        session.prefill([text(63), text(50, seed=1)], chunk=16)

        def decode(tokens):
            return torch.cat([session.decode(torch.tensor([[token]] * 2)) for token in tokens], 1)

        want = decode(range(5, 15))
        try:
            session.rewind(back)
            decode((9, 8, 7))
            session.rewind(3)
        except NotRewindable:
            assert request.node.callspec.id.split("-")[0] in ENCODES
            return
        torch.testing.assert_close(decode(range(15 - back, 15)), want[:, 10 - back :], **CLOSE)


@pytest.mark.parametrize("policy", POLICIES)
def test_reading_twice_changes_nothing(policy, monkeypatch):
    prompts = [text(63), text(20, seed=1)]
    want = read(MODEL, policy, prompts, chunk=16)
    once = Session.attend

    def twice(self, module, query, key, value, **settings):
        out = once(self, module, query, key, value, **settings)
        list(self._stores[module.layer_idx].read(query, self._pos_BT))
        return out

    monkeypatch.setattr(Session, "attend", twice)
    assert torch.equal(read(MODEL, policy, prompts, chunk=16), want)


@pytest.mark.parametrize("policy", POLICIES)
def test_positions_may_count_what_is_read(policy):
    prompts = [text(63), text(20, seed=1)]
    got = read(MODEL, policy, prompts, chunk=64, positions=CacheRelative())
    alone = read(MODEL, policy, prompts[1:], chunk=64, positions=CacheRelative())
    torch.testing.assert_close(got[1:], alone, **CLOSE)
    assert (got - read(MODEL, policy, prompts, chunk=64)).abs().max() > 1e-3


def test_marked_slots_are_one_part_where_heads_have_as_many_and_one_each_otherwise():
    buffer, pos = Buffer(), torch.arange(6)[None]
    k, v = torch.randn(2, 1, 3, 6, 4)
    buffer.append(k, v, pos)
    keep = torch.tensor([[1, 0, 1, 0], [0, 1, 0, 1], [1, 1, 0, 0]]).bool()
    (part,) = marked(buffer, keep)
    assert part.heads is None
    for g, slots in enumerate([[0, 2], [1, 3], [0, 1]]):
        assert part.pos_BGS[0, g].tolist() == slots
        assert torch.equal(part.k_BGSD[0, g], k[0, g, slots])
        assert torch.equal(part.v_BGSD[0, g], v[0, g, slots])
    keep[0] = False
    keep[1, 2] = True
    ragged = list(marked(buffer, keep))
    assert [part.heads for part in ragged] == [(1, 2), (2, 3)]
    assert [part.pos_BGS.tolist() for part in ragged] == [[[[1, 2, 3]]], [[[0, 1]]]]
    assert torch.equal(ragged[0].k_BGSD, k[:, 1:2, 1:4])
    assert list(marked(buffer, torch.zeros(3, 4, dtype=torch.bool))) == []


def test_a_grown_tensor_holds_what_was_written_last():
    grown, want = Grown(), torch.randn(2, 200, 3)
    for start, end in [(0, 5), (5, 70), (3, 100), (100, 200)]:
        grown.write(start, want[:, start:end])
        assert torch.equal(grown.read(), want[:, :end])
    assert grown.nbytes() >= want.nbytes
