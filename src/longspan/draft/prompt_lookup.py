"""What followed the last words when the text had them before."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from longspan.core.errors import InputError
from longspan.core.types import Choose, Proposal, Reader


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
    _indexed: int = 0

    def propose(self, text: Sequence[int], room: int, choose: Choose) -> Proposal:
        """Guess from the longest run of last tokens that the text had before."""
        self._index(text)
        for size in range(min(self.settings.ngram, len(text) - 1), 0, -1):
            if end := self._ends.get(tuple(text[len(text) - size :])):
                return Proposal(list(text[end : end + min(room, self.settings.tokens)]))
        return Proposal([])

    def close(self) -> None:
        """Nothing to give back."""

    def _index(self, text: Sequence[int]) -> None:
        """Take note of the runs that end before the last token."""
        for end in range(self._indexed + 1, len(text)):
            for size in range(1, min(self.settings.ngram, end) + 1):
                self._ends.setdefault(tuple(text[end - size : end]), end)
        self._indexed = max(self._indexed, len(text) - 1)
