"""ShadowKV fetches the chunks that its landmarks point to, as a loop written from the paper and its code says."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch
import torch.nn.functional as F

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import NotRewindable
from longspan.kv.full import Full
from longspan.kv.retrieve.shadowkv import ShadowKV
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

SMALL = ShadowKV(budget=12, rank=10, chunk=4, outliers=2, local=2)
CLOSE = {"atol": 2e-5, "rtol": 1e-4}


def raw(played):
    played.page = replace(played.page, layer=replace(played.page.layer, rotated=False))
    return played


def naive(played, length, now, policy):
    """Output of the decoded token `now` after a prompt of `length` tokens."""
    heads, groups, dim = played.q_BHTD.shape[1], played.k_BGTD.shape[1], played.q_BHTD.shape[3]
    size, chunks = policy.chunk, length // policy.chunk - policy.local
    cut, rotation = chunks * size, played.page.layer.rotation
    turned = rotate(played.k_BGTD, played.pos_BT[:, None], rotation)[0]
    query = rotate(played.q_BHTD, played.pos_BT[:, None], rotation)[0, :, now]
    left, values, right = torch.linalg.svd(played.k_BGTD[0, :, :cut].transpose(0, 1).reshape(cut, groups * dim))
    rank = min(policy.rank, groups * dim)
    low = (left[:, :rank] * values[:rank] @ right[:rank]).reshape(cut, groups, dim).transpose(0, 1)
    low = rotate(low[None], torch.arange(cut)[None, None], rotation)[0]
    out = torch.zeros(1, heads, 1, dim)
    for group in range(groups):
        own = range(group * heads // groups, (group + 1) * heads // groups)
        pieces = [turned[group, number * size : number * size + size] for number in range(chunks)]
        marks = [piece.mean(0) for piece in pieces]
        fits = [float(F.cosine_similarity(p, m[None], dim=1).min()) for p, m in zip(pieces, marks, strict=True)]
        outliers = sorted(range(chunks), key=lambda number: fits[number])[: policy.outliers]
        rest = [number for number in range(chunks) if number not in outliers]
        share = [torch.softmax(torch.stack([query[h] @ marks[n] for n in rest]) * dim**-0.5, 0) for h in own]
        best = torch.stack(share).amax(0).argsort(descending=True)[: policy.budget // size].tolist()
        exact = [n * size + t for n in outliers for t in range(size)] + list(range(cut, now + 1))
        fetched = [rest[n] * size + t for n in best for t in range(size)]
        keys = torch.cat([turned[group, exact], low[group, fetched]])
        for h in own:
            weights = torch.softmax(keys @ query[h] * played.page.scale, 0)
            out[0, h, 0] = weights @ played.v_BGTD[0, group, exact + fetched]
    return out


@pytest.mark.parametrize(("heads", "kv_heads"), [(2, 2), (4, 2), (4, 1)])
@pytest.mark.parametrize("rank", [5, 99])
def test_the_loop_of_the_paper_gives_the_same_attention(tape, rank, heads, kv_heads):
    played, policy = raw(tape(74, heads=heads, kv_heads=kv_heads)), replace(SMALL, rank=rank)
    store = policy.open(played.page.layer)
    played.prompt(store, 67, 20)
    for now in range(67, 74):
        got = played.play(store, now, now + 1, "token")
        torch.testing.assert_close(got, naive(played, 67, now, policy), **CLOSE)


def test_full_rank_gives_the_keys_back(tape):
    played = raw(tape(67))
    store = replace(SMALL, rank=16).open(played.page.layer)
    played.prompt(store, 67, 67)
    shadow = store._rows[0]._shadow
    torch.testing.assert_close(shadow.codes_SR @ shadow.basis_GRD, played.k_BGTD[0, :, :56], **CLOSE)
    torch.testing.assert_close(shadow.values_GSD, played.v_BGTD[0, :, :56])


def test_the_device_holds_a_rank_and_not_the_keys_and_the_host_the_values(tape):
    played = raw(tape(2000, heads=4, kv_heads=4))
    store, full = replace(SMALL, rank=4).open(played.page.layer), Full().open(played.page.layer)
    for either in (store, full):
        played.prompt(either, 2000, 2000)
    assert store.nbytes() < 0.35 * full.nbytes()
    assert store.host_nbytes() == 1992 * 4 * 8 * 4


def test_a_prompt_that_the_budget_holds_stays_whole():
    model, prompt = (
        tiny(num_hidden_layers=2),
        torch.randint(2, 120, (100,), generator=torch.Generator().manual_seed(0)).tolist(),
    )

    def logits(kv):
        with Session(model, Method(kv=kv)) as session:
            first = session.prefill([prompt])
            return torch.cat([first, session.decode(torch.tensor([[5]]))[:, 0]])

    torch.testing.assert_close(logits(replace(SMALL, budget=84)), logits(Full()), **CLOSE)
    assert not torch.allclose(logits(SMALL), logits(Full()), atol=1e-3)


def test_it_does_not_go_back_into_the_prompt(tape):
    played = raw(tape(80))
    store = SMALL.open(played.page.layer)
    played.prompt(store, 70, 30)
    with pytest.raises(NotRewindable, match="70 tokens"):
        store.truncate(torch.tensor([69]))


@pytest.mark.parametrize("wrong", [{"rank": 0}, {"chunk": 0}, {"outliers": -1}, {"local": -1}, {"budget": 7}])
def test_settings_that_mean_nothing_are_refused(wrong):
    with pytest.raises(InputError, match=r"at least"):
        ShadowKV(**wrong)
