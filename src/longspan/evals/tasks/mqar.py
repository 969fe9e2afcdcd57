"""Associative recall: the values of several keys, asked for together."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import plant, scatter
from longspan.evals.metrics.retrieval import IN_ORDER
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import pair, vocabulary

PLAIN = 2000
"""Keys after which further ones are compounds, so that keys never run out."""


@dataclass(frozen=True, slots=True)
class Mqar:
    """Multi-query associative recall as text: give the values of several keys, in order.

    https://arxiv.org/abs/2312.04927. Differs from the paper: words instead of token numbers, and the keys are asked
    for at the end instead of along the way.
    """

    asked: int = 8
    """Keys that are asked for."""
    filler: Literal["pairs", "words"] = "pairs"
    """What lies between their pairs: pairs that nobody asks for, or random words."""

    rule: ClassVar[Rule] = IN_ORDER

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=f"give the values of {self.asked} keys among {'other pairs' if self.filler == 'pairs' else 'words'}",
            ability="retrieval",
            scope="low",
            diffusion="high" if self.filler == "pairs" else "low",
            paper="https://arxiv.org/abs/2312.04927",
            tokens=8 * self.asked,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the pairs asked for lie anywhere."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 8)

    def solve(self, sample: Sample) -> str:
        """The values that stand beside the keys of the question."""
        values = dict(re.findall(r"(\S+) = (\S+)", sample.context))
        (keys,) = re.findall(r"keys: (.*)\.", sample.after)
        return ", ".join(values[key] for key in keys.split(", "))

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        first, second = vocabulary()[::2], vocabulary()[1::2]
        keys = _keys(random, first, self.asked + (size if self.filler == "pairs" else 0))
        pairs = [f"{key} = {random.choice(second)}" for key in keys]
        needles = pairs[: self.asked]
        filler = pairs[self.asked :] if self.filler == "pairs" else [random.choice(second) for _ in range(size)]
        context, spans = plant(filler, needles, scatter(random, needles, among=len(filler)), joint="\n")
        return ask.sample(
            before="Remember which value each key has: a line such as key = value says so.\n\n",
            context=context,
            after="\n\nGive the values of these keys, in this order, separated by commas, and nothing else; the "
            f"keys: {', '.join(keys[: self.asked])}.",
            start="Values:",
            answers=[needle.partition(" = ")[2] for needle in needles],
            max_tokens=self.card.tokens,
            spans=spans,
        )


def _keys(random: Random, words: tuple[str, ...], n: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < n:
        found[random.choice(words) if len(found) < PLAIN else pair(random)] = None
    return list(found)


TASKS = {"mqar": Mqar(), "mqar/words": Mqar(filler="words")}
