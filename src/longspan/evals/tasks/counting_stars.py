"""Counting stars: every number of a series that is spread evenly over a text."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place, plant
from longspan.evals.metrics.retrieval import LISTED
from longspan.evals.task import Card, Rule, Sample

_SAID = re.compile(r"the owl saw (\d+) ★\.(?: Looking again, it saw that (\d+) ★ was right\.)?")


@dataclass(frozen=True, slots=True)
class CountingStars:
    """Counting-Stars: list every number of a series spread evenly over real text. https://arxiv.org/abs/2403.11802

    Differs from the paper: the numbers all differ.
    """

    stars: int = 32
    """Numbers in the text (M)."""
    corrected: bool = False
    """Whether each number is wrong at first and put right in the same place: only the right ones are asked for."""

    rule: ClassVar[Rule] = LISTED

    @property
    def card(self) -> Card:
        """What it is."""
        right = " that were put right" if self.corrected else ""
        return Card(
            about=f"list the {self.stars} numbers{right} of a series spread over real text",
            ability="reasoning" if self.corrected else "aggregation",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2403.11802",
            shortest=(36 if self.corrected else 20) * self.stars,
            tokens=5 * self.stars + 16,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the numbers lie at equal distances, the last one at the end."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The numbers that the text says last, each in its place."""
        return f"[{', '.join(right or said for said, right in _SAID.findall(sample.context))}]"

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        numbers = self._draw(random)
        answers = numbers[: self.stars]
        said = [f"That night the owl saw {number} ★." for number in answers]
        if self.corrected:
            said = [
                f"That night the owl saw {wrong} ★. Looking again, it saw that {right} ★ was right."
                for right, wrong in zip(answers, numbers[self.stars :], strict=True)
            ]
        sentences = ask.haystack.take(random.randrange(len(ask.haystack.sentences)), size)
        places = [place(sentences, (index + 1) / self.stars) for index in range(self.stars)]
        context, spans = plant(sentences, said, places)
        right = "the right number of stars" if self.corrected else "the number of stars"
        return ask.sample(
            before="In the text below an owl looks at the stars (★) on many nights.\n\n",
            context=context,
            after=f"\n\nList {right} that the owl saw on each night of the text above, in order, as JSON and nothing "
            "else: [number, number, ...]",
            answers=answers,
            max_tokens=self.card.tokens,
            spans=spans,
        )

    def _draw(self, random: Random) -> list[str]:
        return [str(number) for number in random.sample(range(1, 20 * self.stars), 2 * self.stars)]


TASKS = {"counting_stars": CountingStars(), "counting_stars/corrected": CountingStars(corrected=True)}
