"""The model itself, reading little of the prompt."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

from longspan.core.errors import InputError
from longspan.core.types import Reader
from longspan.draft.follow import Guesser

SATURATION, LENGTH = 1.5, 0.75
"""How soon more of the same token counts no more, and how much long pieces are held back (k1 and b of BM25)."""


@dataclass(frozen=True, slots=True)
class RAPID:
    """RAPID: the model guesses for itself from the pieces of the prompt that match its end. https://arxiv.org/abs/2502.20330

    Differs from the paper: pieces are ranked by the tokens they share with the question (BM25), not by an embedder; its
    knowledge transfer, which changes what is written, is left out, so replies stay those of the model alone.
    """

    tokens: int = 4
    """Tokens guessed at a time (gamma)."""
    budget: int = 2048
    """Tokens of the prompt that the draft reads, the question among them."""
    piece: int = 512
    """Tokens of a piece."""
    question: int = 128
    """Last tokens of the prompt that pieces are to match; the draft always reads them."""

    def __post_init__(self) -> None:
        if min(self.tokens, self.piece, self.question) < 1:
            raise InputError(
                f"RAPID: tokens={self.tokens}, piece={self.piece} and question={self.question} must be at least 1"
            )
        if self.budget < self.piece + self.question:
            raise InputError(
                f"RAPID: budget={self.budget} holds no piece of {self.piece} beside a question of {self.question}: "
                f"give {self.piece + self.question} or more"
            )

    def open(self, reader: Reader) -> Guesser:
        """Open a draft that reads its pieces when it is first asked."""
        return Guesser(self.tokens, lambda text: reader.apart(self.chosen(text)))

    def chosen(self, text: Sequence[int]) -> list[int]:
        """The best pieces of a text in its own order, and its end."""
        cut = max(0, len(text) - self.question)
        pieces = [text[start : min(start + self.piece, cut)] for start in range(0, cut, self.piece)]
        score = _bm25(pieces, set(text[cut:]))
        ranked = sorted(range(len(pieces)), key=lambda index: (-score[index], index))
        room, taken = self.budget - (len(text) - cut), []
        for index in ranked:
            if len(pieces[index]) <= room:
                taken.append(index)
                room -= len(pieces[index])
        return [token for index in sorted(taken) for token in pieces[index]] + list(text[cut:])


def _bm25(pieces: Sequence[Sequence[int]], question: set[int]) -> list[float]:
    """How well each piece matches the tokens asked for. https://doi.org/10.1561/1500000019"""
    counts = [Counter(piece) for piece in pieces]
    usual = sum(map(len, pieces)) / max(1, len(pieces))
    score = [0.0] * len(pieces)
    for token in question:
        holding = sum(token in count for count in counts)
        rarity = math.log(1 + (len(pieces) - holding + 0.5) / (holding + 0.5))
        for index, count in enumerate(counts):
            often = count[token]
            held = SATURATION * (1 - LENGTH + LENGTH * len(pieces[index]) / usual)
            score[index] += rarity * often * (SATURATION + 1) / (often + held)
    return score
