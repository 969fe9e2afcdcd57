"""Altered numbers: a number of a real text, changed everywhere in it, so that only reading tells it."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache
from itertools import count
from random import Random
from typing import ClassVar

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import Haystack
from longspan.evals.metrics.retrieval import MENTIONED
from longspan.evals.task import Card, Rule, Sample

GAP = "[???]"
YEARS = range(1000, 2101)
"""Numbers taken for years, which change by 10 at most."""
LETTERS = 0.7
"""Share of a sentence's characters that are letters at least, so that it is prose and no table or program."""
_NUMBER = re.compile(r"(?<!\S)([1-9]\d+)(?=[,;.!?]?(?!\S))", re.ASCII)


@dataclass(frozen=True, slots=True)
class AlteredNumericQa:
    """Giraffe's AltQA: a question answered by a number that was changed everywhere. https://arxiv.org/abs/2308.10882

    Differs from the paper: any real text instead of Wikipedia's, and the question is a sentence of it with a gap.
    """

    asked_first: bool = False
    """Whether the question stands before the text instead of behind it."""

    rule: ClassVar[Rule] = MENTIONED

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="fill the gap of a sentence with the number that the text has, changed from the true one",
            ability="retrieval",
            scope="low",
            diffusion="high",
            paper="https://arxiv.org/abs/2308.10882",
            source="the text to hide things in, one of its numbers changed",
            licence="as of the text",
            shortest=400,
            tokens=32,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: the text around a sentence that lies at the depth asked for; InputError where none has a number.

        The data has the number that was changed.
        """
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """What stands in the gap."""
        gap = re.escape(GAP)
        (question,) = re.findall(rf"^.*{gap}.*$", sample.before + sample.after, re.MULTILINE)
        pattern = re.escape(question).replace(gap, r"(\d+)")
        found = re.search(pattern, sample.context)
        return found.group(1) if found else ""

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        at, original = random.choice(_candidates(ask.haystack))
        sentence = ask.haystack.sentences[at]
        answer = alter(random, original, avoid=sentence)
        size_before = round(ask.depth * size)
        earlier, later = _around(ask.haystack, at, size_before, size - size_before)
        context = replace(" ".join([*earlier, sentence, *later]), original, answer)
        first = len(replace("".join(f"{each} " for each in earlier), original, answer))
        last = first + len(replace(sentence, original, answer))
        question = f"Which number belongs in the gap of this sentence of the text?\n{_gap(sentence, original)}"
        return ask.sample(
            before="Answer from the text below, even where you know better.\n\n"
            + (f"{question}\n\n" if self.asked_first else ""),
            context=context,
            after=f"\n\n{'Answer the question before the text.' if self.asked_first else question}",
            start="The number is",
            answers=(answer,),
            max_tokens=self.card.tokens,
            depth=first / len(context),
            spans=((first, last),),
            data={"original": original},
        )


def replace(text: str, number: str, other: str) -> str:
    """A text with a number changed wherever it stands as one, also within a name such as 3.14 or x-14."""
    return re.sub(rf"(?<!\d){number}(?!\d)", other, text, flags=re.ASCII)


def _gap(sentence: str, number: str) -> str:
    return replace(sentence, number, GAP)


def alter(random: Random, number: str, *, avoid: str) -> str:
    """Another number of as many digits that `avoid` does not have; a year differs by 10 at most."""
    value = int(number)
    near = range(value - 10, value + 11)
    many = range(10 ** (len(number) - 1), 10 ** len(number))
    choices = [each for each in near if each in many] if value in YEARS else many
    while True:
        other = str(random.choice(choices))
        if other not in avoid:
            return other


@lru_cache(maxsize=8)
def _candidates(haystack: Haystack) -> tuple[tuple[int, str], ...]:
    """Sentences of prose with a number of two digits or more, which is named, once each."""
    found = {
        _shape(sentence): (index, number)
        for index, sentence in enumerate(haystack.sentences)
        if sum(letter.isalpha() for letter in sentence) >= LETTERS * len(sentence) and sentence.count(" ") >= 6
        for number in _NUMBER.findall(sentence)[:1]
    }
    if not found:
        raise InputError(f"{haystack.name} has no sentence with a number of two digits or more: give another text")
    return tuple(found.values())


def _around(haystack: Haystack, at: int, before: int, after: int) -> tuple[list[str], list[str]]:
    """`before` words that precede a sentence and `after` words that follow it, cut at the far ends to the word.

    Sentences that differ from it in digits alone are left out, so that only one fits the question.
    """
    earlier = [sentence.split(" ") for sentence in _walk(haystack, at, -1, before)]
    later = [sentence.split(" ") for sentence in _walk(haystack, at, 1, after)]
    if earlier:
        earlier[-1] = earlier[-1][max(0, sum(map(len, earlier)) - before) :]
    if later:
        later[-1] = later[-1][: len(later[-1]) - max(0, sum(map(len, later)) - after)]
    return [" ".join(words) for words in reversed(earlier)], [" ".join(words) for words in later]


def _walk(haystack: Haystack, at: int, step: int, words: int) -> Iterator[str]:
    """Sentences from beside `at` on that have `words` words together, and the rest of the last one."""
    shape, n, found = _shape(haystack.sentences[at]), len(haystack.sentences), False
    for turn in count(1):
        sentence = haystack.sentences[(at + turn * step) % n]
        if words <= 0 or (turn > n and not found):
            return
        if _shape(sentence) != shape:
            found = True
            words -= sentence.count(" ") + 1
            yield sentence


def _shape(sentence: str) -> str:
    return re.sub(r"\d+", "0", sentence)


TASKS = {
    "altered_numeric_qa": AlteredNumericQa(),
    "altered_numeric_qa/asked_first": AlteredNumericQa(asked_first=True),
}
