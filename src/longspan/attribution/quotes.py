"""Are the quotes of an answer really in the sources?"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

MARKS = (('"', '"'), ("\u201c", "\u201d"), ("\u00ab", "\u00bb"), ("`", "`"), ("'", "'"), ("\u2018", "\u2019"))
"""Opening and closing quotation marks."""
LEAST = 3
"""Characters a quote has at least; shorter ones prove nothing."""
_FOLD = str.maketrans({"\u2018": "'", "\u2019": "'", "\u201c": '"', "\u201d": '"', "\u2013": "-", "\u2014": "-"})


@dataclass(frozen=True, slots=True)
class Quote:
    """A quoted string of an answer."""

    text: str
    source: int | None
    """Which source has it word for word (white space and typographic marks aside); None: not verified."""
    start: int = 0
    """First character of the quote in that source."""
    end: int = 0
    """One behind its last."""

    @property
    def verified(self) -> bool:
        """Whether a source has it."""
        return self.source is not None


def quotes(answer: str, sources: Sequence[str]) -> list[Quote]:
    """Every quoted string of the answer, each looked up in the sources."""
    return [_found(text, sources) for text in _quoted(answer)]


def _quoted(answer: str) -> Iterator[str]:
    listed = "|".join(
        rf"(?<!\w){opening}((?:[^{closing}\n]|(?<=\w){closing}(?=\w)|\n(?!\s))+){closing}(?!\w)"
        for opening, closing in MARKS
    )
    for match in re.finditer(listed, answer):
        text = next(group for group in match.groups() if group is not None).strip()
        if len(text) >= LEAST:
            yield text


def _found(quote: str, sources: Sequence[str]) -> Quote:
    """Look a quote up; a full stop or comma that grammar put before the closing mark does not count."""
    for wanted in (quote, quote.rstrip(".,;:!?")):
        words = wanted.translate(_FOLD).split()
        pattern = re.compile(r"\s+".join(re.escape(word) for word in words)) if words else None
        for index, source in enumerate(sources):
            if pattern and (match := pattern.search(source.translate(_FOLD))):
                return Quote(quote, index, match.start(), match.end())
    return Quote(quote, None)
