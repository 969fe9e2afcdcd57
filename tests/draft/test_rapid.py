"""The pieces that match a question are what the draft reads; replies are those of the model alone."""

from __future__ import annotations

import math
from collections import Counter

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.core.errors import InputError
from longspan.decode.generate import Generation, Limits
from longspan.draft.rapid import RAPID
from longspan.models.method import Method

MODEL = tiny_model()


def naive(pieces, question):
    """BM25 with k1 of 1.5 and b of 0.75, term by term."""
    mean, scores = sum(map(len, pieces)) / len(pieces), []
    for piece in pieces:
        score = 0.0
        for token in set(question):
            n, f = sum(token in other for other in pieces), Counter(piece)[token]
            score += (
                math.log(1 + (len(pieces) - n + 0.5) / (n + 0.5))
                * f
                * 2.5
                / (f + 1.5 * (0.25 + 0.75 * len(piece) / mean))
            )
        scores.append(score)
    return scores


def test_the_best_pieces_are_read_in_the_order_of_the_text_with_its_end():
    generator = torch.Generator().manual_seed(3)
    text = torch.randint(0, 40, (206,), generator=generator).tolist()
    pieces, end = [text[start : min(start + 10, 196)] for start in range(0, 196, 10)], text[196:]
    best = sorted(range(20), key=lambda index: -naive(pieces, end)[index])[:3]
    assert RAPID(budget=40, piece=10, question=10).chosen(text) == [t for i in sorted(best) for t in pieces[i]] + end


@pytest.mark.parametrize("length", [1, 8, 9, 40])
def test_a_text_that_fits_is_read_whole(length):
    assert RAPID(budget=64, piece=8, question=8).chosen(list(range(length))) == list(range(length))


def test_a_draft_that_reads_all_is_always_right():
    prompt = MODEL.encode("continue may only occur in a loop; it goes on with the next cycle of the loop; ")
    written = []
    for method in ("", "draft=rapid:budget=400,piece=8,question=8"):
        with MODEL.open(Method.parse(method), length=300) as session:
            generation = Generation(session, MODEL.decode, limits=Limits(31), draft=session.draft())
            list(generation.run([prompt]))
            written.append(generation.replies[0].tokens)
    assert written[0] == written[1]
    assert generation.guesses.kept == generation.guesses.guessed == 24


def test_its_bytes_count_while_it_is_open():
    prompt = MODEL.encode("a loop; " * 20)
    with MODEL.open(Method.parse("draft=rapid:budget=16,piece=8,question=8"), length=300) as session:
        draft = session.draft()
        assert draft.nbytes() == 0
        list(Generation(session, MODEL.decode, limits=Limits(6), draft=draft).run([prompt]))
        assert 0 < draft.nbytes() <= session.nbytes() / 2


@pytest.mark.parametrize("wrong", ["tokens=0", "piece=0", "question=0", "budget=100"])
def test_numbers_that_leave_nothing_to_read_are_refused(wrong):
    with pytest.raises(InputError, match="RAPID"):
        Method.parse(f"draft=rapid:{wrong}")
