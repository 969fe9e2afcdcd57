"""What every key/value policy keeps to, found from its files."""

from __future__ import annotations

import dataclasses
import inspect
import pkgutil
from importlib import import_module

import pytest
import torch

import longspan.kv
import longspan.kv.evict
import longspan.kv.split
from longspan.core.types import NotRewindable
from longspan.kv.evict import locret
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.eviction import Eviction
from longspan.kv.full import Full
from longspan.kv.merge.cam import CaM
from longspan.kv.quant.integer import Integer
from longspan.kv.quant.kivi import KIVI
from longspan.kv.split import duo
from longspan.kv.split.adakv import AdaKV
from longspan.kv.split.uniform import Uniform
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
FAMILIES = ["llama", "qwen3", "gemma3"]
ROOM, TIGHT = 1000, 24
SETTINGS = {
    "SnapKV": {"window": 8},
    "LagKV": {"sinks": 2, "lag": 8},
    "H2O": {"recent": 8},
    "KVzip": {"chunk": 13, "lead": 3},
    "Locret": {"heads": __file__, "stabilizers": 8, "local": 4},
    "PerLayer": {"shares": (2.0, 1.0)},
    "Duo": {"heads": __file__, "sparsity": 0.9},
    "Integer": {"group": 8, "residual": 1000},
    "KIVI": {"group": 8, "residual": 1000},
    "KVQuant": {"residual": 1000},
}
"""What a method needs to make sense at a tiny model's lengths."""
WHOLE = {"Duo": 0.2}
"""The share of heads that a split keeps whole."""
WITH_ALL = ("SnapKV", "H2O")
"""Scores tried with every split: one that looks at the end of the text, and one that learns from all of it."""


def methods(package):
    """An instance of every public dataclass in the modules of a package."""
    found = []
    for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        for name, item in inspect.getmembers(import_module(module.name), inspect.isclass):
            own = item.__module__ == module.name and dataclasses.is_dataclass(item) and not name.startswith("_")
            if own and ": " in (item.__doc__ or "").splitlines()[0]:
                found.append((name, item))
    return found


def made(item):
    return item(**SETTINGS.get(item.__name__, {}))


def evictions(budget, **moments):
    return [
        pytest.param(Eviction(made(score), budget, made(split), **moments), id=f"{score_name}-{split_name}")
        for score_name, score in methods(longspan.kv.evict)
        for split_name, split in methods(longspan.kv.split)
        if split_name == "Uniform"
        or (score_name in WITH_ALL and split_name != "Pooled")
        or (score_name, split_name) == ("KVzip", "Pooled")
    ]


POLICIES = [
    pytest.param(made(item), id=name)
    for name, item in methods(longspan.kv)
    if hasattr(item, "open") and item is not Eviction
] + evictions(ROOM)
KEPT = [
    pytest.param(Eviction(SnapKV(window=8), TIGHT, split, keep), id=f"kept-{type(split).__name__}-{name}")
    for split in (Uniform(), AdaKV())
    for name, keep in {"integer": Integer(8, 8, 1000), "kivi": KIVI(4, 8, 1000)}.items()
]
MERGED = [pytest.param(Eviction(SnapKV(window=8), TIGHT, merge=CaM(4)), id="merged-CaM")]
TIGHT_ONES = evictions(TIGHT) + KEPT + MERGED


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def read(model, policy, prompts, *, chunk=512, steps=6):
    """Logits [B, steps + 1, V] after the prompts and after each greedily chosen token."""
    with Session(model, Method(kv=policy)) as session:
        logits = [session.prefill(prompts, chunk=chunk)[:, None]]
        for _ in range(steps):
            logits.append(session.decode(logits[-1].argmax(-1)))
    return torch.cat(logits, 1)


@pytest.fixture(autouse=True)
def trained(monkeypatch):
    """Random weights of any model's shape where a method reads trained ones from a file."""

    def head(path, layer):
        generator, features = torch.Generator().manual_seed(layer.index), layer.num_heads + 2 * layer.num_kv_heads
        inner = torch.randn(32, features * layer.head_dim, generator=generator)
        return inner, torch.randn(layer.num_kv_heads, 32, generator=generator)

    def gates(path, depth, num_kv_heads):
        return torch.rand(depth, num_kv_heads, generator=torch.Generator().manual_seed(0))

    monkeypatch.setattr(locret, "retaining_head", head)
    monkeypatch.setattr(duo, "gates", gates)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("policy", POLICIES)
def test_room_to_spare_equals_full(policy, family):
    model, prompts = tiny(family), [text(63), text(20, seed=1)]
    got, want = read(model, policy, prompts, chunk=16), read(model, Full(), prompts)
    torch.testing.assert_close(got, want, **CLOSE)
    assert torch.equal(got.argmax(-1), want.argmax(-1))


