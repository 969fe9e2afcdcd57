"""What followed the last words when the text had them before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from longspan.core.errors import InputError
from longspan.core.types import Chooser, Proposal, Reader
from longspan.draft.follow import shared


@dataclass(frozen=True, slots=True)
class PromptLookup:
    """Prompt lookup: guess what followed the last few tokens where the text had them first. https://github.com/apoorvumang/prompt-lookup-decoding"""

    ngram: int = 3
    """Last tokens that are looked for; fewer, down to one, where so many are not found (max_ngram_size)."""
    tokens: int = 10
    """Tokens guessed at most (num_pred_tokens)."""

    def __post_init__(self) -> None:
        if self.ngram < 1 or self.tokens < 1:
            raise InputError(f"PromptLookup: ngram={self.ngram} and tokens={self.tokens} must both be at least 1")

    def open(self, reader: Reader) -> Lookup:
        """Open an index of the text."""
        return Lookup(self)


@dataclass(slots=True)
class Lookup:
    """Where every run of up to `ngram` tokens first ended; grows with the text."""

    settings: PromptLookup
    _ends: dict[tuple[int, ...], int] = field(default_factory=dict)
    _text: list[int] = field(default_factory=list)
    _start: int = 0

    def propose(self, text: Sequence[int], room: int, chooser: Chooser) -> Proposal:
        """Guess from the longest run of last tokens that the text had before."""
        self._index(text)
        for size in range(min(self.settings.ngram, len(text) - 1), 0, -1):
            if end := self._ends.get(tuple(text[len(text) - size :])):
                return Proposal(list(text[end : end + min(room, self.settings.tokens)]))
        return Proposal([])

    def nbytes(self) -> int:
        """Nothing on the computing device."""
        return 0

    def close(self) -> None:
        """Nothing to give back."""

    def _index(self, text: Sequence[int]) -> None:
        """Take note of the runs that end before the last token, and forget those that were taken back."""
        same = shared(self._text, text, self._start)
        while self._ends and next(reversed(self._ends.values())) > same:
            self._ends.popitem()
        for end in range(max(1, min(same + 1, len(self._text))), len(text)):
            for size in range(1, min(self.settings.ngram, end) + 1):
                self._ends.setdefault(tuple(text[end - size : end]), end)
        self._start = self._start or len(text)
        self._text[same:] = text[same:]
