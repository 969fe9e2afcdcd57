"""Passkey: a number hidden in repeated noise."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import noise, place, plant
from longspan.evals.metrics.retrieval import FIRST_NUMBER
from longspan.evals.task import Card, Rule, Sample


@dataclass(frozen=True, slots=True)
class Passkey:
    """Landmark attention's passkey: tell a number hidden in repeated noise. https://arxiv.org/abs/2305.16300"""

    highest: int = 50_000
    """The key is 1 to this."""

    rule: ClassVar[Rule] = FIRST_NUMBER

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="tell the number hidden in repeated noise",
            ability="retrieval",
            scope="low",
            diffusion="low",
            paper="https://arxiv.org/abs/2305.16300",
            tokens=16,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the key lies at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The number that the text calls the pass key."""
        (key,) = re.findall(r"pass key is (\d+)", sample.context)
        return str(key)

    def _build(self, ask: Ask, size: int) -> Sample:
        key = str(ask.random().randint(1, self.highest))
        sentences = noise().take(0, size)
        needle = f"Attention, the pass key is {key}. Keep {key} in mind."
        context, spans = plant(sentences, [needle], [place(sentences, ask.depth)])
        return ask.sample(
            before="One sentence of the text below matters, and the rest does not. It gives a pass key: find it and "
            "keep it in mind, for you will be asked for it.\n\n",
            context=context,
            after="\n\nWhich pass key does the text above give?",
            start="The pass key is",
            answers=(key,),
            max_tokens=self.card.tokens,
            depth=spans[0][0] / len(context),
            spans=spans,
        )


TASKS = {"passkey": Passkey()}
