"""CCA reads near tokens and cores of older groups, as a loop over queries has it."""

from __future__ import annotations

import math

import pytest
import torch

from longspan.core.attend import Page, Seen, attend
from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import Layer, NotRewindable, Rotation
from longspan.kv.merge import cca
from longspan.kv.merge.cca import CCA, cores
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.pattern.dense import Dense
from longspan.position.plain import Plain

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
H, G, D, T = 4, 2, 16, 90
SMALL = CCA(group=4, local=10, sinks=2)


@pytest.fixture(autouse=True)
def tokens_are_dropped_at_once(monkeypatch):
    monkeypatch.setattr(cca, "SPARE", 0)


def layer():
    rotation = Rotation(1e4 ** -(torch.arange(D // 2) / (D // 2)))
    return Layer(0, 1, H, G, D, rotation, False, torch.device("cpu"), torch.float32)


def naive(q_HTD, k_GTD, v_GTD, policy):
    """Every query by itself: sinks, cores of groups that begin before its window, its window."""

    def turned(x_D, at):
        return rotate(x_D[None, None, None], torch.tensor([[[at]]]), layer().rotation)[0, 0, 0]

    out = torch.zeros_like(q_HTD)
    for h in range(H):
        g = h // (H // G)
        for t in range(q_HTD.shape[1]):
            slots = [(k_GTD[g, s], v_GTD[g, s], s) for s in range(t + 1) if s < policy.sinks or s > t - policy.local]
            for first in range(policy.sinks, t - policy.local + 1, policy.group):
                group = slice(first, first + policy.group)
                last = first + policy.group - 1
                weights = torch.zeros(policy.group)
                for other in range(g * (H // G), (g + 1) * (H // G)):
                    weights += torch.softmax(k_GTD[g, group] @ q_HTD[other, last] / math.sqrt(D), 0) / (H // G)
                slots.append((weights @ k_GTD[g, group], weights @ v_GTD[g, group], last))
            scores = torch.stack([turned(k, at) @ turned(q_HTD[h, t], t) / math.sqrt(D) for k, _, at in slots])
            out[h, t] = torch.softmax(scores, 0) @ torch.stack([v for _, v, _ in slots])
    return out


@pytest.mark.parametrize("chunk", [T, 16, 7, 1])
@pytest.mark.parametrize("policy", [SMALL, CCA(group=4, local=4, sinks=0), CCA(group=3, local=17, sinks=5)])
def test_every_query_reads_what_a_loop_reads_however_the_text_is_cut(policy, chunk):
    generator = torch.Generator().manual_seed(0)
    q, k, v = (torch.randn(heads, T, D, generator=generator) for heads in (H, G, G))
    store, page, outs = policy.open(layer()), Page(layer(), Plain(), Dense(), D**-0.5), []
    for start in range(0, T, chunk):
        own = slice(start, min(start + chunk, T))
        pos_1T = torch.arange(own.start, own.stop)[None]
        store.append(k[None, :, own], v[None, :, own], pos_1T)
        outs.append(attend(page, q[None, :, own], pos_1T, store.read(q[None, :, own], pos_1T))[0])
        for row in store._rows:
            row.observe(Seen(page, q[None, :, own], pos_1T, "chunk"))
    torch.testing.assert_close(torch.cat(outs, 1), naive(q, k, v, policy), **CLOSE)


def test_bytes_are_those_of_a_window_and_a_core_per_group():
    model, policy = tiny(max_position_embeddings=8192), CCA(group=16, local=64)
    text = torch.randint(2, 120, (4000,), generator=torch.Generator().manual_seed(0)).tolist()
    with Session(model, Method(kv=policy)) as session, Session(model, Method()) as full:
        session.prefill([text], chunk=256)
        full.prefill([text], chunk=256)
        assert session.nbytes() < 0.25 * full.nbytes()
        for store in session._stores.values():
            row = store._rows[0]
            assert row._cores.length == (4000 - 4) // 16
            assert row._local.length <= 64 + 16


def test_going_back_into_what_was_merged_is_refused():
    model, text = tiny(), list(range(2, 102))
    with Session(model, Method(kv=SMALL)) as session:
        session.prefill([text])
        session.decode(torch.tensor([[3, 4]]))
        with pytest.raises(NotRewindable, match="merged"):
            session.rewind(50)


def test_tokens_whose_queries_nobody_knows_are_refused():
    with Session(tiny(), Method()) as session:
        session.prefill([list(range(2, 102))])
        with pytest.raises(InputError, match="read the text anew"):
            session.fork(kv=SMALL, again=4)


def test_core_tokens_can_be_trained_through():
    q, k, v = (torch.randn(heads, n, D, requires_grad=True) for heads, n in ((H, 3), (G, 12), (G, 12)))
    core_k, core_v = cores(q, k, v)
    assert core_k.shape == core_v.shape == (G, 3, D)
    (core_k.square().sum() + core_v.square().sum()).backward()
    assert all(bool(x.grad.abs().sum() > 0) for x in (q, k, v))


@pytest.mark.parametrize("settings", [{"group": 1}, {"local": 8}, {"sinks": -1}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(InputError, match="CCA"):
        CCA(**settings)
