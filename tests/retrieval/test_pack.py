from itertools import pairwise
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from longspan.core.errors import InputError
from longspan.retrieval.hybrid import Hit
from longspan.retrieval.pack import pack
from longspan.retrieval.passage import Passage, passages, words

SENTENCES = st.lists(
    st.sampled_from(["One.", "Two three four.", "漢字。", "Five six seven eight nine ten!", "\n\n", "a" * 30])
)


def hits_for(order: list[Passage]) -> list[Hit]:
    return [Hit(passage, 1 / (60 + rank), rank, None) for rank, passage in enumerate(order, 1)]


@given(
    contents=st.lists(SENTENCES.map(" ".join), min_size=1, max_size=3),
    budget=st.integers(1, 40),
    each=st.integers(0, 5),
    random=st.randoms(use_true_random=False),
    count=st.sampled_from([words, len, lambda text: len(text.encode())]),
)
@settings(deadline=None, max_examples=150)
def test_the_budget_holds_and_pieces_are_verbatim_in_order(
    contents: list[str], budget: int, each: int, random: Any, count: Any
) -> None:
    sources = [SimpleNamespace(text=content, kind="text") for content in contents]
    found = [
        passage for number, source in enumerate(sources) for passage in passages(source.text, source=number, size=4)
    ]
    random.shuffle(found)
    packed = pack(hits_for(found), sources, budget=budget, count=count, each=each)
    assert sum(count(piece.text) + each for piece in packed) <= budget
    spans = [piece.passage for piece in packed]
    assert spans == sorted(spans)
    assert all(
        piece.text == sources[piece.passage.source].text[piece.passage.start : piece.passage.end] for piece in packed
    )
    for left, right in pairwise(spans):
        assert left.source < right.source or sources[left.source].text[left.end : right.start].strip()


TEXT = "Alpha one. Beta two.\n\nGamma three. Delta four.\n\nEpsilon five. Zeta six."
FOUND = [Passage(0, 0, 20), Passage(0, 22, 46), Passage(0, 48, 71)]


def test_neighbours_become_one_piece_with_the_best_score(text: Any) -> None:
    hits = hits_for([FOUND[1], FOUND[0]])
    (piece,) = pack(hits, [text(TEXT)], budget=100, count=words)
    assert piece.text == "Alpha one. Beta two.\n\nGamma three. Delta four."
    assert piece.score == hits[0].score


def test_the_best_come_first_and_the_document_order_decides_the_place(text: Any) -> None:
    packed = pack(hits_for([FOUND[2], FOUND[0], FOUND[1]]), [text(TEXT)], budget=8, count=words)
    assert [piece.passage for piece in packed] == [FOUND[0], FOUND[2]]


def test_a_hit_that_does_not_fit_gives_way_to_the_next(text: Any) -> None:
    sources = [text("Short one."), text("This one is much too long for it."), text("Also short.")]
    order = [Passage(number, 0, len(source.text)) for number, source in enumerate(sources)]
    assert [piece.passage.source for piece in pack(hits_for(order), sources, budget=5, count=words)] == [0, 2]


def test_a_best_passage_that_is_too_long_keeps_its_first_sentences(text: Any) -> None:
    whole = [Passage(0, 0, len(TEXT))]
    (piece,) = pack(hits_for(whole), [text(TEXT)], budget=7, count=words)
    assert piece.text == "Alpha one. Beta two.\n\nGamma three."


def test_a_sentence_that_is_too_long_is_cut(text: Any) -> None:
    source = text("word " * 50 + "end.")
    (piece,) = pack(hits_for([Passage(0, 0, len(source.text))]), [source], budget=10, count=words)
    assert piece.text.startswith("word word")
    assert words(piece.text) == 10


def test_the_cost_of_each_piece_is_counted(text: Any) -> None:
    hits = hits_for([FOUND[2], FOUND[0]])
    assert len(pack(hits, [text(TEXT)], budget=12, count=words, each=2)) == 2
    assert len(pack(hits, [text(TEXT)], budget=11, count=words, each=2)) == 1


def test_no_hits_give_nothing_and_no_budget_is_refused(text: Any) -> None:
    assert pack([], [text(TEXT)], budget=5, count=words) == []
    with pytest.raises(InputError, match="budget of 0 tokens"):
        pack(hits_for(FOUND), [text(TEXT)], budget=0, count=words)
