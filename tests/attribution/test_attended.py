"""Attention paid while replying is counted where it was paid."""

from __future__ import annotations

import pytest
import torch

from longspan.attribution.attended import Attended
from longspan.core.types import KV, Layer, Rotation
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.eviction import Eviction
from longspan.kv.full import Full
from longspan.kv.offload.offload import Offload
from longspan.kv.retrieve.infllm import InfLLM
from longspan.kv.split.adakv import AdaKV
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.position.rerope import ReRoPE

CLOSE = {"atol": 1e-5, "rtol": 1e-4}
PROMPT = torch.randint(2, 120, (90,), generator=torch.Generator().manual_seed(0)).tolist()
REPLY = [5, 6, 7]


def mass(model, method, *, every=1, prompt=PROMPT):
    watch = Attended(len(prompt), every=every)
    with Session(model, method, watch=watch) as session:
        session.prefill([prompt], chunk=16)
        for token in REPLY:
            session.decode(torch.tensor([[token]]))
    return watch.mass_S


@torch.no_grad()
def wanted(model, layers):
    """Attention that transformers' own einsum gives each prompt token, over replies, heads and layers."""
    before = model.config._attn_implementation
    model.set_attn_implementation("eager")
    out = model(torch.tensor([PROMPT + REPLY]), output_attentions=True)
    model.set_attn_implementation(before)
    rows = [out.attentions[layer][0, :, len(PROMPT) :, : len(PROMPT)].sum((0, 1)) for layer in layers]
    return torch.stack(rows).sum(0).double()


@pytest.mark.parametrize("heads", [8, 2, 1])
@pytest.mark.parametrize(
    "kv", [Full(), Offload(block=16), InfLLM(init=4, local=16, blocks=99, block=8)], ids=["full", "offload", "infllm"]
)
def test_one_layers_mass_equals_the_einsum_of_transformers(kv, heads):
    model = tiny(num_hidden_layers=1, num_key_value_heads=heads)
    torch.testing.assert_close(mass(model, Method(kv=kv)), wanted(model, [0]), **CLOSE)


def test_layers_of_the_second_half_are_watched_every_so_often():
    model = tiny(num_hidden_layers=9)
    torch.testing.assert_close(mass(model, Method()), wanted(model, range(4, 9)), **CLOSE)
    torch.testing.assert_close(mass(model, Method(), every=3), wanted(model, [4, 7]), **CLOSE)


def test_what_replies_attend_to_in_replies_is_not_counted():
    model = tiny(num_hidden_layers=1)
    total = float(mass(model, Method()).sum())
    assert 0 < total < len(REPLY) * 8


class ByHand(Attended):
    """Counts as well what a softmax over each head's own keys gives."""

    def see(self, look, parts):
        super().see(look, parts)
        assert len({len(part) for part in parts}) > 1
        for part in parts:
            for head in range(part.heads[0] * 2, part.heads[1] * 2):
                scores = part.k_BGSD[0, 0] @ look.q_BHTD[0, head, 0] * 8**-0.5
                for pos, weight in zip(part.pos_BGS[0, 0].tolist(), torch.softmax(scores, 0).tolist(), strict=True):
                    if pos < self.length:
                        self.by_hand[pos] = self.by_hand.get(pos, 0.0) + weight


def test_heads_that_store_different_tokens_are_each_counted_at_their_own():
    watch = ByHand(len(PROMPT), every=1)
    watch.by_hand = {}
    method = Method(kv=Eviction(SnapKV(window=8), 24, AdaKV()))
    with Session(tiny(num_hidden_layers=1, num_key_value_heads=4), method, watch=watch) as session:
        session.prefill([PROMPT], chunk=16)
        for token in REPLY:
            session.decode(torch.tensor([[token]]))
    assert len(watch.by_hand) < len(PROMPT)
    for pos, weight in enumerate(watch.mass_S.tolist()):
        assert weight == pytest.approx(watch.by_hand.get(pos, 0.0), abs=1e-5)


class Planted:
    """A look at a decoded token, every head of which attends to stored slot 20 alone."""

    q_BHTD = torch.ones(1, 4, 1, 8)
    q_BT = torch.tensor([[90]])
    moment = "token"

    def weights(self, q_BHTD, q_BT, *parts):
        weights = torch.zeros(1, q_BHTD.shape[1], 1, sum(map(len, parts)))
        weights[..., 20] = 1
        return weights


@pytest.mark.parametrize("cut", [90, 50])
def test_all_mass_lies_where_a_planted_head_looks(cut):
    k, pos = torch.zeros(1, 2, 90, 8), torch.arange(100, 190)[None, None].expand(1, 2, 90)
    whole = KV(k, k, pos)
    parts = (
        [KV(k[:, :, at], k[:, :, at], pos[:, :, at]) for at in (slice(0, cut), slice(cut, 90))] if cut < 90 else [whole]
    )
    watch = Attended(150)
    watch.see(Planted(), parts)
    assert watch.mass_S.nonzero().tolist() == [[120]]
    assert float(watch.mass_S[120]) == 4


def test_streamed_text_is_counted_at_its_true_positions():
    model = tiny(num_hidden_layers=1)
    method = Method(kv=InfLLM(init=4, local=16, blocks=2, block=8), positions=ReRoPE(30))
    got = mass(model, method)
    seen = set(got.nonzero().flatten().tolist())
    assert {0, 1, 2, 3, *range(len(PROMPT) - 14, len(PROMPT))} <= seen
    assert len(seen) < len(PROMPT)
    assert float(got.sum()) <= len(REPLY) * 8


@pytest.mark.parametrize(("depth", "watched"), [(1, [0]), (2, [1]), (3, [1]), (4, [2]), (30, [15, 18, 21, 24, 27])])
def test_a_model_of_any_depth_has_a_layer_that_is_watched(depth, watched):
    layers = [
        Layer(index, depth, 1, 1, 8, Rotation(torch.ones(4)), True, torch.device("cpu"), torch.float32)
        for index in range(depth)
    ]
    assert [layer.index for layer in layers if Attended(1).wants(layer)] == watched
