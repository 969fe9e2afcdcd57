"""CaM against its equations, one evicted token after the other."""

from __future__ import annotations

import pytest
import torch

from longspan.core.attend import Seen
from longspan.core.errors import InputError
from longspan.core.types import KV, Layer, Rotation
from longspan.kv.evict.streaming_llm import StreamingLLM
from longspan.kv.evict.tova import TOVA
from longspan.kv.eviction import Eviction
from longspan.kv.lots import LOTS, lots
from longspan.kv.merge.cam import CaM

S = 60
LAYER = Layer(1, 4, 4, 2, 8, Rotation(torch.ones(4)), True, torch.device("cpu"), torch.float32)


def case(tape, pads=(0,), seed=1):
    text = tape(S, pads=pads, seed=seed)
    pos_BGS = text.pos_BT[:, None].expand(-1, 2, -1)
    kv = KV(text.k_BGTD, text.v_BGTD, pos_BGS, holes=len(pads) > 1)
    keep = torch.rand(pos_BGS.shape, generator=torch.Generator().manual_seed(seed)) < 0.4
    return kv, keep & (pos_BGS >= 0), Seen(text.page, text.q_BHTD, text.pos_BT, "prompt_end")


def naive(cam, kv, keep, look, drawn):
    """Every evicted token by itself."""
    weights = look.weights(look.q_BHTD[:, :, -1:], look.q_BT[:, -1:], kv).mean(2)
    v = kv.v_BGSD.clone()
    for b in range(keep.shape[0]):
        for g in range(keep.shape[1]):
            paid = weights[b].view(2, -1, S)[g].mean(0)
            kept = keep[b, g].nonzero().flatten().tolist()
            for at in range(S):
                if keep[b, g, at] or kv.pos_BGS[b, g, at] < 0:
                    continue
                behind = [k for k in kept if k > at][: cam.into]
                into = behind if len(behind) == min(cam.into, len(kept)) else kept[-cam.into :]
                chance = min(1.0, float(paid[at] / paid[into].mean()))
                if float(drawn[b, g, at]) < chance:
                    v[b, g, into] += kv.v_BGSD[b, g, at] / len(into)
    return v


@pytest.mark.parametrize("into", [1, 4, 100])
@pytest.mark.parametrize("pads", [(0,), (0, 23)])
def test_values_are_merged_as_the_equations_say(tape, into, pads):
    cam = CaM(into)
    kv, keep, look = case(tape, pads)
    drawn = lots(0, LAYER, kv.pos_BGS) / LOTS
    got = cam.merged(kv, keep, look, LAYER)
    torch.testing.assert_close(got, naive(cam, kv, keep, look, drawn), atol=1e-5, rtol=1e-4)
    assert not torch.equal(got, kv.v_BGSD)
    assert torch.equal(got[~keep], kv.v_BGSD[~keep])


def test_where_nothing_is_given_up_nothing_changes(tape):
    kv, keep, look = case(tape)
    assert torch.equal(CaM().merged(kv, torch.ones_like(keep), look, LAYER), kv.v_BGSD)


def test_chances_come_from_the_seed(tape):
    kv, keep, look = case(tape)
    assert torch.equal(CaM(seed=1).merged(kv, keep, look, LAYER), CaM(seed=1).merged(kv, keep, look, LAYER))
    assert not torch.equal(CaM(4, seed=1).merged(kv, keep, look, LAYER), CaM(4, seed=2).merged(kv, keep, look, LAYER))


@pytest.mark.parametrize("moments", [{}, {"chunks": True}, {"every": 4}], ids=str)
@pytest.mark.parametrize("score", [TOVA(), StreamingLLM(sinks=2)], ids=repr)
def test_eviction_keeps_the_same_tokens_with_other_values(tape, kept_of, score, moments):
    stores = []
    for merge in ({}, {"merge": CaM(4)}):
        text = tape(100, pads=(0, 30))
        store = Eviction(score, 20, **moments, **merge).open(text.page.layer)
        text.prompt(store, 80, chunk=20)
        for t in range(80, 100):
            text.play(store, t, t + 1, "token")
        stores.append(store)
    assert kept_of(stores[0], 2, 2) == kept_of(stores[1], 2, 2)
    assert stores[0].nbytes() == stores[1].nbytes()


def test_into_none_is_refused():
    with pytest.raises(InputError, match="1 or more"):
        CaM(0)
