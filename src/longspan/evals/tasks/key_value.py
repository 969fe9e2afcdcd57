"""Key and value: the value of one key in a long JSON object."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.retrieval import MENTIONED
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import distinct, unique_id


@dataclass(frozen=True, slots=True)
class KeyValue:
    """Key-value retrieval: tell the value of a key in a JSON object of random ids. https://arxiv.org/abs/2307.03172

    also: InfiniteBench, https://arxiv.org/abs/2402.13718; HELMET (two shots), https://arxiv.org/abs/2410.02694
    """

    shots: int = 0
    """Other keys of the object that the question shows with their values."""
    twice: bool = False
    """Whether the question stands before the object too ("query-aware contextualization")."""

    rule: ClassVar[Rule] = MENTIONED

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="tell the value of a key in a long JSON object of random ids",
            ability="retrieval",
            scope="low",
            diffusion="high",
            paper="https://arxiv.org/abs/2410.02694" if self.shots else "https://arxiv.org/abs/2307.03172",
            shortest=512,
            tokens=64,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the key asked for lies at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 48)

    def solve(self, sample: Sample) -> str:
        """The value that the object has for the last key of the prompt."""
        return str(json.loads(sample.context)[re.findall(r'Key: "(\S+)"', sample.after)[-1]])

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        n = size + self.shots + 1
        ids = distinct(random, unique_id, 2 * n)
        pairs = list(zip(ids[::2], ids[1::2], strict=True))
        at = round(ask.depth * (n - 1))
        shown = random.sample([index for index in range(n) if index != at], self.shots)
        lines = [f'"{key}": "{value}"' for key, value in pairs]
        context = "{" + ",\n ".join(lines) + "}"
        first = context.index(lines[at])
        question = f'Key: "{pairs[at][0]}"'
        shots = "".join(f'Key: "{pairs[index][0]}"\nValue: "{pairs[index][1]}"\n\n' for index in shown)
        return ask.sample(
            before="Look the value of a key up in the JSON object below.\n\n"
            + (f"{question}\n\n" if self.twice else ""),
            context=context,
            after=f"\n\nWhich value does the JSON object above have for the last key?\n\n{shots}{question}",
            start="Value:",
            answers=(pairs[at][1],),
            max_tokens=self.card.tokens,
            depth=first / len(context),
            spans=((first, first + len(lines[at])),),
        )


TASKS = {
    "key_value": KeyValue(),
    "key_value/asked_twice": KeyValue(twice=True),
    "key_value/two_shots": KeyValue(shots=2),
}
