"""Cache-relative positions are a token's rank among those still stored."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise

import pytest
import torch

from longspan.core.attend import KEYS, Page, attend
from longspan.core.spec import build
from longspan.core.types import EMPTY, KV, Layer, Rotation
from longspan.pattern.dense import Dense
from longspan.position.cache_relative import CacheRelative

from .runs import CLOSE, model, read, text

H, G, D = 4, 2, 16
THETA = 1e4 ** -(torch.arange(D // 2).double() / (D // 2))


def naive(q_BHTD, q_BT, k_BGSD, v_BGSD, pos_BGS):
    """Every query by itself over the keys before it, at ranks counted one by one: float64 [B, H, T, D]."""
    out = torch.zeros(q_BHTD.shape, dtype=torch.float64)
    for b, h, t in torch.cartesian_prod(*(torch.arange(n) for n in q_BHTD.shape[:3])).tolist():
        g, at = h // (H // G), q_BT[b, t]
        stored = pos_BGS[b, g][pos_BGS[b, g] != EMPTY]
        where = ((pos_BGS[b, g] != EMPTY) & (pos_BGS[b, g] <= at)).nonzero().flatten()
        rank = torch.tensor([int((stored < p).sum()) for p in pos_BGS[b, g, where].tolist()])
        q, k = (torch.complex(x[..., : D // 2], x[..., D // 2 :]).to(torch.complex128) for x in (q_BHTD, k_BGSD))
        turn = torch.exp(1j * (int((stored < at).sum()) - rank)[:, None] * THETA)
        score = (q[b, h, t] * k[b, g, where].conj() * turn).sum(-1).real * D**-0.5
        out[b, h, t] = torch.softmax(score, 0) @ v_BGSD[b, g, where].double()
    return out


def page():
    layer = Layer(0, 1, H, G, D, Rotation(THETA.float()), False, torch.device("cpu"), torch.float32)
    return Page(layer, CacheRelative(), Dense(), D**-0.5)


def evicted(T, S, *, rows=2, seed=0):
    """T queries that are the last of S stored tokens; each head kept its own of a text four times as long."""
    generator = torch.Generator().manual_seed(seed)
    q, k, v = (torch.randn(rows, n, m, D, generator=generator) for n, m in ((H, T), (G, S), (G, S)))
    kept = [torch.randperm(4 * S, generator=generator)[: S - T].sort().values for _ in range(rows * G)]
    own_T = torch.arange(4 * S, 4 * S + T)
    pos = torch.stack([torch.cat([past, own_T]) for past in kept]).view(rows, G, S)
    return q, own_T.expand(rows, T), KV(k, v, pos, new=T)


def cut(part, start, end, **changes):
    k, v, pos = part.k_BGSD[:, :, start:end], part.v_BGSD[:, :, start:end], part.pos_BGS[:, :, start:end]
    return replace(part, **{"k_BGSD": k, "v_BGSD": v, "pos_BGS": pos, "new": 0, **changes})


def test_ranks_count_the_stored_tokens_before_and_skip_empty_slots():
    stored = torch.tensor([[[EMPTY, EMPTY, 3, 9, 10], [0, 4, 7, 9, 10]]])
    (band,) = CacheRelative().bands(torch.tensor([[[9, 10], [9, 10]]]), stored)
    assert band.k_BGS.tolist() == [[[0, 0, 0, 1, 2], [0, 1, 2, 3, 4]]]
    assert band.q_BGT.tolist() == [[[1, 2], [3, 4]]]


def test_ranks_do_not_depend_on_the_order_of_slots():
    stored = torch.tensor([[[9, EMPTY, 3, 10, 7]]])
    (band,) = CacheRelative().bands(torch.tensor([[[10]]]), stored)
    assert band.k_BGS.tolist() == [[[2, 0, 0, 3, 1]]]
    assert band.q_BGT.tolist() == [[[3]]]


@pytest.mark.parametrize(("T", "S"), [(1, 1), (1, 63), (5, 63), (20, 20)])
def test_what_each_head_kept_is_seen_at_its_rank(T, S):
    q, q_pos, part = evicted(T, S)
    got = attend(page(), q, q_pos, [part])
    torch.testing.assert_close(got.double(), naive(q, q_pos, part.k_BGSD, part.v_BGSD, part.pos_BGS), **CLOSE)


@pytest.mark.parametrize("T", [1, 3])
def test_more_stored_than_one_run_takes_is_seen_at_its_rank(T):
    """One row has padding, so that masks are needed and the keys are cut into runs."""
    q, q_pos, part = evicted(T, KEYS + 104, rows=1)
    part.pos_BGS[:, :, :300] = EMPTY
    got = attend(page(), q, q_pos, [replace(part, holes=True)])
    torch.testing.assert_close(got.double(), naive(q, q_pos, part.k_BGSD, part.v_BGSD, part.pos_BGS), **CLOSE)


@pytest.mark.parametrize("edges", [(0, 30, 63), (0, 1, 40, 63), (0, 20, 40, 58, 63)])
@pytest.mark.parametrize("backwards", [False, True])
def test_several_parts_are_ranked_together(backwards, edges):
    q, q_pos, part = evicted(5, 63)
    pieces = [cut(part, *ends) for ends in pairwise(edges)]
    pieces[-1] = replace(pieces[-1], new=5)
    got = attend(page(), q, q_pos, pieces[::-1] if backwards else pieces)
    torch.testing.assert_close(got.double(), naive(q, q_pos, part.k_BGSD, part.v_BGSD, part.pos_BGS), **CLOSE)


def test_parts_of_single_rows_and_heads_are_ranked_together():
    q, q_pos, part = evicted(5, 63)
    near = cut(part, 40, 63, new=5)
    past = [
        KV(*(x[b : b + 1, g : g + 1, :40] for x in (part.k_BGSD, part.v_BGSD, part.pos_BGS)), rows=(b, b + 1), heads=at)
        for b in range(2)
        for g, at in enumerate([(0, 1), (1, 2)])
    ]
    got = attend(page(), q, q_pos, [near, *past])
    torch.testing.assert_close(got.double(), naive(q, q_pos, part.k_BGSD, part.v_BGSD, part.pos_BGS), **CLOSE)


@torch.no_grad()
def trained(model, tokens):
    """Transformers' logits after a text that consists of these tokens only."""
    return model(torch.tensor([tokens])).logits[:, -1]


