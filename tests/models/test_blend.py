"""Passages that were read apart make a prompt, as near to reading it as the share of tokens read again allows."""

from __future__ import annotations

from dataclasses import replace
from itertools import chain, permutations

import pytest
import torch
from transformers.models.llama.modeling_llama import apply_rotary_pos_emb

from longspan.core.errors import InputError
from longspan.core.rotate import rotate
from longspan.core.types import Layer, Rotation
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.evict.streaming_llm import StreamingLLM
from longspan.kv.eviction import Eviction
from longspan.kv.full import Full
from longspan.kv.offload.offload import Offload
from longspan.kv.quant.kivi import KIVI
from longspan.kv.reuse.blend import CacheBlend, deviations
from longspan.kv.split.adakv import AdaKV
from longspan.models.blend import moved
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import FAMILIES, tiny

CLOSE = {"atol": 1e-4, "rtol": 1e-4}
SLIDING = {"mistral", "gemma3"}
WHOLE = sorted(FAMILIES.keys() - SLIDING)
NEXT = torch.tensor([[3, 4, 5]])
METHODS = ["", "rope=yarn:factor=2", "positions=self_extend:group=4,window=64", "pattern=a_shape"]
STORES = [
    Eviction(SnapKV(window=8), budget=24),
    Eviction(SnapKV(window=8), budget=24, split=AdaKV()),
    Eviction(StreamingLLM(), budget=24),
    KIVI(group=8, residual=16),
    Offload(tier="host", block=16),
]


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


A, B, C, QUESTION = text(63, 1), text(40, 2), text(57, 3), text(9, 4)
OPENING = text(3, 5)
WHOLE_TEXT = OPENING + A + B + C + QUESTION


def loud(family="llama", **changes):
    """A model whose layers change what they read, as trained ones do."""
    model = tiny(family, **changes)
    with torch.no_grad():
        for weight in model.get_decoder().layers.parameters():
            if weight.dim() > 1:
                weight.mul_(6)
    return model


def passages(model, *texts, method=None):
    found = []
    for tokens in texts:
        with Session(model, method or Method(), length=600) as session:
            session.prefill([tokens])
            found.append(session.save())
    return found


def blended(model, pieces, share, method=None, **settings):
    """Logits after a blended prompt and after tokens behind it."""
    with Session(model, method or Method(), length=600) as session:
        first = session.blend(pieces, CacheBlend(share=share, **settings))
        assert session.tokens == [sum(map(len, pieces))]
        return torch.cat([first[:, None], session.decode(NEXT)], 1)


def whole(model, tokens, method=None):
    with Session(model, method or Method(), length=600) as session:
        return torch.cat([session.prefill([tokens])[:, None], session.decode(NEXT)], 1)


@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("family", WHOLE)
def test_reading_everything_again_equals_reading_the_text(family, method):
    model, method = loud(family), Method.parse(method)
    a, b, c = passages(model, A, B, C, method=method)
    want = whole(model, WHOLE_TEXT, method)
    torch.testing.assert_close(blended(model, [OPENING, a, b, c, QUESTION], 1, method), want, **CLOSE)
    torch.testing.assert_close(
        blended(model, [a, OPENING, c, QUESTION], 1, method), whole(model, A + OPENING + C + QUESTION, method), **CLOSE
    )


@pytest.mark.parametrize("share", [0, 0.15, 1])
def test_one_passage_at_the_start_is_the_prefix_it_was(share):
    model = loud()
    (a,) = passages(model, A)
    with Session(model, Method(), length=600) as session:
        session.restore(a)
        want = torch.cat([session.prefill([QUESTION])[:, None], session.decode(NEXT)], 1)
    assert torch.equal(blended(model, [a, QUESTION], share), want)


def heedless(family, **changes):
    """A model of whose layers only the last lets tokens see one another: keys depend on no other token."""
    model = loud(family, **changes)
    for layer in model.get_decoder().layers[:-1]:
        projection = getattr(layer.self_attn, "o_proj", None) or layer.self_attn.dense
        torch.nn.init.zeros_(projection.weight)
    return model


@pytest.mark.parametrize("texts", list(permutations([A, B, C])), ids=["abc", "acb", "bac", "bca", "cab", "cba"])
def test_keys_are_turned_exactly_to_where_their_passage_stands(texts):
    model = heedless("llama")
    joined = list(chain(*texts))
    want = whole(model, OPENING + joined + QUESTION)
    torch.testing.assert_close(blended(model, [OPENING, *passages(model, *texts), QUESTION], 0), want, **CLOSE)
    torch.testing.assert_close(
        blended(model, [*passages(model, *texts), QUESTION], 0), whole(model, joined + QUESTION), **CLOSE
    )


