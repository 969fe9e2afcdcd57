"""Cut documents into passages: small enough to point at, whole enough to read alone.

Passages do not overlap, so the same sentence is never shown or counted twice as evidence.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from longspan.retrieval.sentence import Unit, units

SIZE = 100
"Words of a passage: about 160 word pieces, inside the 256 that small sentence encoders read at once."
LIMIT = 2000
"Characters no passage of that size exceeds, whatever it is made of."
_WORD = re.compile(r"[\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff]{1,2}|[^\W_]{1,16}")


class Source(Protocol):
    """What retrieval needs of a document."""

    @property
    def text(self) -> str:
        """All of its characters."""
        ...

    @property
    def kind(self) -> str:
        """ "code" is cut between lines and definitions, everything else between sentences."""
        ...


@dataclass(frozen=True, slots=True, order=True)
class Passage:
    """Characters start to end of one source; passages sort in document order."""

    source: int
    "Place of its document in the list given."
    start: int
    end: int

    def of(self, text: str) -> str:
        """Return the passage's characters, given the text of its source."""
        return text[self.start : self.end]


def limit_of(size: int) -> int:
    """Return the characters that no passage of `size` words exceeds: more for larger ones, never fewer."""
    return LIMIT * max(size, SIZE) // SIZE


def words(text: str) -> int:
    """Count words; two ideographs or kana count as one, and so do 16 characters of a longer run."""
    return sum(1 for _ in _WORD.finditer(text))


def passages(
    text: str,
    *,
    source: int = 0,
    code: bool = False,
    size: int = SIZE,
    limit: int = LIMIT,
    count: Callable[[str], int] = words,
) -> list[Passage]:
    """Cut a text into passages of at most `size` as counted, at the best place in their second half.

    Headings and top-level definitions are better places than paragraphs, those than lines, those than sentences.
    A sentence is cut only when it is longer than `limit` characters. White space between passages is in none.
    """
    if size < 1 or limit < 2:
        raise ValueError(f"passage size {size} and limit {limit}: use at least 1 and 2")
    parts = units(text, code=code, limit=limit)
    sizes = [count(text[part.start : part.end]) for part in parts]
    found, first = [], 0
    while first < len(parts):
        after = best_cut(parts, sizes, first, size=size, limit=limit)
        found.append(Passage(source, parts[first].start, parts[after - 1].end))
        first = after
    return found


def best_cut(parts: list[Unit], sizes: list[int], first: int, *, size: int, limit: int) -> int:
    """Return the unit before which the passage that begins with unit `first` ends: the best, then the latest."""
    filled, after, start = sizes[first], first + 1, parts[first].start
    while after < len(parts) and filled + sizes[after] <= size and parts[after].end - start <= limit:
        filled += sizes[after]
        after += 1
    if after == len(parts):
        return after
    best = after
    while after > first + 1:
        after -= 1
        filled -= sizes[after]
        if filled * 2 < size and (parts[after - 1].end - start) * 2 < limit:
            break
        if parts[after].cut > parts[best].cut:
            best = after
    return best