def streaming(**settings):
    given = ",".join(f"{name}={value}" for name, value in {"sinks": 4, "budget": 20, **settings}.items())
    return build("kv", f"streaming_llm:{given}")


def test_eviction_at_the_end_of_a_prompt_equals_reading_only_the_kept_tokens():
    own, tokens = model(num_hidden_layers=1), text(103)
    got = read(own, [tokens], reply=3, positions=CacheRelative(), kv=streaming())
    kept = [*tokens[:4], *tokens[84:100]]
    for step, logits in enumerate(got[:, 1:].unbind(1), start=1):
        torch.testing.assert_close(logits, trained(own, [*kept, *tokens[100 : 100 + step]]), **CLOSE)


def test_eviction_after_every_token_equals_reading_only_the_kept_tokens():
    """A token's keys and values in the only layer depend on nothing before it, so what was evicted leaves no trace."""
    own, rows = model(num_hidden_layers=1), [text(140), text(77, seed=1)]
    got = read(own, rows, reply=40, chunk=16, positions=CacheRelative(), kv=streaming(every=1, chunks="true"))
    for row, logits in zip(rows, got, strict=True):
        for step in range(1, 41):
            end = len(row) - 40 + step
            kept = [*row[:4], *row[end - 17 : end]]
            torch.testing.assert_close(logits[step][None], trained(own, kept), **CLOSE)


def test_without_eviction_every_token_is_where_it_was():
    own, row = model(), text(63)
    got = read(own, [row], reply=62, positions=CacheRelative())
    with torch.no_grad():
        torch.testing.assert_close(got, own(torch.tensor([row])).logits, **CLOSE)