@pytest.mark.parametrize("method", METHODS[:3])
@pytest.mark.parametrize("family", WHOLE)
def test_keys_are_turned_exactly_in_every_family_and_method(family, method):
    model, method = heedless(family), Method.parse(method)
    a, b, c = passages(model, A, B, C, method=method)
    for share in (0, 0.15, 0.95):
        got = blended(model, [OPENING, a, b, c, QUESTION], share, method)
        torch.testing.assert_close(got, whole(model, WHOLE_TEXT, method), **CLOSE)


@pytest.mark.parametrize("heads", [1, 8])
def test_one_key_head_for_all_and_one_for_each_are_blended(heads):
    model = heedless("llama", num_key_value_heads=heads)
    got = blended(model, [OPENING, *passages(model, A, B, C), QUESTION], 0.3)
    torch.testing.assert_close(got, whole(model, WHOLE_TEXT), **CLOSE)


@pytest.mark.parametrize("layout", ["half", "interleaved"])
@pytest.mark.parametrize("start", [0, 5])
def test_a_moved_key_is_the_key_turned_once(layout, start):
    frequencies = torch.tensor([1.0, 0.3, 0.01])
    rotation = Rotation(frequencies, 1.3, layout, start, frequencies / 2 if start else None)
    layer = Layer(0, 1, 2, 2, 8, rotation, True, torch.device("cpu"), torch.float32)
    k, pos, to = torch.randn(1, 2, 63, 8), torch.arange(63)[None], torch.arange(100, 163)[None]
    for source, target in ((pos, to), (to, pos)):
        want = rotate(k, target[:, None], rotation)
        torch.testing.assert_close(moved(rotate(k, source[:, None], rotation), source, target, layer), want, **CLOSE)


def rows_read(model, run):
    """Tokens that each layer's MLP was given."""
    rows = [0] * len(model.get_decoder().layers)

    def count(index):
        return lambda module, args: rows.__setitem__(index, rows[index] + args[0].shape[1])

    hooks = [layer.mlp.register_forward_pre_hook(count(i)) for i, layer in enumerate(model.get_decoder().layers)]
    run()
    for hook in hooks:
        hook.remove()
    return rows


def test_layers_run_only_the_tokens_that_are_chosen():
    model = loud()
    a, b, c = passages(model, A, B, C)
    choice = CacheBlend(share=0.25, taper=0.4)

    def run():
        blended(model, [OPENING, a, b, c, QUESTION], 0.25, taper=0.4)

    more, counts = len(OPENING) + len(QUESTION) + NEXT.shape[1], [160, 56, 40, 24]
    assert [choice.count(layer, 4, 160) for layer in range(4)] == counts
    assert rows_read(model, run) == [count + more for count in counts]


def test_what_begins_the_text_is_never_run():
    model = loud()
    a, b = passages(model, A, B)
    more = len(QUESTION) + NEXT.shape[1]
    rows = rows_read(model, lambda: blended(model, [a, b, QUESTION], 0.5, taper=0))
    assert rows == [40 + more, 20 + more, 20 + more, 20 + more]


@pytest.mark.parametrize("family", ["llama", "qwen3", "phi"])
def test_the_more_is_read_again_the_nearer_it_comes(family):
    model = loud(family)
    pieces = [OPENING, *passages(model, A, B, C), QUESTION]
    want = whole(model, WHOLE_TEXT)
    errors = [float((blended(model, pieces, share) - want).norm()) for share in (0, 0.15, 0.5, 0.9, 1)]
    assert errors == sorted(errors, reverse=True)
    assert errors[1] < 0.97 * errors[0]
    assert errors[3] < 0.25 * errors[0]


def test_the_tokens_that_deviate_most_are_worth_more_than_the_others(monkeypatch):
    model = loud()
    pieces, want = [OPENING, *passages(model, A, B, C), QUESTION], whole(model, WHOLE_TEXT)
    most = float((blended(model, pieces, 0.5) - want).norm())
    monkeypatch.setattr("longspan.models.blend.deviations", lambda *given: -deviations(*given))
    assert most < 0.8 * float((blended(model, pieces, 0.5) - want).norm())


