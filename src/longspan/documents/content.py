"""What a format's reader is given and gives back."""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Protocol

from longspan.core.errors import InputError
from longspan.core.progress import Progress
from longspan.documents.document import Page

PAGE_GAP = "\n\n"
"""What stands between the texts of two pages."""


class Unreadable(InputError):
    """Why one file cannot be read and what to do; the message completes a sentence that starts with the file's name."""


@dataclass(frozen=True, slots=True)
class Limits:
    """How much is read before a file or a tree counts as a mistake or an attack."""

    max_bytes: int = 200_000_000
    """Bytes of one file."""
    max_decompressed: int = 500_000_000
    """Bytes that one compressed file may unpack to, and characters that one PDF may hold."""
    max_files: int = 20_000
    """Files in one directory tree."""


@dataclass(frozen=True, slots=True)
class Content:
    """What a reader found in a file."""

    text: str
    """All text, line ends as single newlines."""
    pages: tuple[Page, ...] = ()
    """Where its pages lie in the text."""
    notes: tuple[str, ...] = ()
    """What could not be read, each a clause for `Skipped.reason`."""


class Reader(Protocol):
    """The one function of a format: the bytes of a file to its text."""

    def __call__(self, data: bytes, *, limits: Limits, progress: Progress) -> Content:
        """Read a file. Raises Unreadable."""
        ...


def paginate(texts: Iterable[str]) -> tuple[str, tuple[Page, ...]]:
    """Join the texts of pages and say where each lies; a page without text takes no room."""
    filled: list[str] = []
    bounds: list[tuple[int, int]] = []
    cursor = 0
    for text in texts:
        bounds.append((cursor, cursor + len(text)))
        if text:
            filled.append(text)
            cursor += len(text) + len(PAGE_GAP)
    whole = PAGE_GAP.join(filled)
    size = len(whole)
    return whole, tuple(Page(number, min(start, size), min(end, size)) for number, (start, end) in enumerate(bounds, 1))


def number_ranges(numbers: Iterable[int]) -> str:
    """Write rising numbers briefly.

    >>> number_ranges([3, 7, 8, 9])
    '3, 7-9'
    """
    runs: list[list[int]] = []
    for number in numbers:
        if runs and runs[-1][-1] == number - 1:
            runs[-1][1:] = [number]
        else:
            runs.append([number])
    return ", ".join("-".join(map(str, run)) for run in runs)
