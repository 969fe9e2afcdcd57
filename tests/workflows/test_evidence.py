"""Evidence is the document's own words, where the attention lay or retrieval found them."""

from __future__ import annotations

from pydoc_data.topics import topics

import pytest
import torch
from tests.models.tiny_model import tiny_model

from longspan.documents.document import Document, Page
from longspan.retrieval.pack import Packed
from longspan.retrieval.passage import Passage, passages
from longspan.workflows.evidence import FIRST, SHOWN, attended, retrieved
from longspan.workflows.prompt import prompt

MODEL = tiny_model()
DOCUMENTS = [
    Document("yield.txt", topics["yield"].strip(), "text"),
    Document("continue.txt", topics["continue"].strip(), "text"),
    Document("paged.pdf", "One page.\n\nAnother page.", "pdf", (Page(1, 0, 9), Page(2, 11, 24))),
    Document("function.txt", topics["function"].strip(), "text"),
]
ASKED = prompt(MODEL, "?", DOCUMENTS, [Passage(i, 0, len(each.text)) for i, each in enumerate(DOCUMENTS)])
TEXTS = {document.path: document.text for document in DOCUMENTS}


def token_at(source, text):
    """The first token of a text in a document."""
    start = DOCUMENTS[source].text.index(text)
    return next(t for t in range(len(ASKED.tokens)) if (place := ASKED.source(t)) and place >= (source, start))


def mass_at(**shares):
    mass = torch.zeros(len(ASKED.tokens), dtype=torch.float64)
    for token, share in shares.items():
        mass[int(token[1:])] += share
    return mass


@pytest.mark.parametrize(
    ("source", "text"),
    [(0, "yield expression"), (0, "generator function"), (1, "finally"), (1, "loop"), (2, "One"), (2, "Another")],
)
def test_attention_to_a_token_names_the_passage_it_stands_in(source, text):
    token = token_at(source, text)
    (found,) = attended(DOCUMENTS, ASKED, mass_at(**{f"t{token}": 2.5}))
    assert found.file == DOCUMENTS[source].path
    assert found.start <= ASKED.source(token)[1] < found.end
    assert (found.text, found.score) == (DOCUMENTS[source].text[found.start : found.end], 1.0)
    assert found.page == {"One": 1, "Another": 1}.get(text)


def test_the_most_attended_passages_come_first_with_their_shares():
    mass = mass_at(**{f"t{token_at(0, 'yield expression')}": 1.0, f"t{token_at(1, 'finally')}": 3.0})
    first, second = attended(DOCUMENTS, ASKED, mass)
    assert [(each.file, each.score) for each in (first, second)] == [("continue.txt", 0.75), ("yield.txt", 0.25)]


def test_attention_everywhere_names_a_few_whole_passages_word_for_word():
    mass = torch.rand(len(ASKED.tokens), generator=torch.Generator().manual_seed(0), dtype=torch.float64)
    found = attended(DOCUMENTS, ASKED, mass)
    assert len(found) == SHOWN
    known = {
        (document.path, passage.start, passage.end)
        for source, document in enumerate(DOCUMENTS)
        for passage in passages(document.text, source=source)
    }
    assert {(each.file, each.start, each.end) for each in found} <= known
    assert all(each.text == TEXTS[each.file][each.start : each.end] for each in found)
    assert [each.score for each in found] == sorted((each.score for each in found), reverse=True)


def test_sinks_headings_and_the_question_prove_nothing():
    mass = torch.ones(len(ASKED.tokens), dtype=torch.float64)
    for token in range(FIRST, len(ASKED.tokens)):
        if ASKED.source(token) is not None:
            mass[token] = 0
    assert attended(DOCUMENTS, ASKED, mass) == []


def test_retrieved_pieces_are_named_best_first():
    pieces = [Passage(0, 10, 60), Passage(1, 0, 40), Passage(2, 11, 24)]
    packed = [Packed(piece, "", score) for piece, score in zip(pieces, (0.01, 0.03, 0.02), strict=True)]
    found = retrieved(DOCUMENTS, packed)
    assert [(each.file, each.start, each.end, each.score) for each in found] == [
        ("continue.txt", 0, 40, 0.03),
        ("paged.pdf", 11, 24, 0.02),
        ("yield.txt", 10, 60, 0.01),
    ]
    assert all(each.text == TEXTS[each.file][each.start : each.end] for each in found)
    assert [each.page for each in found] == [None, 2, None]
