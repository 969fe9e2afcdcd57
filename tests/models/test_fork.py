"""A fork holds what a session of its own would that had read the same text."""

from __future__ import annotations

from dataclasses import replace

import pytest
import torch

from longspan.core.errors import InputError
from longspan.kv.evict.snapkv import SnapKV
from longspan.kv.evict.streaming_llm import StreamingLLM
from longspan.kv.eviction import Eviction
from longspan.kv.full import Full
from longspan.kv.offload.offload import Offload
from longspan.kv.retrieve.infllm import InfLLM
from longspan.kv.split.adakv import AdaKV
from longspan.models.method import Method
from longspan.models.session import Session
from longspan.models.tiny import tiny
from longspan.position.rerope import ReRoPE
from longspan.rope.dynamic_ntk import DynamicNTK
from longspan.rope.yarn import YaRN

CLOSE = {"atol": 2e-5, "rtol": 1e-4}
STEPS = torch.tensor([[3, 4, 5]])
SMALL = Eviction(SnapKV(window=8), budget=24)


def text(length, seed=0):
    return torch.randint(2, 120, (length,), generator=torch.Generator().manual_seed(seed)).tolist()


def logits(session):
    return torch.cat([session.decode(STEPS), session.decode(STEPS + 1)], 1)


@pytest.mark.parametrize("family", ["llama", "qwen3", "gemma3"])
@pytest.mark.parametrize("kv", [Full(), SMALL, Eviction(StreamingLLM(), budget=12)])
@pytest.mark.parametrize("source", [Full(), Offload(tier="host", block=16)])
def test_a_fork_equals_reading_the_text_again(source, kv, family):
    model, prompt = tiny(family), text(500)
    with Session(model, Method(kv=kv)) as alone, Session(model, Method(kv=source)) as main:
        alone.prefill([prompt])
        want = logits(alone)
        main.prefill([prompt[:300]], chunk=70)
        main.prefill([prompt[300:]], chunk=150)
        before = main.nbytes()
        fork = main.fork(kv=kv, again=10)
        torch.testing.assert_close(logits(fork), want, **CLOSE)
        assert main.nbytes() == before
        assert fork.tokens == [506]
        fork.close()
        main.decode(STEPS)
        assert main.tokens == [503]


def test_a_fork_that_keeps_less_holds_less():
    with Session(tiny(), Method()) as main:
        main.prefill([text(500)])
        fork = main.fork(kv=SMALL)
        assert fork.nbytes() < 0.4 * main.nbytes()
        fork.close()


@pytest.mark.parametrize(
    "method", [Method(positions=ReRoPE(window=20)), Method(rope=YaRN(factor=4)), Method(rope=DynamicNTK(factor=4.0))]
)
def test_a_fork_keeps_the_method_s_other_choices(method):
    model, prompt = tiny(), text(63)
    with Session(model, replace(method, kv=SMALL)) as alone, Session(model, method) as main:
        alone.prefill([prompt])
        main.prefill([prompt])
        fork = main.fork(kv=SMALL, again=8)
        torch.testing.assert_close(logits(fork), logits(alone), **CLOSE)
        fork.close()


def test_raw_and_rotated_keys_become_one_another():
    model, prompt, roomy = tiny(), text(63), InfLLM()
    for mine, theirs in ((Full(), roomy), (roomy, Full())):
        with Session(model, Method(rope=YaRN(factor=4), kv=mine), length=2000) as main:  # a temperature other than 1
            main.prefill([prompt])
            fork = main.fork(kv=theirs)
            torch.testing.assert_close(logits(fork), logits(main), **CLOSE)
            fork.close()


def test_a_fork_of_one_token_has_nothing_to_take_over():
    with Session(tiny(), Method()) as main:
        main.prefill([[7]])
        fork = main.fork(kv=SMALL)
        torch.testing.assert_close(logits(fork), logits(main), **CLOSE)
        fork.close()


def test_what_cannot_be_forked_is_refused_and_given_back():
    model = tiny()
    ragged = Eviction(SnapKV(window=4), budget=16, split=AdaKV())
    for kv in (ragged, Eviction(SnapKV(window=4), budget=16)):
        with Session(model, Method(kv=kv)) as main:
            main.prefill([text(63)])
            with pytest.raises(InputError, match="other tokens for each head"):
                main.fork(kv=Full())
    with Session(model, Method()) as main:
        main.prefill([text(9), text(5)])
        with pytest.raises(InputError, match="a session of 2 texts"):
            main.fork(kv=Full())
    assert model.config._attn_implementation == "sdpa"
