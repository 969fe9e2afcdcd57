"""Fill a token budget with the best passages, in the order in which the documents say them."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace

from longspan.core.errors import InputError
from longspan.retrieval.hybrid import Hit
from longspan.retrieval.passage import LIMIT, Passage, Source
from longspan.retrieval.sentence import units

_INK = re.compile(r"\S")


@dataclass(frozen=True, slots=True)
class Packed:
    """A piece of a source that goes into the prompt, verbatim."""

    passage: Passage
    text: str
    score: float
    "Of the best hit in it."


def pack(
    hits: Sequence[Hit],
    sources: Sequence[Source],
    *,
    budget: int,
    count: Callable[[str], int],
    each: int = 0,
) -> list[Packed]:
    """Choose hits, best first, while their pieces together cost at most `budget` tokens; return them in document order.

    Neighbours become one piece. A piece costs `count(text) + each`: `each` is what the prompt adds to a piece, such as
    a heading with its file and page. A hit that does not fit is left out and the next tried; a best hit that alone is
    too long is shortened to its first sentences. Only a budget too small for one character gives nothing.
    """
    if budget < 1:
        raise InputError(f"a budget of {budget} tokens holds no passage: give it more room")
    seen: dict[Passage, int] = {}

    def cost(passage: Passage) -> int:
        if passage not in seen:
            seen[passage] = count(passage.of(sources[passage.source].text)) + each
        return seen[passage]

    chosen: list[Packed] = []
    for hit in hits:
        piece = Packed(hit.passage, "", hit.score)
        if not chosen and cost(hit.passage) > budget:
            piece = replace(
                piece, passage=shortened(hit.passage, sources[hit.passage.source], lambda p: cost(p) <= budget)
            )
        joined = merged([*chosen, piece], sources)
        if piece.passage.end > piece.passage.start and sum(cost(part.passage) for part in joined) <= budget:
            chosen = joined
    return [replace(piece, text=piece.passage.of(sources[piece.passage.source].text)) for piece in chosen]


def merged(pieces: Iterable[Packed], sources: Sequence[Source]) -> list[Packed]:
    """Sort pieces in document order and join those with only white space between them."""
    joined: list[Packed] = []
    for piece in sorted(pieces, key=lambda piece: piece.passage):
        last = joined[-1].passage if joined else None
        here = piece.passage
        if last and last.source == here.source and not _INK.search(sources[here.source].text, last.end, here.start):
            whole = replace(last, end=max(last.end, here.end))
            joined[-1] = replace(joined[-1], passage=whole, score=max(joined[-1].score, piece.score))
        else:
            joined.append(piece)
    return joined


def shortened(passage: Passage, source: Source, fits: Callable[[Passage], bool]) -> Passage:
    """Return the longest beginning of a passage that fits, whole sentences when one fits, else characters."""
    text = passage.of(source.text)
    sentences = [unit.end for unit in units(text, code=source.kind == "code", limit=LIMIT)]
    for ends in (sentences, range(1, len(text) + 1)):
        kept = most([replace(passage, end=passage.start + end) for end in ends], fits)
        if kept:
            return kept
    return replace(passage, end=passage.start)


def most(growing: Sequence[Passage], fits: Callable[[Passage], bool]) -> Passage | None:
    """Return the longest of growing passages that fits, by bisection; None when none does."""
    low, high = 0, len(growing)
    while low < high:
        middle = (low + high) // 2
        if fits(growing[middle]):
            low = middle + 1
        else:
            high = middle
    return growing[low - 1] if low else None
