"""The passages that an answer rests on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from longspan.documents.document import Document
from longspan.retrieval.pack import Packed
from longspan.retrieval.passage import Passage, passages
from longspan.workflows.prompt import Prompt

if TYPE_CHECKING:
    from torch import Tensor

SHOWN = 5
"""Passages named as evidence where attention chooses them."""
FIRST = 8
"""First tokens of a text that take attention whatever they say (attention sinks) and prove nothing."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """A passage, word for word, and why it is named."""

    file: str
    page: int | None
    start: int
    """First character in the document's text."""
    end: int
    """One behind its last."""
    text: str
    score: float
    """Retrieved: sum of 1 / (60 + rank) over the rankings. Attended: share of the attention the text got."""


def cite(document: Document, start: int, end: int, score: float) -> Evidence:
    """Evidence for characters of a document."""
    span = document.span(start, end)
    return Evidence(span.path, span.page, span.start, span.end, span.text, round(score, 6))


def retrieved(documents: Sequence[Document], packed: Sequence[Packed]) -> list[Evidence]:
    """The retrieved pieces, best first."""
    best = sorted(packed, key=lambda piece: -piece.score)
    return [cite(documents[p.passage.source], p.passage.start, p.passage.end, p.score) for p in best]


def attended(documents: Sequence[Document], asked: Prompt, mass_S: Tensor) -> list[Evidence]:
    """The passages that drew most attention while the reply was written, best first."""
    mass = mass_S.tolist()
    found: dict[Passage, float] = {}
    for source, document in enumerate(documents):
        for passage in passages(document.text, source=source, code=document.kind == "code"):
            found[passage] = 0.0
    ordered = sorted(found)
    at = 0
    for token in range(FIRST, min(asked.context_tokens, len(mass))):
        place = asked.source(token)
        if place is None or not mass[token]:
            continue
        at = _passage_at(ordered, place, at)
        found[ordered[at]] += mass[token]
    total = sum(found.values()) or 1.0
    best = sorted(found.items(), key=lambda item: -item[1])[:SHOWN]
    return [cite(documents[p.source], p.start, p.end, share / total) for p, share in best if share > 0]


def spread(mass_S: Tensor, chosen: Sequence[int]) -> Tensor:
    """Attention to the tokens of a prompt, from that to those that were read of it."""
    whole_S = mass_S.new_zeros(mass_S.shape)
    whole_S[list(chosen)] = mass_S[: len(chosen)]
    return whole_S


def chosen(documents: Sequence[Document], asked: Prompt, tokens: Sequence[int]) -> list[Evidence]:
    """The stretches of the documents that some tokens of a prompt are, in text order."""
    stretches: list[tuple[int, int, int]] = []
    for token in tokens:
        place = asked.source(token)
        if place is None:
            continue
        after = asked.source(token + 1) if token + 1 < len(asked.tokens) else None
        end = after[1] if after and after[0] == place[0] else place[1] + 1
        if stretches and stretches[-1][0] == place[0] and stretches[-1][2] == place[1]:
            stretches[-1] = (place[0], stretches[-1][1], end)
        else:
            stretches.append((place[0], place[1], end))
    return [cite(documents[source], start, end, 0.0) for source, start, end in stretches]


def _passage_at(ordered: Sequence[Passage], place: tuple[int, int], near: int) -> int:
    """The passage that holds a place, looking forward from one before it."""
    while near + 1 < len(ordered) and (ordered[near + 1].source, ordered[near + 1].start) <= place:
        near += 1
    return near
