"""The prompt of a question, every character of which knows the document it came from."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import PurePath
from typing import TYPE_CHECKING

from longspan.documents.document import Document
from longspan.retrieval.passage import Passage

if TYPE_CHECKING:
    from longspan.models.model import Model

ASK = """\
Read the text and answer the question.

Text:
{context}

Question: {question}
Answer the question briefly, from the text only."""
"""The user's message: text first, so that it can be read once, question last."""
_HERE = "\ue000"
"""Stands for the text while the model's own format is put around it; a private-use character."""


@dataclass(frozen=True, slots=True)
class Segment:
    """Characters of the prompt that are a document's own."""

    start: int
    """First character in the prompt."""
    passage: Passage
    """What it is of which document."""


@dataclass(frozen=True, slots=True)
class Prompt:
    """Tokens of a prompt and where in the documents they come from."""

    tokens: list[int]
    starts: list[int]
    """The character of the prompt at which each token begins."""
    segments: tuple[Segment, ...]
    context_tokens: int
    """Tokens up to the end of the text; the question is behind them."""

    def source(self, token: int) -> tuple[int, int] | None:
        """Document and character that a token of the prompt comes from; None for what we wrote around it."""
        character = self.starts[token]
        index = bisect_right(self.segments, character, key=lambda segment: segment.start) - 1
        if index < 0:
            return None
        segment = self.segments[index]
        offset = segment.passage.start + character - segment.start
        return (segment.passage.source, offset) if offset < segment.passage.end else None


def heading(document: Document, passage: Passage) -> str:
    """What stands above a piece: its file, and the page where there are pages."""
    page = document.page_at(passage.start)
    return f"[{document.path}{f', page {page}' if page is not None else ''}]\n"


def around(model: Model, question: str) -> tuple[str, str]:
    """What stands before and behind the text in the model's own format."""
    message = ASK.format(context=_HERE, question=model.harmless(question.replace(_HERE, "")))
    before, _, behind = model.render([("user", message)]).partition(_HERE)
    return before, behind


def named(documents: Sequence[Document]) -> list[Document]:
    """The documents under names that do not tell where they lie: their paths below the folder that holds them all.

    So a prompt is the same from every directory and on every machine.
    """
    paths = [PurePath(document.path) for document in documents]
    folders = [path.parent.parts for path in paths if path.name != "-"] or [()]
    shared = next(
        (n for n, parts in enumerate(zip(*folders, strict=False)) if len(set(parts)) > 1), min(map(len, folders))
    )
    return [
        replace(document, path=PurePath(*path.parts[shared:]).as_posix() if path.name != "-" else "-")
        for document, path in zip(documents, paths, strict=True)
    ]


def wholes(documents: Sequence[Document]) -> list[Passage]:
    """Every document as one piece."""
    return [Passage(source, 0, len(document.text)) for source, document in enumerate(documents)]


def beginning(model: Model, documents: Sequence[Document]) -> list[int]:
    """Tokens that every prompt about whole documents begins with, whatever the question: all that end in the text."""
    asked = prompt(model, "?", documents, wholes(documents))
    last = asked.segments[-1]
    end, tokens = last.start + last.passage.end, asked.context_tokens
    return asked.tokens[: tokens if asked.starts[tokens] == end else tokens - 1]


def prompt(model: Model, question: str, documents: Sequence[Document], pieces: Sequence[Passage]) -> Prompt:
    """The prompt that shows some pieces of the documents, each under its heading, and asks the question."""
    before, behind = around(model, question)
    text, segments, documents = before, [], named(documents)
    for number, piece in enumerate(pieces):
        document = documents[piece.source]
        text += ("\n\n" if number else "") + model.harmless(heading(document, piece))
        segments.append(Segment(len(text), piece))
        text += model.harmless(piece.of(document.text))
    context_end = len(text)
    tokens, starts = model.located(text + behind)
    return Prompt(tokens, starts, tuple(segments), bisect_right(starts, context_end - 1))
