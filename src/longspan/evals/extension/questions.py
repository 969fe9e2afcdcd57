"""What a model is read: real text with needles in it, whose last tokens and whose needles it is to expect."""

from __future__ import annotations

from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import accumulate
from random import Random
from typing import Literal

from longspan.core.errors import InputError
from longspan.evals.haystack import Haystack
from longspan.evals.words import distinct, number, pair
from longspan.models.model import Model

SCORED = 512
"""Tokens at the end of a text whose perplexity counts; a quarter of the shortest length where that is less."""
Kind = Literal["text", "needle"]
LONG = 16
"""Tokens from which on a sentence that comes twice is not chance: real text repeats whole passages."""
INTRO = "Secret numbers are hidden in the text below. Remember them: you will be asked for one of them at the end.\n\n"
NEEDLE = " The secret number of {key} is {value}."
QUESTION = "\n\nWhat is the secret number of {key} that the text above mentions?"
START = "The secret number of {key} in the text is"


@dataclass(frozen=True, slots=True)
class Needle:
    """A question about a text that was read."""

    number: int
    """Which of its length's."""
    depth: float
    """Share of the text before the needle."""
    tokens: tuple[int, ...] = field(repr=False)
    """The question and the value to be expected."""
    scored: int
    """How many tokens at the end are the value."""


@dataclass(frozen=True, slots=True)
class Reading:
    """A text to read once, its last tokens to expect, and what to ask about it then, one after the other."""

    length: int
    """Tokens of the text with the longest of its questions."""
    number: int
    tokens: tuple[int, ...] = field(repr=False)
    scored: int
    """How many tokens at the end of the text count."""
    needles: tuple[Needle, ...] = ()

    @property
    def key(self) -> str:
        """What no other reading of a run shares."""
        return f"{self.length} {self.number}"


def readings(
    model: Model,
    hay: Haystack,
    lengths: Sequence[int],
    documents: int,
    needles: int = 0,
    *,
    seed: int = 0,
    shift: float = 0.25,
) -> list[Reading]:
    """Pieces of real text that end at the same places whatever their length, so the same tokens are expected.

    `needles` of each length lie scattered over the pieces, none of them among the expected tokens; a length too short
    for them has none. `shift` moves all ends, 0 to 1 of the way to the next: pieces of other shifts expect other
    tokens. InputError where the text is too short for so many pieces, or the longest length for the needles.
    """
    texts = _Texts(model, hay)
    longest, scored = max(lengths), max(1, min(SCORED, min(lengths) // 4))
    room = (len(texts.stream) - longest) / documents
    if room < 2 * scored:
        raise InputError(
            f"{hay.name} has {len(texts.stream):,} tokens: {documents} pieces of up to {longest:,} that end in "
            f"{scored} tokens of their own need {longest + 2 * scored * documents:,}. Give more text with --docs"
        )
    made = []
    for length in lengths:
        for index in range(documents):
            end = longest + int(room * (index + shift))
            spots = [(each, (each + 0.5) / needles) for each in range(index, needles, documents)]
            random = Random(f"{seed} {length} {index}")
            reading = texts.reading(length, index, end, scored, spots, random)
            if reading is None and length < longest:
                reading = texts.reading(length, index, end, scored, [], random)
            if reading is None:
                what = f"a text that hides {len(spots)} numbers" if spots and length == longest else "a text"
                raise InputError(f"{length:,} tokens are too few for {what}: give a greater length")
            made.append(reading)
    return made


class _Texts:
    """A long text as tokens, with the places where its sentences end, and the message around a piece of it."""

    def __init__(self, model: Model, hay: Haystack) -> None:
        self._model = model
        self._name = hay.name
        self._sentences = [tuple(model.encode(f" {sentence}")) for sentence in hay.sentences]
        self.stream = [token for sentence in self._sentences for token in sentence]
        self._ends = list(accumulate(map(len, self._sentences)))
        self._head, _ = self._around("")

    def reading(
        self, length: int, index: int, end: int, scored: int, spots: Sequence[tuple[int, float]], random: Random
    ) -> Reading | None:
        """A piece up to `end` with needles at these depths; None where they would be more than half of it."""
        keys = distinct(random, pair, len(spots))
        values = [number(random) for _ in spots]
        hidden = [self._model.encode(NEEDLE.format(key=k, value=v)) for k, v in zip(keys, values, strict=True)]
        asked = [
            (tuple(self._around(key)[1]), tuple(self._model.encode(f" {value}")))
            for key, value in zip(keys, values, strict=True)
        ]
        extra = max((len(question) + len(value) for question, value in asked), default=0)
        room = length - len(self._head) - scored - sum(map(len, hidden)) - extra
        if room < max(1, sum(map(len, hidden))):
            return None
        before, ends = self._before(end - scored, end)
        first = len(before) - room
        if first < 0:
            raise InputError(f"{self._name} says too much twice for {length:,} tokens: give more text with --docs")
        breaks = [0, *(at - first for at in ends if first < at)]
        places = [min(breaks, key=lambda at: abs(at - depth * room)) for _, depth in spots]
        piece, at = list[int](), 0
        for place, needle in sorted(zip(places, hidden, strict=True)):
            piece += [*before[first + at : first + place], *needle]
            at = place
        piece += [*before[first + at :], *self.stream[end - scored : end]]
        needles = tuple(
            Needle(number, place / room, question + value, len(value))
            for (number, _), place, (question, value) in zip(spots, places, asked, strict=True)
        )
        return Reading(length, index, (*self._head, *piece), scored, needles)

    def _before(self, last: int, end: int) -> tuple[list[int], list[int]]:
        """The text before `last` without sentences that stand again between there and `end`, and where others end."""
        cut, rest = bisect_right(self._ends, last), bisect_left(self._ends, end) + 1
        again = {sentence for sentence in self._sentences[cut:rest] if len(sentence) >= LONG}
        kept = [sentence for sentence in self._sentences[:cut] if sentence not in again]
        begun = self.stream[self._ends[cut - 1] if cut else 0 : last]
        return [token for sentence in kept for token in sentence] + begun, list(accumulate(map(len, kept)))

    def _around(self, key: str) -> tuple[list[int], list[int]]:
        """Tokens before a text and after it, up to the value of a key."""
        messages = [("user", INTRO, QUESTION.format(key=key)), ("assistant", "", START.format(key=key))]
        return self._model.chat_apart(messages)
