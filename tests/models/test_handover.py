"""What one session has read, another goes on from, to the bit."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.core.types import NotRewindable
from longspan.kv.full import Full
from longspan.kv.retrieve.infllm import InfLLM
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny

FAMILIES = ["llama", "mistral", "gemma3"]
CLOSE = {"atol": 2e-5, "rtol": 1e-4}
METHODS = [
    "",
    "kv=full positions=self_extend:group=4,window=64",
    "rope=yarn:factor=2",
    "kv=offload:block=64",
    "kv=offload:block=64,bits=8,group=8",
    "kv=integer:bits=8,group=8,residual=16",
    "kv=kivi:bits=2,group=8,residual=8",
    "kv=kvquant:bits=3,sample=8",
    "kv=freqkv:window=64",
    "kv=snapkv:budget=64,window=8",
    "kv=snapkv:budget=64,window=8,split=adakv,every=2",
    "kv=tova:budget=64,chunks=true positions=cache_relative",
    "kv=h2o:budget=64,recent=8,every=1",
    "kv=expected_attention:budget=0.25",
    "kv=keydiff:budget=0.5,keep=kivi,bits=4,group=8,residual=8",
    "kv=keydiff:budget=0.5,keep=offload,block=64,split=adakv",
]
NEXT = torch.tensor([[3, 4, 5]])


def text(length: int, seed: int = 0) -> list[int]:
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def both(model, method, prompts, then, *, length=600):
    """What follows in the session that read, and in one that took its tokens over."""
    with Session(model, method, length=length) as first:
        first.prefill(prompts, chunk=16)
        saved = first.save()
        want = then(first)
    with Session(model, method, length=length) as second:
        second.restore(saved)
        return then(second), want


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("method", METHODS)
def test_a_restored_session_goes_on_as_the_one_that_read(family, method):
    def then(session):
        return [session.decode(NEXT), session.prefill([text(20, 1)]), session.decode(NEXT)]

    got, want = both(tiny(family), Method.parse(method), [text(500)], then)
    for mine, theirs in zip(got, want, strict=True):
        assert torch.equal(mine, theirs)


@pytest.mark.parametrize("family", FAMILIES)
def test_a_padded_batch_and_a_second_turn_are_restored(family):
    model, rows = tiny(family), NEXT.expand(2, -1)
    with Session(model, Method()) as first:
        first.prefill([text(63), text(20, 1)], chunk=16)
        first.prefill([text(3, 2), text(40, 3)], chunk=16)
        saved, counted = first.save(), first.tokens
        want = first.decode(rows)
    with Session(model, Method()) as second:
        second.restore(saved)
        assert second.tokens == counted == [66, 60]
        torch.testing.assert_close(second.decode(rows), want, **CLOSE)


@pytest.mark.parametrize("family", FAMILIES)
def test_what_was_saved_holds_while_the_session_reads_on(family):
    model = tiny(family)
    with Session(model, Method()) as first:
        first.prefill([text(63)])
        saved = first.save()
        copies = {index: {name: part.clone() for name, part in state.items()} for index, state in saved.layers.items()}
        first.prefill([text(900, 1)], chunk=64)
        assert first.tokens == [963]
    for index, state in saved.layers.items():
        assert all(torch.equal(state[name], copies[index][name]) for name in state)


def test_a_restored_session_can_be_rolled_back_before_and_after_it_runs():
    def early(session):
        session.rewind(13)
        return session.decode(NEXT)

    def late(session):
        session.decode(NEXT)
        session.rewind(16)
        return session.decode(NEXT)

    for then in (early, late):
        got, want = both(tiny(), Method(), [text(63)], then)
        torch.testing.assert_close(got, want, **CLOSE)
        with Session(tiny(), Method()) as session:
            session.prefill([text(63)[:50]])
            torch.testing.assert_close(got, session.decode(NEXT), **CLOSE)


def test_rolling_back_to_a_window_that_was_not_saved_is_refused():
    model = tiny("mistral")
    with Session(model, Method()) as first:
        first.prefill([text(63)])
        saved = first.save()
    with Session(model, Method()) as second:
        second.restore(saved)
        second.rewind(1)
        with pytest.raises(NotRewindable, match="sliding window of 16"):
            second.decode(NEXT)


def test_a_sliding_layer_saves_its_window_only():
    with Session(tiny("mistral"), Method()) as session:
        session.prefill([text(500)], chunk=64)
        saved = session.save()
    assert {state["k"].shape[2] for state in saved.layers.values()} == {15}
    assert not saved.whole


def test_what_was_given_up_or_rounded_is_not_saved():
    def saved(method):
        with Session(tiny(), Method.parse(method)) as session:
            session.prefill([text(500)], chunk=16)
            return session.save()

    whole, evicted = saved(""), saved("kv=keydiff:budget=0.25")
    rounded = saved("kv=keydiff:budget=0.25,keep=kivi,bits=4,group=8,residual=8")
    assert evicted.nbytes() < 0.35 * whole.nbytes()
    assert rounded.nbytes() < 0.75 * evicted.nbytes()
    assert not evicted.whole


def test_bytes_are_counted_before_the_first_call_too():
    with Session(tiny(), Method(), length=500) as first:
        first.prefill([text(500)])
        saved, held = first.save(), first.nbytes()
    with Session(tiny(), Method(), length=500) as second:
        second.restore(saved)
        assert second.nbytes() == saved.nbytes() == held


def test_a_request_that_outgrows_its_spectrum_reads_the_restored_text_again():
    method, tokens = Method.parse("rope=dynamic_ntk"), text(500)
    with Session(tiny(), method) as first:
        first.prefill([tokens])
        saved = first.save()
    with Session(tiny(), method) as second:
        second.restore(saved)
        got = second.prefill([text(200, 1)])
    with Session(tiny(), method) as plain:
        plain.prefill([tokens])
        torch.testing.assert_close(got, plain.prefill([text(200, 1)]), **CLOSE)


def test_tokens_read_under_another_spectrum_are_refused():
    method = Method.parse("rope=dynamic_ntk")
    with Session(tiny(), method) as first:
        first.prefill([text(63)])
        saved = first.save()
    with Session(tiny(), method, length=2000) as second, pytest.raises(InputError, match="other rotary frequencies"):
        second.restore(saved)


def test_only_a_new_session_can_be_restored():
    with Session(tiny(), Method()) as session:
        session.prefill([text(63)])
        with pytest.raises(ValueError, match="into a new one"):
            session.restore(session.save())


def test_a_method_that_cannot_hand_its_tokens_over_is_named(monkeypatch):
    def unfinished(policy, layer):
        full = Full().open(layer)
        return SimpleNamespace(**{name: getattr(full, name) for name in ("append", "read", "observe", "nbytes")})

    monkeypatch.setattr(InfLLM, "open", unfinished)
    with Session(tiny(), Method.parse("kv=infllm")) as session:
        session.prefill([text(63)])
        with pytest.raises(InputError, match="InfLLM cannot hand its stored tokens over"):
            session.save()
