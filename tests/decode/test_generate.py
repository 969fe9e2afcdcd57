"""Replies equal what transformers generates, end where they should, and are each row's own."""

from __future__ import annotations

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.tiny_model import tiny_model

from longspan.decode.generate import GREEDY, Generation, Limits
from longspan.decode.sampling import Sampling

MODEL = tiny_model()
PROMPTS = [MODEL.encode(text) for text in ("The yield statement", "A", "continue may only occur in a loop; it goes on")]


def generated(prompts, *, sampling=GREEDY, seeds=(), **limits):
    with MODEL.open() as session:
        generation = Generation(session, MODEL.decode, limits=Limits(**limits), sampling=sampling)
        pieces = list(generation.run(prompts, seeds=seeds))
    for row, reply in enumerate(generation.replies):
        assert reply.text == "".join(piece.text for piece in pieces if piece.row == row)
    return generation.replies


def transformers(prompt, **settings):
    with torch.no_grad():
        tokens = torch.tensor([prompt])
        mask = torch.ones_like(tokens)
        out = MODEL.network.generate(tokens, attention_mask=mask, do_sample=False, **settings)
    return out[0, len(prompt) :].tolist()


@pytest.mark.parametrize("prompt", PROMPTS)
def test_greedy_equals_transformers(prompt):
    (reply,) = generated([prompt], max_tokens=24)
    assert reply.tokens == transformers(prompt, max_new_tokens=24, eos_token_id=None)
    assert reply.text == MODEL.decode(reply.tokens)
    assert reply.finish == "length"


@pytest.mark.parametrize("penalty", [1.3, 0.8])
def test_repetition_penalty_equals_transformers(penalty):
    (reply,) = generated([PROMPTS[0]], sampling=Sampling(repetition_penalty=penalty), max_tokens=24)
    want = transformers(PROMPTS[0], max_new_tokens=24, repetition_penalty=penalty, eos_token_id=None)
    assert reply.tokens == want
    assert want != transformers(PROMPTS[0], max_new_tokens=24, eos_token_id=None)


def test_an_end_token_ends_a_reply_and_is_not_part_of_it():
    (whole,) = generated([PROMPTS[0]], max_tokens=20)
    end = whole.tokens[7]
    first = whole.tokens.index(end)
    (reply,) = generated([PROMPTS[0]], max_tokens=20, ends=frozenset({end, 10_000}))
    assert (reply.tokens, reply.finish) == (whole.tokens[:first], "stop")
    assert reply.tokens == transformers(PROMPTS[0], max_new_tokens=20, eos_token_id=end)[:-1]


def test_a_reply_may_end_at_once():
    (whole,) = generated([PROMPTS[0]], max_tokens=1)
    (reply,) = generated([PROMPTS[0]], max_tokens=20, ends=frozenset(whole.tokens))
    assert (reply.text, reply.tokens, reply.finish) == ("", [], "stop")


@settings(max_examples=15, deadline=None)
@given(st.data())
def test_a_stop_string_ends_the_text_before_its_first_place(data):
    (whole,) = generated([PROMPTS[0]], max_tokens=16)
    start = data.draw(st.integers(0, len(whole.text) - 1))
    end = data.draw(st.integers(start + 1, min(len(whole.text), start + 6)))
    stop = whole.text[start:end]
    (reply,) = generated([PROMPTS[0]], max_tokens=16, stops=(stop, "never to be seen"))
    assert (reply.text, reply.finish) == (whole.text[: whole.text.index(stop)], "stop")


def test_max_tokens_ends_a_reply_with_all_its_text():
    for count in (1, 2, 9):
        (reply,) = generated([PROMPTS[0]], max_tokens=count)
        assert (len(reply.tokens), reply.finish, reply.text) == (count, "length", MODEL.decode(reply.tokens))


def test_no_tokens_at_all_is_refused():
    with pytest.raises(ValueError, match="max_tokens is 0: give at least 1"):
        Limits(max_tokens=0)


@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=1.0, repetition_penalty=1.2, seed=5)])
def test_rows_that_end_at_different_times_get_what_they_get_alone(sampling):
    alone = [generated([prompt], sampling=sampling, seeds=[row], max_tokens=20) for row, prompt in enumerate(PROMPTS)]
    ends = frozenset({alone[0][0].tokens[2], alone[1][0].tokens[10]})
    stops = (alone[2][0].text[5:8],)
    limits = {"max_tokens": 20, "ends": ends, "stops": stops}
    alone = [generated([p], sampling=sampling, seeds=[row], **limits)[0] for row, p in enumerate(PROMPTS)]
    together = generated(PROMPTS, sampling=sampling, seeds=[0, 1, 2], **limits)
    assert together == alone
    assert len({len(reply.tokens) for reply in together}) > 1


def test_a_seed_decides_the_draws():
    def texts(*seeds, seed=0):
        drawn = Sampling(temperature=2.0, seed=seed)
        return [reply.text for reply in generated([PROMPTS[0]] * len(seeds), sampling=drawn, seeds=seeds, max_tokens=8)]

    first, again, other = texts(1, 1, 2)
    assert first == again != other
    assert texts(1) == [first]
    assert texts(0, seed=1) == [first]
    assert texts(0, seed=3) != [first]


def test_text_is_whole_characters_even_where_tokens_are_bytes():
    wanted = MODEL.encode("naïve 東京 🙂!")
    assert len(wanted) > 12

    class Script:
        step = 0

        def prefill(self, prompts, *, chunk=512, progress=None):
            return self.decode(None)[:, -1]

        def decode(self, tokens_BT):
            self.step += 1
            return torch.nn.functional.one_hot(torch.tensor([[wanted[self.step - 1]]]), len(MODEL.tokenizer)).float()

    generation = Generation(Script(), MODEL.decode, limits=Limits(max_tokens=len(wanted)))
    pieces = [piece.text for piece in generation.run([[1]])]
    assert "".join(pieces) == "naïve 東京 🙂!"
    assert not any("\ufffd" in piece for piece in pieces)
