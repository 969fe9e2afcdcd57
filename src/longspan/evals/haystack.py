"""Text to hide things in: noise, this Python's own reference, or any text a person gives."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cache
from itertools import accumulate
from random import Random

from longspan.archive.digest import digest_of
from longspan.core.errors import InputError

NOISE = "The grass is green. The sky is blue. The sun is yellow. Here we go. There and back again."
LONGEST = 60
"""Words after which a sentence is taken to end: tables have none."""
RULE = 3
"""Times that one sign is left to stand in a row: the lines of tables would count as one word each, at many tokens."""
_ROW = re.compile(rf"([^\w\s])\1{{{RULE},}}")
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'(]?[A-Z0-9])|\n\s*\n")


@dataclass(frozen=True)
class Haystack:
    """A text as its sentences, endless: after the last one comes the first."""

    name: str
    """What rows and samples call it; two texts never share it."""
    sentences: tuple[str, ...] = field(repr=False)

    @classmethod
    def of(cls, text: str, *, name: str = "") -> Haystack:
        """Cut a text into sentences; InputError where there are none."""
        short = _ROW.sub(lambda row: row[1] * RULE, text)
        found = (piece.split() for piece in _SENTENCE.split(short))
        cut = tuple(" ".join(words[at : at + LONGEST]) for words in found for at in range(0, len(words), LONGEST))
        if not cut:
            raise InputError("the text to hide things in is empty: give one with sentences")
        return cls(f"{name or 'text'}-{digest_of(text)[:8]}", cut)

    def take(self, start: int, words: int) -> list[str]:
        """Sentences from number `start` on, `words` words of them, the last one cut short to the word."""
        taken: list[str] = []
        index = start
        while words > 0:
            sentence = self.sentences[index % len(self.sentences)]
            length = sentence.count(" ") + 1
            taken.append(sentence if length <= words else " ".join(sentence.split(" ")[:words]))
            words -= length
            index += 1
        return taken


@cache
def library() -> Haystack:
    """The reference of the Python language and library as this Python ships it, about 465 kB."""
    from pydoc_data.topics import topics

    return Haystack.of("\n\n".join(topics[name] for name in sorted(topics)), name="python-reference")


@cache
def noise() -> Haystack:
    """The five sentences that RULER repeats."""
    return Haystack("noise", tuple(f"{sentence.rstrip('.')}." for sentence in NOISE.split(". ")))


def scatter(random: Random, pieces: Sequence[str], *, among: int) -> list[int]:
    """Places anywhere, in any order, for pieces in a text of `among` sentences."""
    return [random.randint(0, among) for _ in pieces]


def place(sentences: Sequence[str], depth: float) -> int:
    """Where a piece goes so that `depth` (0 to 1) of the text's characters lie before it, to the nearest sentence."""
    ends = list(accumulate((len(sentence) + 1 for sentence in sentences), initial=0))
    return min(range(len(ends)), key=lambda index: abs(ends[index] - depth * ends[-1]))


def plant(
    sentences: Sequence[str], needles: Sequence[str], places: Sequence[int], *, joint: str = " "
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """Put each needle before the sentence of its place; the text, and the characters of every needle in it.

    Needles of one place keep their order. Places are 0 to len(sentences).
    """
    parts: list[tuple[str, int | None]] = []
    by_place: dict[int, list[int]] = {}
    for number, place in enumerate(places):
        by_place.setdefault(place, []).append(number)
    for place in range(len(sentences) + 1):
        parts += [(needles[number], number) for number in by_place.get(place, ())]
        parts += [(sentences[place], None)] if place < len(sentences) else []
    spans: dict[int, tuple[int, int]] = {}
    at = 0
    for text, planted in parts:
        if planted is not None:
            spans[planted] = (at, at + len(text))
        at += len(text) + len(joint)
    return joint.join(text for text, _ in parts), tuple(spans[number] for number in range(len(needles)))
