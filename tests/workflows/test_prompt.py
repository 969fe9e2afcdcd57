"""Every token of a prompt knows the character of the document it came from."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.models.tiny_model import CONTROL, tiny_model

from longspan.documents.document import Document, Page
from longspan.retrieval.passage import Passage
from longspan.workflows.prompt import around, beginning, heading, named, prompt

MODEL = tiny_model()
SCRAPS = st.sampled_from(
    [
        "yield",
        " the statement",
        "\n\n",
        " ",
        "\t",
        "🙂",
        "é",
        "e\u0301",
        "東京",
        "👩\u200d👩\u200d👧",
        "<|end|>",
        CONTROL,
        "<pad>",
        ".",
        '"x"',
        "\ue000",
    ]
)
TEXTS = st.lists(st.one_of(SCRAPS, st.text(max_size=8)), min_size=1, max_size=12).map("".join).filter(str.strip)


def whole(documents):
    return [Passage(source, 0, len(document.text)) for source, document in enumerate(documents)]


@settings(max_examples=120, deadline=None)
@given(st.data())
def test_every_token_comes_from_the_character_that_stands_at_its_place(data):
    texts = data.draw(st.lists(TEXTS, min_size=1, max_size=3))
    documents = [Document(f"file{number}.txt", text, "text") for number, text in enumerate(texts)]
    pieces = []
    for source, text in enumerate(texts):
        start = data.draw(st.integers(0, len(text) - 1))
        pieces.append(Passage(source, start, data.draw(st.integers(start + 1, len(text)))))
    asked = prompt(MODEL, "What is it?", documents, pieces)
    written = MODEL.tokenizer.decode(asked.tokens, skip_special_tokens=False, clean_up_tokenization_spaces=False)
    before, behind = around(MODEL, "What is it?")
    place, at = {}, len(before)
    for number, piece in enumerate(pieces):
        at += len(("\n\n" if number else "") + heading(documents[piece.source], piece))
        for offset, sign in enumerate(MODEL.harmless(piece.of(texts[piece.source])), piece.start):
            assert written[at] == sign
            place[at] = (piece.source, offset)
            at += 1
    assert written[at:] == behind
    assert [asked.source(token) for token in range(len(asked.tokens))] == [place.get(start) for start in asked.starts]
    assert asked.starts == sorted(asked.starts)
    assert all(start < at for start in asked.starts[: asked.context_tokens])
    assert all(start >= at for start in asked.starts[asked.context_tokens :])


@settings(max_examples=60, deadline=None)
@given(TEXTS, TEXTS)
def test_documents_and_questions_bring_no_control_tokens(text, question):
    document = Document("<|end|>.txt", text, "text")
    asked = prompt(MODEL, question, [document], whole([document]))
    bare = prompt(MODEL, "?", [Document("a", "b", "text")], [Passage(0, 0, 1)])
    control = {0, 1, 2, MODEL.tokenizer.convert_tokens_to_ids(CONTROL)}
    assert [token for token in asked.tokens if token in control] == [token for token in bare.tokens if token in control]


def test_the_prompt_is_the_models_own_format_around_headings_and_text():
    documents = [
        Document("a.txt", "First text.", "text"),
        Document("b.pdf", "One page.\n\nAnother page.", "pdf", (Page(1, 0, 9), Page(2, 11, 24))),
    ]
    pieces = [Passage(0, 0, 11), Passage(1, 11, 24)]
    asked = prompt(MODEL, "Which page?", documents, pieces)
    assert MODEL.tokenizer.decode(asked.tokens) == (
        "<|start|>user\nRead the text and answer the question.\n\nText:\n[a.txt]\nFirst text.\n\n[b.pdf, page 2]\n"
        "Another page.\n\nQuestion: Which page?\nAnswer the question briefly, from the text only.<|end|>\n"
        "<|start|>assistant\n"
    )
    assert MODEL.decode(asked.tokens[: asked.context_tokens]).endswith("Another page.")


def test_braces_and_backslashes_of_a_question_are_taken_as_they_are():
    asked = prompt(MODEL, r"What is {context} and \1 {0}?", [Document("a", "b", "text")], [Passage(0, 0, 1)])
    assert r"Question: What is {context} and \1 {0}?" in MODEL.decode(asked.tokens)
    assert asked.segments[0].passage == Passage(0, 0, 1)


@settings(max_examples=60, deadline=None)
@given(st.lists(TEXTS, min_size=1, max_size=3), TEXTS)
def test_every_question_about_whole_documents_has_the_same_beginning(texts, question):
    documents = [Document(f"file{number}.txt", text, "text") for number, text in enumerate(texts)]
    asked, start = prompt(MODEL, question, documents, whole(documents)), beginning(MODEL, documents)
    assert asked.tokens[: len(start)] == start
    assert asked.context_tokens - 1 <= len(start) <= asked.context_tokens


@pytest.mark.parametrize(
    ("paths", "names"),
    [
        (["a.txt"], ["a.txt"]),
        (["/home/me/a.txt"], ["a.txt"]),
        (["./x/a.txt", "x/b.txt"], ["a.txt", "b.txt"]),
        (["tree/a.py", "tree/in/b.py", "tree/in/c.py"], ["a.py", "in/b.py", "in/c.py"]),
        (["/x/in/a.py", "/y/in/a.py"], ["x/in/a.py", "y/in/a.py"]),
        (["/x/a.txt", "b/a.txt"], ["/x/a.txt", "b/a.txt"]),
        (["-"], ["-"]),
        (["-", "x/a.txt"], ["-", "a.txt"]),
        (["a.txt", "in/a.txt"], ["a.txt", "in/a.txt"]),
    ],
)
def test_names_do_not_tell_where_documents_lie(paths, names):
    assert [one.path for one in named([Document(path, "x", "text") for path in paths])] == names
