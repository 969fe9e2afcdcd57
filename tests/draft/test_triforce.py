from collections import Counter
from itertools import product

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.core.types import KV, Proposal
from longspan.decode.generate import Generation, Limits
from longspan.decode.sampling import Sampling
from longspan.decode.step import Guessed
from longspan.draft.triforce import Chunks, TriForce
from longspan.models.method import Method

MODEL = tiny_model()
PROMPT = MODEL.encode("continue may only occur in a loop; it goes on with the next cycle of the loop; " * 4)
MARKOV = {
    "model": [[0.5, 0.3, 0.2, 0.0], [0.1, 0.2, 0.3, 0.4], [0.4, 0.1, 0.1, 0.4], [0.25, 0.25, 0.25, 0.25]],
    "middle": [[0.2, 0.5, 0.2, 0.1], [0.3, 0.2, 0.3, 0.2], [0.1, 0.3, 0.5, 0.1], [0.7, 0.1, 0.1, 0.1]],
    "below": [[0.1, 0.2, 0.3, 0.4], [0.4, 0.3, 0.2, 0.1], [0.4, 0.4, 0.1, 0.1], [0.1, 0.1, 0.1, 0.7]],
}


class Chain:
    """A session, a reader and a drafter of texts whose next token depends on the last alone."""

    def __init__(self, name):
        self.logits_VV = torch.tensor(MARKOV[name]).log()

    def decode(self, tokens_BT):
        return self.logits_VV[tokens_BT]

    def rewind(self, tokens):
        pass

    def fork(self, *, kv, again=1):
        return Chain("middle")

    def open(self, reader):
        return self

    def propose(self, text, room, chooser):
        grown, probs = list(text), []
        for _ in range(min(room, 2)):
            token, probs_V = chooser.choose(self.logits_VV[grown[-1]], grown)
            grown.append(token)
            probs.append(probs_V)
        return Proposal(grown[len(text) :], torch.stack(probs))


def test_drawn_tokens_have_the_model_s_distribution_through_both_levels():
    generator, trials, length = torch.Generator().manual_seed(1), 3000, 3
    counts = dict.fromkeys(product(range(4), repeat=length), 0)
    model = Chain("model")
    for _ in range(trials):
        draft = TriForce(tokens=3, draft=Chain("below")).open(model)
        step = Guessed(model, [0], draft, sampling=Sampling(temperature=1.0), generator=generator, most=9)
        reply = [token for new in step.first(model.logits_VV[:1]) for token in new]
        while len(reply) < length:
            reply += step.next()[0]
        counts[tuple(reply[:length])] += 1
    p = MARKOV["model"]
    want = {(a, b, c): p[0][a] * p[a][b] * p[b][c] * trials for a, b, c in counts}
    assert not any(counts[text] for text in counts if not want[text])
    seen = [text for text in counts if want[text]]
    distance = sum((counts[text] - want[text]) ** 2 / want[text] for text in seen)
    assert float(torch.special.gammaincc(torch.tensor((len(seen) - 1) / 2), torch.tensor(distance / 2))) > 0.001


def written(method, most=31):
    """Tokens of a reply, and how often the model itself and its forks were run."""
    with MODEL.open(Method.parse(method), length=len(PROMPT) + most) as session:
        own, forked = [], []
        decode, fork = session.decode, session.fork

        def forking(**given):
            made = fork(**given)
            inner = made.decode
            made.decode = lambda tokens: forked.append(tokens.shape[1]) or inner(tokens)
            return made

        session.fork = forking
        session.decode = lambda tokens: own.append(tokens.shape[1]) or decode(tokens)
        generation = Generation(session, MODEL.decode, limits=Limits(most), draft=session.draft())
        list(generation.run([PROMPT]))
        return generation.replies[0].tokens, own, forked


def test_with_all_tokens_retrieved_every_collected_token_holds():
    tokens, own, forked = written("draft=triforce:tokens=5,budget=1000")
    assert tokens == written("")[0]
    assert own == [6] * 5
    assert len(forked) < 25


def test_retrieved_tokens_save_passes_on_text_that_repeats():
    tokens, own, _ = written("draft=triforce:budget=64")
    assert tokens == written("")[0]
    assert len(own) + 5 < len(tokens)


def test_a_streaming_model_can_stand_below():
    settings = "draft=triforce:tokens=5,budget=1000,draft=self_draft,score=streaming_llm,draft.kv.budget=1000"
    tokens, own, _ = written(settings)
    assert tokens == written("")[0]
    assert own == [6] * 5


class Asked:
    def __init__(self, q_BHTD):
        self.q_BHTD = q_BHTD


@pytest.mark.parametrize(("stored", "size"), [(63, 8), (64, 8), (15, 4), (16, 5)])
def test_chunks_are_worth_their_mean_key(stored, size):
    generator = torch.Generator().manual_seed(0)
    k, q = torch.randn(1, 2, stored, 6, generator=generator), torch.randn(1, 6, 3, 6, generator=generator)
    got = Chunks(size)(KV(k, k, torch.arange(stored).expand(1, 2, -1)), Asked(q))
    for head in range(2):
        query = sum(q[0, 3 * head + i, -1] for i in range(3)) / 3
        for token in range(stored):
            first = token // size * size
            tail, mean = first + size > stored, k[0, head, first : first + size].mean(0)
            want = float("inf") if tail or first == 0 else float(query @ mean)
            assert float(got[0, head, token]) == pytest.approx(want, rel=1e-4, abs=1e-5)


def test_whole_chunks_are_kept_within_the_budget():
    prompt = PROMPT[: len(PROMPT) // 8 * 8 - 3]
    with MODEL.open(Method()) as session:
        session.prefill([prompt])
        draft = TriForce(budget=40, tokens=1).open(session)
        (part,) = draft._followed([*prompt, 5]).session._stores[2].read(None, None)
        draft.close()
    for kept in part.pos_BGS[0].tolist():
        assert kept[:8] == list(range(8))
        assert kept[-5:] == list(range(len(prompt) - 5, len(prompt)))
        sizes = sorted(Counter(position // 8 for position in kept[:-5]).values())
        assert sizes == [3, 8, 8, 8, 8]


def test_settings_that_make_no_sense_are_refused():
    with pytest.raises(InputError, match="tokens=0"):
        TriForce(tokens=0)
    with pytest.raises(InputError, match="budget=8 must be at least two chunks"):
        TriForce(budget=8)
