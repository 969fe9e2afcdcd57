"""Finding in numbers: the largest, the smallest or the median of a long list."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.retrieval import FIRST_NUMBER
from longspan.evals.task import Card, Rule, Sample

QUESTIONS: Mapping[str, Callable[[list[int]], int]] = {
    "largest": lambda numbers: max(numbers),
    "second largest": lambda numbers: sorted(set(numbers))[-2],
    "third largest": lambda numbers: sorted(set(numbers))[-3],
    "smallest": lambda numbers: min(numbers),
    "second smallest": lambda numbers: sorted(set(numbers))[1],
    "third smallest": lambda numbers: sorted(set(numbers))[2],
    "median": lambda numbers: sorted(numbers)[len(numbers) // 2],
}
"""What is asked, one after the other from sample to sample, and how it is found."""


@dataclass(frozen=True, slots=True)
class MathFind:
    """InfiniteBench's math.find: an order statistic of a long list of numbers. https://arxiv.org/abs/2402.13718

    Differs from the paper: equal numbers count once, as the question says; the number of numbers is odd, so that the
    median is one of them; a fifth of the values from 0 to 99 never occurs, so that the answer cannot be guessed.
    """

    highest: int = 99
    """Numbers are 0 to this; at least 9."""
    left_out: float = 0.2
    """Share of the values that do not occur in a sample."""

    rule: ClassVar[Rule] = FIRST_NUMBER

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="tell the largest, smallest (also second and third) or median number of a long list",
            ability="aggregation",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2402.13718",
            tokens=16,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; seven in a row ask the seven questions."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 8)

    def solve(self, sample: Sample) -> str:
        """What the question asks, found in the list."""
        (asked,) = re.findall(r"What is the (.+?) of", sample.after)
        return str(QUESTIONS[asked.removesuffix(" number")]([int(each) for each in sample.context.split(", ")]))

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        values = random.sample(range(self.highest + 1), round((1 - self.left_out) * (self.highest + 1)))
        numbers = [*values[:3], *(random.choice(values) for _ in range(2 * size + 2))]
        random.shuffle(numbers)
        asked = list(QUESTIONS)[ask.index % len(QUESTIONS)]
        what = "median" if asked == "median" else f"{asked} number"
        return ask.sample(
            before="Below is a long list of numbers. Answer a question about it with a number alone.\n\n",
            context=", ".join(str(number) for number in numbers),
            after=f"\n\nWhat is the {what} of the list above?"
            + ("" if asked == "median" else " A number that is there several times counts once."),
            start="Answer:",
            answers=(str(QUESTIONS[asked](numbers)),),
            max_tokens=self.card.tokens,
        )


TASKS = {"math_find": MathFind()}
