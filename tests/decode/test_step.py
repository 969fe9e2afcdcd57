"""Guesses never change what is written: token for token when greedy, in distribution when drawn."""

from __future__ import annotations

from itertools import product

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.core.types import Proposal
from longspan.decode.generate import GREEDY, Generation, Limits
from longspan.decode.sampling import Sampling
from longspan.decode.step import accept
from longspan.models.method import Method

MODEL = tiny_model()
PROMPT = MODEL.encode("continue may only occur in a loop; it goes on with the next cycle of the loop")


class Oracle:
    """Guesses the right tokens but for every third."""

    def __init__(self, right, probs=None):
        self.right, self.start = right, None

    def propose(self, text, room, choose):
        self.start = self.start if self.start is not None else len(text) - 1
        done = len(text) - self.start
        guess = self.right[done : done + min(room, 4)]
        return Proposal([token if (done + i) % 3 else token + 1 for i, token in enumerate(guess)])

    def close(self):
        pass


def written(draft=None, method="", sampling=GREEDY, **limits):
    with MODEL.open(Method.parse(method)) as session:
        generation = Generation(session, MODEL.decode, limits=Limits(**limits), sampling=sampling, draft=draft)
        text = "".join(piece.text for piece in generation.run([PROMPT]))
        assert text == generation.replies[0].text
        return generation.replies[0], generation.guesses, session.tokens


@pytest.mark.parametrize("sampling", [GREEDY, Sampling(repetition_penalty=1.3)])
@pytest.mark.parametrize("method", ["", "kv=snapkv:window=4,budget=16", "positions=self_extend:group=3,window=10"])
def test_greedy_text_is_the_same_token_for_token(method, sampling):
    alone, _, _ = written(method=method, sampling=sampling, max_tokens=25)
    reply, guesses, _ = written(Oracle(alone.tokens), method, sampling, max_tokens=25)
    assert reply == alone
    assert 0 < guesses.kept < guesses.guessed


def test_an_end_among_the_guesses_ends_the_reply():
    alone, _, _ = written(max_tokens=20)
    ends = frozenset({alone.tokens[11]})
    want, _, _ = written(max_tokens=20, ends=ends)
    assert written(Oracle(alone.tokens), max_tokens=20, ends=ends)[0] == want


def test_no_guess_reaches_beyond_the_reply():
    for most in (1, 2, 5):
        alone, _, _ = written(max_tokens=most)
        reply, _, held = written(Oracle(alone.tokens), max_tokens=most)
        assert reply == alone
        assert held[0] <= len(PROMPT) + most


@pytest.mark.parametrize("certain", [True, False])
def test_drawn_tokens_have_the_model_s_distribution(certain):
    generator = torch.Generator().manual_seed(0)
    p = {(): [0.5, 0.3, 0.2, 0.0], **{(t,): torch.softmax(torch.arange(4.0) * t / 2, 0).tolist() for t in range(4)}}
    q_V = torch.tensor([0.1, 0.4, 0.3, 0.2])
    counts = dict.fromkeys(product(range(4), repeat=2), 0)
    trials = 12_000
    for _ in range(trials):
        token = 1 if certain else int(torch.multinomial(q_V, 1, generator=generator))
        guess = Proposal([token], None if certain else q_V[None])
        kept, last = accept(guess, lambda t, token=token: torch.tensor(p[(token,) * t]), generator)
        first = token if kept else last
        second = last if kept else int(torch.multinomial(torch.tensor(p[first,]), 1, generator=generator))
        counts[first, second] += 1
    want = {pair: p[()][pair[0]] * p[pair[0],][pair[1]] * trials for pair in counts}
    assert not any(counts[pair] for pair in counts if not want[pair])
    seen = [pair for pair in counts if want[pair]]
    distance = sum((counts[pair] - want[pair]) ** 2 / want[pair] for pair in seen)
    assert float(torch.special.gammaincc(torch.tensor((len(seen) - 1) / 2), torch.tensor(distance / 2))) > 0.001


def test_a_batch_and_a_store_that_cannot_go_back_are_refused():
    with MODEL.open(Method.parse("draft=prompt_lookup")) as session:
        generation = Generation(session, MODEL.decode, limits=Limits(4), draft=session.draft())
        with pytest.raises(InputError, match="one reply at a time, not 2"):
            list(generation.run([PROMPT, PROMPT]))
    right = written(max_tokens=20)[0].tokens
    with pytest.raises(InputError, match=r"guess that fails must be taken back.*Leave draft= out"):
        written(Oracle(right), "kv=streaming_llm:budget=12,every=1", max_tokens=20)