@pytest.mark.parametrize("policy", POLICIES + TIGHT_ONES)
def test_a_prompt_of_one_token_is_read(policy):
    torch.testing.assert_close(read(tiny(), policy, [[7]], steps=2), read(tiny(), Full(), [[7]], steps=2), **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("policy", TIGHT_ONES)
def test_bytes_fall_when_the_budget_is_less_than_the_prompt(policy, family):
    model, sizes = tiny(family), {}
    for kv in (policy, Full()):
        with Session(model, Method(kv=kv)) as session:
            session.prefill([text(500)])
            sizes[kv] = session.nbytes() - sum(s.nbytes() for s in session._stores.values() if hasattr(s, "window"))
    assert sizes[policy] < (0.4 + WHOLE.get(type(policy.split).__name__, 0)) * sizes[Full()]


@pytest.mark.parametrize("policy", evictions(64, chunks=True))
def test_evicting_after_chunks_bounds_the_tokens_held_while_reading(policy):
    whole, held = WHOLE.get(type(policy.split).__name__, 0), []

    def count(what, *_):
        if what != "prefill":
            return
        parts = [part for store in session._stores.values() for part in store.read(torch.empty(0), torch.empty(0))]
        held.append(sum(part.pos_BGS.numel() for part in parts))

    with Session(tiny(), Method(kv=policy)) as session:
        session.prefill([text(500)], chunk=16, progress=count)
    heads, rounding = 4 * 2, 4
    assert len(held) == 32
    assert max(held) <= heads * ((1 - whole) * 64 + whole * 500) + rounding


@pytest.mark.parametrize(("length", "chunk"), [(63, 7), (63, 16), (500, 16)])
@pytest.mark.parametrize("policy", TIGHT_ONES)
def test_chunked_equals_whole_prefill(policy, length, chunk):
    model, prompts = tiny(num_key_value_heads=4), [text(length)]
    torch.testing.assert_close(
        read(model, policy, prompts, chunk=chunk), read(model, policy, prompts, chunk=512), **CLOSE
    )


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("policy", TIGHT_ONES)
def test_chunked_equals_whole_prefill_in_every_family(policy, family):
    model, prompts = tiny(family, num_key_value_heads=1), [text(63)]
    torch.testing.assert_close(read(model, policy, prompts, chunk=13), read(model, policy, prompts), **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("policy", POLICIES + TIGHT_ONES)
def test_truncate_then_append_equals_never(policy, family):
    model = tiny(family)
    with Session(model, Method(kv=policy)) as session:
        session.prefill([text(63), text(50, seed=1)])
        want = session.decode(torch.tensor([[3, 4, 5]] * 2))
        session.rewind(3)
        session.decode(torch.tensor([[9, 8, 7, 6]] * 2))
        session.rewind(4)
        torch.testing.assert_close(session.decode(torch.tensor([[3, 4, 5]] * 2)), want, **CLOSE)


@pytest.mark.parametrize("policy", TIGHT_ONES)
def test_rolling_back_into_evicted_text_is_refused(policy):
    with Session(tiny(), Method(kv=policy)) as session:
        session.prefill([text(63)])
        session.decode(torch.tensor([[3, 4]]))
        with pytest.raises(NotRewindable, match=r"\[63\] had been read"):
            session.rewind(3)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("policy", POLICIES + TIGHT_ONES)
def test_a_batch_equals_runs_alone(policy, family):
    model, prompts = tiny(family), [text(63), text(40, seed=1), text(9, seed=2)]
    together = read(model, policy, prompts, chunk=16)
    for row, prompt in enumerate(prompts):
        torch.testing.assert_close(together[row : row + 1], read(model, policy, [prompt]), **CLOSE)


@pytest.mark.parametrize("policy", TIGHT_ONES)
def test_turns_of_a_batch_equal_turns_alone(policy):
    model, turns = tiny(), [[text(63), text(40, seed=1)], [text(3, seed=2), text(40, seed=3)], [text(20, seed=4)] * 2]

    def logits(rows):
        with Session(model, Method(kv=policy)) as session:
            for turn in turns:
                session.prefill([turn[row] for row in rows], chunk=16)
                out = session.decode(torch.tensor([[5, 6]] * len(rows)))
        return out

    together = logits([0, 1])
    for row in range(2):
        torch.testing.assert_close(together[row : row + 1], logits([row]), **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("policy", POLICIES + TIGHT_ONES)
def test_another_session_goes_on_alike(policy, family):
    model, method, turn = tiny(family), Method(kv=policy), [text(20, seed=2), text(9, seed=3)]

    def goes_on(session):
        return torch.cat([session.decode(torch.tensor([[3, 4]] * 2))[:, -1], session.prefill(turn, chunk=16)])

    with Session(model, method) as first, Session(model, method) as second:
        first.prefill([text(63), text(50, seed=1)], chunk=16)
        second.restore(first.save())
        torch.testing.assert_close(goes_on(second), goes_on(first), **CLOSE)


@pytest.mark.parametrize("policy", POLICIES + TIGHT_ONES)
def test_the_same_again_gives_the_same_and_leaves_the_model_as_it_was(policy):
    model, tokens = tiny(), torch.tensor([text(63)])
    before = model(tokens).logits
    assert torch.equal(read(model, policy, tokens.tolist()), read(model, policy, tokens.tolist()))
    assert torch.equal(model(tokens).logits, before)
