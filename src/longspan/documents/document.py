"""What reading files gives: documents, their pages, spans of them, and what was left out."""

from bisect import bisect_right
from dataclasses import dataclass
from operator import attrgetter


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a PDF, or one spine item (chapter) of an EPUB."""

    number: int
    """Place in the file, counted from 1."""
    start: int
    """Offset of its first character in the document's text."""
    end: int
    """Offset after its last character; equal to start for a page without text."""


@dataclass(frozen=True, slots=True)
class Span:
    """A piece of a document, word for word: what a citation points at."""

    path: str
    """The document's path."""
    page: int | None
    """Number of the page on which its first visible character stands; None where a file has no pages."""
    start: int
    """Offset of its first character in the document's text."""
    end: int
    """Offset after its last character."""
    text: str
    """The document's text between the two offsets."""


@dataclass(frozen=True, slots=True)
class Document:
    """One file as text. Every line end is a single newline, whatever the file used; offsets count characters."""

    path: str
    """As the user named it; a file in a named directory is directory/inside/name; "-" is standard input."""
    text: str
    """All of its text."""
    kind: str
    """text, markdown, html, pdf, epub, docx or code."""
    pages: tuple[Page, ...] = ()
    """In reading order; empty for the kinds that have none."""
    digest: str = ""
    """SHA-256 of the bytes read, in hexadecimal."""

    def page_at(self, offset: int) -> int | None:
        """Number of the page with a character (gaps count to the page before); None without pages or outside."""
        if not self.pages or not 0 <= offset < len(self.text):
            return None
        return self.pages[bisect_right(self.pages, offset, key=attrgetter("start")) - 1].number

    def span(self, start: int, end: int) -> Span:
        """Cut out characters start to end (exclusive). Raises ValueError when they are not within the text."""
        if not 0 <= start <= end <= len(self.text):
            raise ValueError(f"span {start}:{end} is not within the {len(self.text)} characters of {self.path}")
        text = self.text[start:end]
        first_visible = start + len(text) - len(text.lstrip()) if text.strip() else start
        return Span(self.path, self.page_at(first_visible), start, end, text)


@dataclass(frozen=True, slots=True)
class Skipped:
    """A file, or a part of one, that was not read."""

    path: str
    """As in `Document.path`; a directory ends in a slash."""
    reason: str
    """Completes a sentence that starts with the path."""

    def __str__(self) -> str:
        return f"{self.path}: {self.reason}"


@dataclass(frozen=True, slots=True)
class Reading:
    """The result of reading files."""

    documents: tuple[Document, ...]
    """In the order named; a directory's files sorted, its own before those of its subdirectories."""
    skipped: tuple[Skipped, ...] = ()
    """What was left out and why, also single pages of a document that was read."""
