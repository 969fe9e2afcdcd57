"""TSort: four pieces of a text that were shuffled, to be put back in order."""

from __future__ import annotations

import re
from dataclasses import dataclass
from functools import partial
from itertools import pairwise, permutations, starmap
from typing import ClassVar

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import Haystack, library, place
from longspan.evals.metrics.ada_leval import TEXT_SORT, WHOLE_ORDER
from longspan.evals.task import Card, Rule, Sample

PIECES = 4
PARTS = PIECES + 2
"""The pieces, the text before them and the text after."""
LABEL = "Segment {}: {}"
SEGMENT = re.compile(r"^Segment (\d): (.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class TextSort:
    """Ada-LEval TSort: put four consecutive pieces of a text back in order. https://arxiv.org/abs/2404.06480

    Differs from the paper: pieces are runs of whole sentences of any text instead of a book's paragraphs.
    """

    strict: bool = False
    """Whether a reply must give all four numbers and nothing else, which the official rule does not ask."""

    card: ClassVar[Card] = Card(
        about="put four shuffled pieces of a real text back in order",
        ability="understanding",
        scope="high",
        diffusion="high",
        paper="https://arxiv.org/abs/2404.06480",
        shortest=512,
        tokens=32,
    )

    @property
    def rule(self) -> Rule:
        """How it is scored."""
        return WHOLE_ORDER if self.strict else TEXT_SORT

    def make(self, ask: Ask) -> Sample:
        """One sample; a sixth of the text lies before the pieces and a sixth after."""
        if len(ask.haystack.sentences) < 2 * PARTS:
            raise InputError(f"{ask.task} needs a text of at least {2 * PARTS} sentences to put in order")
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The only order in which the pieces stand in Python's reference, where samples take their text by default."""
        pieces = dict(SEGMENT.findall(sample.context))
        text = " ".join(library().sentences)
        text += " " + text[: len(sample.context)]  # after its last sentence comes its first
        orders = (order for order in permutations(pieces) if " ".join(pieces[number] for number in order) in text)
        return f"Answer: [{', '.join(next(orders))}]"

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        start = min(
            (random.randrange(len(ask.haystack.sentences)) for _ in range(8)), key=partial(_least, ask.haystack)
        )
        order = random.sample(range(PIECES), PIECES)
        before, *pieces, after = _cut(ask.haystack, start, size)
        shuffled = [pieces[number] for number in order]
        lines = [f"Before: {before}", *starmap(LABEL.format, enumerate(shuffled, 1)), f"After: {after}"]
        context = "\n\n".join(lines)
        ends = [len("\n\n".join(lines[: index + 1])) for index in range(PIECES + 1)]
        return ask.sample(
            before="Four consecutive segments of a text have been put in a random order. You see what stands before "
            "them, the four segments with the numbers they were given, and what stands after them.\n\n",
            context=context,
            after="\n\nIn which order do the four segments follow each other in the text? Reply with their numbers "
            "in that order as a list and nothing else, for example: Answer: [4, 1, 2, 3]",
            answers=[str([order.index(number) + 1 for number in range(PIECES)])],
            max_tokens=self.card.tokens,
            spans=tuple((end + 2, next_end) for end, next_end in pairwise(ends)),
        )


def _least(text: Haystack, start: int) -> int:
    """Words of the six sentences from number `start` on."""
    return sum(text.sentences[(start + part) % len(text.sentences)].count(" ") + 1 for part in range(PARTS))


def _cut(text: Haystack, start: int, size: int) -> list[str]:
    """Six consecutive parts of about the same length, at least a sentence each; the last is cut to the word."""
    sentences = text.take(start, max(size, _least(text, start)))
    bounds = [0]
    for part in range(1, PARTS):
        bounds.append(min(max(bounds[-1] + 1, place(sentences, part / PARTS)), len(sentences) - PARTS + part))
    bounds.append(len(sentences))
    return [" ".join(sentences[first:last]) for first, last in pairwise(bounds)]


TASKS = {"ada_leval/textsort": TextSort(), "ada_leval/textsort_ours": TextSort(strict=True)}
