"""Layers lose and fetch back tokens as a naive loop over layers does, and compute nothing twice."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import NotRewindable, Rotation
from longspan.kv.full import Full
from longspan.models.method import Method
from longspan.prune.lazyllm import LazyLLM

ROUGH = {"num_hidden_layers": 6, "initializer_range": 0.15}
"""Weights large enough that attention prefers some tokens."""


def prompt(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


class Naive:
    """The paper's steps for a Llama, one dictionary of keys and values per layer and of hidden states between them."""

    def __init__(self, model, method):
        self.decoder, self.head = model.network.get_decoder(), model.network.get_output_embeddings()
        self.shares = method.shares(len(self.decoder.layers))
        self.turn = Rotation(self.decoder.rotary_emb.inv_freq)
        self.stored = [{} for _ in self.decoder.layers]
        self.waiting = {index: {} for index in self.shares}
        self.read = 0
        self.fetched = 0

    @torch.no_grad()
    def step(self, tokens):
        first, self.read = self.read, self.read + len(tokens)
        hidden = dict(zip(range(first, self.read), self.decoder.embed_tokens(torch.tensor(tokens)), strict=True))
        wanted = set(range(self.read))
        for index, layer in enumerate(self.decoder.layers):
            attention = layer.self_attn
            queries = {}
            for at, x in hidden.items():
                y = layer.input_layernorm(x)
                q, k, v = (getattr(attention, f"{name}_proj")(y).view(-1, attention.head_dim) for name in "qkv")
                pos = torch.tensor([[[at]]])
                queries[at] = rotate(q[None, :, None], pos, self.turn)[0, :, 0]
                assert at not in self.stored[index]
                self.stored[index][at] = rotate(k[None, :, None], pos, self.turn)[0, :, 0], v
            for at in list(hidden):
                seen = sorted(other for other in wanted if other <= at)
                k, v = (torch.stack([self.stored[index][other][part] for other in seen], 1) for part in (0, 1))
                groups = len(queries[at]) // len(k)
                k, v = k.repeat_interleave(groups, 0), v.repeat_interleave(groups, 0)
                weights = torch.softmax((queries[at][:, None] @ k.mT)[:, 0] / math.sqrt(attention.head_dim), -1)
                x = hidden[at] + attention.o_proj((weights[:, None] @ v).flatten())
                hidden[at] = x + layer.mlp(layer.post_attention_layernorm(x))
            if index in self.shares:
                score = dict(zip(seen, weights.mean(0).tolist(), strict=True)) | {self.read - 1: math.inf}
                keep = math.ceil(self.shares[index] * len(score))
                wanted = set(sorted(score, key=lambda at: -score[at])[:keep])
                there = self.waiting[index] | hidden
                self.fetched += len(wanted & set(self.waiting[index]))
                hidden = {at: there[at] for at in sorted(wanted & set(there))}
                self.waiting[index] = {at: x for at, x in there.items() if at not in wanted}
        return self.head(self.decoder.norm(hidden[self.read - 1]))


@pytest.mark.parametrize("keep", [0.7, 0.4])
def test_every_step_reads_what_a_naive_loop_over_layers_reads(keep):
    model, method = tiny_model(**ROUGH), LazyLLM(keep=keep)
    naive = Naive(model, method)
    with model.open(Method(prune=method)) as session:
        torch.testing.assert_close(session.prefill([prompt(60)])[0], naive.step(prompt(60)), atol=2e-4, rtol=1e-3)
        for token in prompt(12, seed=1):
            got = session.decode(torch.tensor([[token]]))[0, 0]
            torch.testing.assert_close(got, naive.step([token]), atol=2e-4, rtol=1e-3)
        more = session.prefill([prompt(9, seed=2)])[0]
        torch.testing.assert_close(more, naive.step(prompt(9, seed=2)), atol=2e-4, rtol=1e-3)
        assert session.tokens == [81]
    assert naive.fetched > 0


@pytest.mark.parametrize("family", ["llama", "qwen3", "cohere", "phi3", "glm"])
def test_leaving_nothing_out_is_the_dense_model(family):
    model = tiny_model(family)
    with model.open(Method(prune=LazyLLM(keep=1.0))) as session, model.open() as dense:
        torch.testing.assert_close(session.prefill([prompt(70)]), dense.prefill([prompt(70)]), atol=1e-5, rtol=1e-5)
        tokens = torch.tensor([prompt(4, seed=1)])
        torch.testing.assert_close(session.decode(tokens), dense.decode(tokens), atol=1e-5, rtol=1e-5)


def test_layers_run_for_fewer_tokens_and_never_twice_for_one():
    model, rows = tiny_model(**ROUGH), []
    hooks = [
        layer.mlp.register_forward_hook(lambda module, args, out, index=index: rows.append((index, args[0].shape[1])))
        for index, layer in enumerate(model.network.get_decoder().layers)
    ]
    with model.open(Method(prune=LazyLLM(keep=0.5))) as session:
        session.prefill([prompt(80)])
        assert rows == [(0, 80), (1, 80), (2, 40), (3, 40), (4, 20), (5, 10)]
        session.decode(torch.tensor([prompt(30, seed=3)]))
    for hook in hooks:
        hook.remove()
    computed = Counter()
    for index, count in rows:
        computed[index] += count
    assert computed[0] == computed[1] == 110
    assert 110 >= computed[2] > 40 + 30
    assert 110 >= computed[5] > 10 + 30


def test_stored_bytes_are_those_of_the_tokens_that_were_computed():
    model = tiny_model(num_hidden_layers=6, max_position_embeddings=4096)
    with model.open(Method(prune=LazyLLM(keep=0.5, depths=(0.5,)))) as session, model.open() as dense:
        session.prefill([prompt(1000)])
        dense.prefill([prompt(1000)])
        hidden = 500 * (model.network.config.hidden_size * 4 + 8)
        stores = session.nbytes() - hidden
        assert 0.7 < stores / dense.nbytes() < 0.8


def test_other_sessions_on_the_model_are_left_alone():
    model = tiny_model(**ROUGH)
    with model.open() as dense:
        want = dense.prefill([prompt(50)])
    with model.open(Method(prune=LazyLLM())) as session, model.open() as dense:
        session.prefill([prompt(50)])
        assert torch.equal(dense.prefill([prompt(50)]), want)


def test_what_cannot_be_is_refused():
    model = tiny_model()
    for text in ("kv=snapkv:window=4,budget=20", "draft=prompt_lookup"):
        with pytest.raises(InputError, match="leave kv= and draft= out"):
            model.open(Method.parse(f"prune=lazyllm {text}"))
    with model.open(Method(prune=LazyLLM())) as session:
        with pytest.raises(InputError, match="one text at a time"):
            session.prefill([prompt(9), prompt(9)])
        session.prefill([prompt(9)])
        session.rewind(0)
        with pytest.raises(NotRewindable):
            session.rewind(1)
        with pytest.raises(InputError, match="leave prune= out"):
            session.save()
        with pytest.raises(InputError, match="leave prune= out"):
            session.fork(kv=Full())
    with (
        tiny_model("mistral", sliding_window=8).open(Method(prune=LazyLLM())) as session,
        pytest.raises(InputError, match="slides"),
    ):
        session.prefill([prompt(40)])


@pytest.mark.parametrize(
    "settings", [{"keep": 0.0}, {"keep": 1.1}, {"depths": (0.6, 0.3)}, {"depths": (0.5, 1.0)}, {"depths": ()}]
)
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(InputError, match="LazyLLM"):
        LazyLLM(**settings)