def projections(model, tokens):
    """Every layer's keys and values [T, G, D] of a text as projected, by transformers alone."""
    found = {}

    def keep(index, name):
        return lambda module, args, out: found.__setitem__((index, name), out[0].unflatten(-1, (2, 8)))

    hooks = [
        getattr(layer.self_attn, name).register_forward_hook(keep(index, name))
        for index, layer in enumerate(model.get_decoder().layers)
        for name in ("k_proj", "v_proj")
    ]
    with torch.inference_mode():
        model(torch.tensor([tokens]))
    for hook in hooks:
        hook.remove()
    return found


def naive(model, parts, choice):
    """The paper's equations one token at a time: `parts` are texts and whether each was read before by itself."""
    tokens, read = [token for part, _ in parts for token in part], [projections(model, part) for part, _ in parts]
    own = [index for index in range(len(tokens)) if not [s for part, s in parts for _ in part][index]]
    decoder = model.get_decoder()
    pos = torch.arange(len(tokens))[None]
    hidden = decoder.embed_tokens(torch.tensor(tokens))
    cos, sin = decoder.rotary_emb(hidden[None], pos)
    now, depth = list(range(len(tokens))), len(decoder.layers)
    for index, layer in enumerate(decoder.layers):
        k, v = (torch.cat([part[index, name] for part in read]) for name in ("k_proj", "v_proj"))
        normed = layer.input_layernorm(hidden[now])
        new = [getattr(layer.self_attn, f"{name}_proj")(normed).unflatten(-1, (-1, 8)) for name in "qkv"]
        turned = [
            apply_rotary_pos_emb(x, x, cos[0, at], sin[0, at], 1)[0] for x, at in ((k, slice(None)), (new[1], now))
        ]
        gap = (turned[1] - turned[0][now]).abs().sum((1, 2)) + (new[2] - v[now]).abs().sum((1, 2))
        keys, values = turned[0].clone(), v.clone()
        keys[now], values[now] = turned[1], new[2]
        queries = apply_rotary_pos_emb(new[0], new[0], cos[0, now], sin[0, now], 1)[0]
        if index == choice.start:
            now_before, now = now, pick(gap, now, own, choice.count(index, depth, len(tokens) - len(own)))
            queries = queries[[now_before.index(token) for token in now]]
            gap = gap[[now_before.index(token) for token in now]]
        for row, token in enumerate(now):
            mixed = []
            for head in range(8):
                logits = keys[: token + 1, head // 4] @ queries[row, head] / 8**0.5
                mixed.append(logits.softmax(0) @ values[: token + 1, head // 4])
            hidden[token] = hidden[token] + layer.self_attn.o_proj(torch.cat(mixed))
            hidden[token] = hidden[token] + layer.mlp(layer.post_attention_layernorm(hidden[token]))
        if choice.start <= index < depth - 1:
            now = pick(gap, now, own, choice.count(index + 1, depth, len(tokens) - len(own)))
    return model.lm_head(decoder.norm(hidden[-1])), now


def pick(gap, now, own, count):
    """The `count` tokens with the largest gap, and all that are stored nowhere."""
    ranked = sorted(set(now) - set(own), key=lambda token: -float(gap[now.index(token)]))
    return sorted([*ranked[:count], *(token for token in now if token in own)])


@torch.inference_mode()
@pytest.mark.parametrize("choice", [CacheBlend(), CacheBlend(share=0.4, taper=0.8), CacheBlend(share=0.5, start=2)])
def test_it_equals_the_equations_token_by_token(choice):
    model = loud()
    a, b, c = passages(model, A[:20], B[:15], C[:21])
    with Session(model, Method(), length=600) as session:
        got = session.blend([OPENING, a, b, c, QUESTION], choice)
    parts = [(OPENING, False), (A[:20], True), (B[:15], True), (C[:21], True), (QUESTION, False)]
    want, last = naive(model, parts, choice)
    assert len(last) == len(OPENING) + len(QUESTION) + choice.count(3, 4, 56)
    torch.testing.assert_close(got[0], want, **CLOSE)


def test_a_later_turn_blends_too_and_rolls_back():
    model = loud()
    a, b = passages(model, A, B)
    with Session(model, Method(), length=600) as session:
        session.prefill([OPENING])
        session.prefill([C])
        first = session.blend([a, b, QUESTION], CacheBlend(share=0.3))
        session.decode(NEXT)
        session.rewind(3 + len(QUESTION))
        torch.testing.assert_close(session.prefill([QUESTION]), first, **CLOSE)
        session.rewind(len(A + B + QUESTION))
        torch.testing.assert_close(session.blend([a, b, QUESTION], CacheBlend(share=1)), session_of(model), **CLOSE)


def session_of(model):
    with Session(model, Method(), length=600) as session:
        return session.prefill([OPENING + C + A + B + QUESTION])


def test_part_of_what_was_read_is_a_passage_of_its_own():
    model = heedless("llama")
    (whole_a,) = passages(model, OPENING + A + B)
    piece = whole_a.copy(len(OPENING), len(OPENING) + len(A))
    got = blended(model, [piece, QUESTION], 0)
    torch.testing.assert_close(got, whole(model, A + QUESTION), **CLOSE)


@pytest.mark.parametrize("kv", STORES, ids=lambda kv: type(kv).__name__)
def test_any_store_of_turned_keys_takes_a_blended_prompt(kv):
    model, method = loud(), Method(kv=kv)
    a, b, c = passages(model, A, B, C)
    want = whole(model, WHOLE_TEXT, method)
    with Session(model, method, length=600) as session:
        got = session.blend([OPENING, a, b, c, QUESTION], CacheBlend(share=1))
        torch.testing.assert_close(torch.cat([got[:, None], session.decode(NEXT)], 1), want, **CLOSE)
        held = session.nbytes()
    with Session(model, method, length=600) as session:
        session.blend([OPENING, a, b, c, QUESTION])
        session.decode(NEXT)
        assert session.nbytes() == pytest.approx(held, rel=0.02)
    with Session(model, method, length=600) as session:
        got = session.blend([a, c, QUESTION], CacheBlend(share=1))
    torch.testing.assert_close(got, whole(model, A + C + QUESTION, method)[:, 0], **CLOSE)


def test_a_fork_of_a_blended_prompt_goes_on_like_it():
    model = loud()
    with Session(model, Method(), length=600) as session:
        session.blend([OPENING, *passages(model, A, B), QUESTION])
        fork = session.fork(kv=Full())
        torch.testing.assert_close(fork.decode(NEXT), session.decode(NEXT), **CLOSE)
        fork.close()


def test_another_session_of_the_model_runs_undisturbed_in_between():
    model = loud()
    a, b = passages(model, A, B)
    want, seen = whole(model, WHOLE_TEXT), []
    alone = blended(model, [OPENING, a, b, QUESTION], 0.3)

    def intrude(module, args):
        handle.remove()
        seen.append(whole(model, WHOLE_TEXT))

    handle = model.get_decoder().layers[2].mlp.register_forward_pre_hook(intrude)
    torch.testing.assert_close(blended(model, [OPENING, a, b, QUESTION], 0.3), alone, **CLOSE)
    torch.testing.assert_close(seen[0], want, **CLOSE)
    assert not any(layer._forward_pre_hooks for layer in model.get_decoder().layers)


@pytest.mark.parametrize("family", sorted(SLIDING))
@pytest.mark.parametrize("length", [9, 63])
def test_models_with_sliding_windows_are_refused_and_read_on(family, length):
    model = tiny(family)
    (a,) = passages(model, A[:length])
    with Session(model, Method(), length=600) as session:
        session.prefill([OPENING])
        with pytest.raises(InputError, match="sliding window"):
            session.blend([a, QUESTION])
        torch.testing.assert_close(session.prefill([QUESTION]), whole(model, OPENING + QUESTION)[:, 0], **CLOSE)


def test_a_blended_prompt_is_not_saved_as_if_it_had_been_read():
    model = loud()
    with Session(model, Method(), length=600) as session:
        session.blend([*passages(model, A, B), QUESTION])
        with pytest.raises(InputError, match="save the passages"):
            session.save()


def refused(pieces, match, method=None, length=600):
    with Session(tiny(), method or Method(), length=length) as session, pytest.raises(InputError, match=match):
        session.blend(pieces)


def test_prompts_that_cannot_be_blended_are_refused():
    a, b = passages(tiny(), A, B)
    refused([], "ends in tokens")
    refused([a, b], "ends in tokens")
    refused([a, []], "ends in tokens")
    refused([a, QUESTION], "other rotary frequencies", Method.parse("rope=yarn:factor=2"))
    refused([a, QUESTION], "other rotary frequencies", Method.parse("kv=infllm"))
    refused([replace(a, profile=""), QUESTION], "other rotary frequencies")
    with Session(tiny(), Method()) as session:
        session.prefill([A, B])
        both = session.save()
        with pytest.raises(InputError, match="2 texts"):
            session.blend([a, QUESTION])
    refused([both, QUESTION], "every token of one text")
