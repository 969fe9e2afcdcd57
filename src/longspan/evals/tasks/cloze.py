"""A missing word of a sentence that the text has whole: made of any document."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import Haystack
from longspan.evals.metrics.ruler import STRING_MATCH_ALL
from longspan.evals.task import Card, Rule, Sample

WORD = re.compile(r"[A-Za-z][A-Za-z'-]{4,}|\d[\d.,]*\d")
GAP = "_____"
SHORTEST, LONGEST = 8, 40
"""Words of a sentence that is asked for."""
LEAST = 120
"""Words of the shortest text."""
TRIES = 200
ASKED = re.compile(r"Sentence: (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cloze:
    """Cloze: fill the gap in a sentence that stands whole somewhere in the text. https://doi.org/10.1177/107769905303000401

    Differs from the paper: one gap, and the text with the answer is given, so that reading decides and not guessing;
    the word occurs once only in the whole prompt.
    """

    rule: ClassVar[Rule] = STRING_MATCH_ALL

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="fill the gap in a sentence that the text has whole",
            ability="retrieval",
            scope="low",
            diffusion="high",
            paper="https://doi.org/10.1177/107769905303000401",
            source="the text that is given, else the Python reference",
            tokens=24,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the sentence lies as near to the depth asked for as a usable one does."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """What stands in the gap's place in the sentence as the text has it."""
        (sentence,) = ASKED.findall(sample.after)
        before, _, after = sentence.partition(GAP)
        found = re.search(rf"{re.escape(before)}(\S+?){re.escape(after)}", sample.context)
        return found[1] if found else ""

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        sentences = ask.haystack.take(_start(random, ask.haystack), max(size, LEAST))
        found = _gap(random, sentences, ask.depth)
        assert found, "a start was taken that has a gap"
        at, word = found
        context = " ".join(sentences)
        first = context.index(sentences[at])
        span = (first, first + len(sentences[at]))
        left, _, right = sentences[at].partition(word)
        return ask.sample(
            before="Read the text. A sentence of it is shown again at the end with one word missing.\n\n",
            context=context,
            after=f"\n\nWhich word of the text is missing here? Answer with that word alone.\n"
            f"Sentence: {left}{GAP}{right}",
            start="The missing word is",
            answers=[word],
            max_tokens=24,
            depth=span[0] / max(1, len(context)),
            spans=(span,),
        )


def _start(random: Random, haystack: Haystack) -> int:
    """Number of a sentence from which on even the shortest text has one to ask for."""
    for _ in range(TRIES):
        start = random.randrange(len(haystack.sentences))
        if _gap(random, haystack.take(start, LEAST), 0.0):
            return start
    raise InputError(f"the text {haystack.name} has hardly a sentence with a word of its own: give a longer text")


def _gap(random: Random, sentences: list[str], depth: float) -> tuple[int, str] | None:
    """The usable sentence nearest to a depth, by number, and a word of it that occurs nowhere else; None without."""
    text = " ".join(sentences)
    order = sorted(range(len(sentences)), key=lambda index: abs(index - depth * (len(sentences) - 1)))
    for index in order:
        sentence = sentences[index]
        if SHORTEST <= sentence.count(" ") + 1 <= LONGEST and text.count(sentence) == 1:
            words = [word for word in WORD.findall(sentence) if text.count(word) == 1]
            if words:
                return index, random.choice(words)
    return None


TASKS = {"cloze": Cloze()}
