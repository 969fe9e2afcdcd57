"""Early layers choose as the equations say, and the rest never runs for what they leave out."""

from __future__ import annotations

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import Rotation
from longspan.kv.full import Full
from longspan.models.method import Method
from longspan.prune.gemfilter import GemFilter

FAMILIES = ["llama", "qwen3", "gemma3", "cohere"]


def prompt(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def naive(model, text, layer, keep, kernel=5):
    """Queries and keys of a layer by a hook on transformers' own run; sums of logits, averaged over neighbours."""
    seen = {}
    attention = model.network.get_decoder().layers[layer].self_attn
    hooks = [
        getattr(attention, name).register_forward_hook(lambda module, args, out, name=name: seen.setdefault(name, out))
        for name in ("q_proj", "k_proj")
    ]
    with torch.no_grad():
        model.network(torch.tensor([text]))
    for hook in hooks:
        hook.remove()
    rotary = model.network.get_decoder().rotary_emb
    q, k = (seen[name].view(1, len(text), -1, attention.head_dim).transpose(1, 2) for name in ("q_proj", "k_proj"))
    pos = torch.arange(len(text))[None, None]
    q, k = (rotate(x, pos, Rotation(rotary.inv_freq)) for x in (q, k))
    k = k.repeat_interleave(q.shape[1] // k.shape[1], 1)
    score = (q[0, :, -1:] @ k[0].transpose(-1, -2)).sum(0)[0]
    padded = torch.cat([torch.zeros(kernel // 2), score, torch.zeros(kernel // 2)])
    mean = torch.stack([padded[i : i + kernel].mean() for i in range(len(text))])
    return sorted(mean.topk(keep).indices.tolist())


@pytest.mark.parametrize("chunk", [512, 16])
def test_tokens_are_chosen_as_the_paper_has_it(chunk, monkeypatch):
    monkeypatch.setattr("longspan.models.early.CHUNK", chunk)
    model, text = tiny_model(num_hidden_layers=5, initializer_range=0.1), prompt(100)
    want = naive(model, text, 1, 20)
    with model.open(Method(prune=GemFilter(keep=20))) as session:
        session.prefill([text])
        assert session.chosen == [want]
        assert session.tokens == [20]


@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_chosen_is_read_as_a_prompt_of_its_own(family):
    model, texts = tiny_model(family), [prompt(90), prompt(60, seed=1)]
    method = Method.parse("prune=gemfilter:keep=30 kv=snapkv:window=4,budget=20")
    with model.open(method) as session:
        got = session.prefill(texts)
        kept = [[text[i] for i in chosen] for text, chosen in zip(texts, session.chosen, strict=True)]
        more = session.prefill([prompt(5, seed=2)] * 2)
    with model.open(Method.parse("kv=snapkv:window=4,budget=20")) as session:
        torch.testing.assert_close(got, session.prefill(kept), atol=2e-5, rtol=1e-4)
        torch.testing.assert_close(more, session.prefill([prompt(5, seed=2)] * 2), atol=2e-5, rtol=1e-4)


def test_a_prompt_no_longer_than_what_is_kept_is_read_whole():
    model = tiny_model()
    with model.open(Method(prune=GemFilter(keep=50))) as session, model.open() as plain:
        assert torch.equal(session.prefill([prompt(50)]), plain.prefill([prompt(50)]))


def test_layers_behind_the_choosing_one_never_run_on_the_whole_prompt():
    model, seen = tiny_model(num_hidden_layers=6), []
    hooks = [
        layer.mlp.register_forward_hook(lambda module, args, out, index=index: seen.append((index, args[0].shape[1])))
        for index, layer in enumerate(model.network.get_decoder().layers)
    ]
    with model.open(Method(prune=GemFilter(keep=10, depth=0.5))) as session:
        session.prefill([prompt(80)])
    for hook in hooks:
        hook.remove()
    assert seen == [(0, 80), (1, 80), *((index, 10) for index in range(6))]


def test_room_is_made_for_what_is_read_only():
    model, text = tiny_model(max_position_embeddings=4096), prompt(2000)
    with model.open(Method(prune=GemFilter(keep=300)), length=2100) as session, model.open(length=400) as short:
        session.prefill([text])
        short.prefill([text[:300]])
        assert session.nbytes() == short.nbytes()


def test_nothing_is_kept_for_another_session():
    with tiny_model().open(Method(prune=GemFilter(keep=10))) as session:
        session.prefill([prompt(30)])
        with pytest.raises(InputError, match="leave prune= out"):
            session.save()
        with pytest.raises(InputError, match="take draft=prompt_lookup"):
            session.fork(kv=Full())


def test_a_model_that_only_slides_is_refused():
    model = tiny_model("mistral", sliding_window=8)
    with (
        model.open(Method(prune=GemFilter(keep=10))) as session,
        pytest.raises(InputError, match=r"no layer from \d on sees the whole text"),
    ):
        session.prefill([prompt(40)])


@pytest.mark.parametrize("settings", [{"keep": 0}, {"depth": 0.0}, {"depth": 1.5}, {"kernel": 4}])
def test_settings_that_make_no_sense_are_refused(settings):
    with pytest.raises(InputError, match="GemFilter"):
        GemFilter(**settings)
