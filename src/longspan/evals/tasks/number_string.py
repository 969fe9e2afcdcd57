"""Number string: many digits, some of them repeated, hidden in repeated noise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import noise, place, plant
from longspan.evals.metrics.retrieval import FIRST_NUMBER
from longspan.evals.task import Card, Rule, Sample


@dataclass(frozen=True, slots=True)
class NumberString:
    """InfiniteBench's number string: a passkey of digits that repeat. https://arxiv.org/abs/2402.13718"""

    digits: int = 5
    """Random digits."""
    repeated: int = 5
    """Times that one of them is doubled."""

    rule: ClassVar[Rule] = FIRST_NUMBER

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=f"tell a string of {self.digits + self.repeated} digits, many of them repeated, hidden in noise",
            ability="retrieval",
            scope="low",
            diffusion="low",
            paper="https://arxiv.org/abs/2402.13718",
            tokens=24,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the digits lie at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The digits that the text calls the number string."""
        (digits,) = re.findall(r"number string is (\d+)", sample.context)
        return str(digits)

    def _build(self, ask: Ask, size: int) -> Sample:
        digits = self._draw(ask.random())
        sentences = noise().take(0, size)
        needle = f"Here it comes: the number string is {digits}. Do not lose {digits}."
        context, spans = plant(sentences, [needle], [place(sentences, ask.depth)])
        return ask.sample(
            before="Somewhere in the text below, of which the rest is of no use, stands a number string. Remember each "
            "of its digits.\n\n",
            context=context,
            after="\n\nWhich number string does the text above give?",
            start="The number string is",
            answers=(digits,),
            max_tokens=self.card.tokens,
            depth=spans[0][0] / len(context),
            spans=spans,
        )

    def _draw(self, random: Random) -> str:
        digits = [str(random.randint(1, 9)), *(str(random.randint(0, 9)) for _ in range(self.digits - 1))]
        for _ in range(self.repeated):
            at = random.randrange(len(digits))
            digits.insert(at, digits[at])
        return "".join(digits)


TASKS = {"number_string": NumberString()}
