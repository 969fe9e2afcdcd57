"""Variable tracking: RULER's chain of assignments."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from string import ascii_uppercase
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import noise, plant, scatter
from longspan.evals.metrics.ruler import STRING_MATCH_ALL
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import distinct, number

ASSIGNMENT = re.compile(r"VAR ([A-Z]+) = (?:VAR )?(\w+)")
EXAMPLE = 10
"""Sentences of noise in the worked example."""


@dataclass(frozen=True, slots=True)
class VariableTracking:
    """RULER variable tracking: name every variable that has a value through any number of steps.

    https://arxiv.org/abs/2404.06654
    """

    chains: int = 1
    """Values that variables are given, one of which is asked for."""
    hops: int = 4
    """Assignments from variable to variable in each chain."""

    rule: ClassVar[Rule] = STRING_MATCH_ALL

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=f"name the {self.hops + 1} variables that a chain of assignments gives a value",
            ability="tracing",
            scope="high",
            diffusion="high",
            paper="https://arxiv.org/abs/2404.06654",
            shortest=400,
            tokens=30,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the assignments stand in order, anywhere in the noise, after one worked example."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 6)

    def solve(self, sample: Sample) -> str:
        """Every variable that the assignments lead to the value of the question."""
        (value,) = re.findall(r"value (\d+)", sample.after)
        reached = [value]
        for name, of in ASSIGNMENT.findall(sample.context):
            reached += [name] if of in reached else []
        return " ".join(reached[1:])

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        values = distinct(random, lambda draw: number(draw, 5), self.chains + 1)
        example, shown, _ = self._text(random, values[:1], letters=3, noisy=EXAMPLE)
        context, names, spans = self._text(random, values[1:], letters=5, noisy=size)
        return ask.sample(
            before="Variables are given values somewhere in each text below, one from another in chains. Follow the "
            f"chains.\n\nText:\n{example}\n\n{_question(values[0])}\n{_begin(shown, values[0])} {' '.join(shown)}\n\n"
            "Text:\n",
            context=context,
            after=f"\n\n{_question(values[1])}",
            start=_begin(names, values[1]),
            answers=names,
            max_tokens=self.card.tokens,
            spans=spans[: self.hops + 1],
        )

    def _text(
        self, random: Random, values: list[str], *, letters: int, noisy: int
    ) -> tuple[str, list[str], tuple[tuple[int, int], ...]]:
        """Noise with a chain for each value, the variables of the first value, and where every assignment is."""
        drawn = distinct(random, _name(letters), len(values) * (self.hops + 1))
        sentences = [noise().sentences[index % 5] for index in range(noisy)]
        needles: list[str] = []
        places: list[int] = []
        for value in values:
            chain, drawn = drawn[: self.hops + 1], drawn[self.hops + 1 :]
            needles += [f"VAR {name} = {of}." for name, of in zip(chain, [value, *_variables(chain)], strict=False)]
            places += sorted(scatter(random, chain, among=len(sentences)))
        text, spans = plant(sentences, needles, places)
        return text, [ASSIGNMENT.findall(needle)[0][0] for needle in needles[: self.hops + 1]], spans


def _variables(chain: list[str]) -> list[str]:
    return [f"VAR {name}" for name in chain]


def _name(letters: int) -> Callable[[Random], str]:
    return lambda random: "".join(random.choices(ascii_uppercase, k=letters))


def _question(value: str) -> str:
    return f"Question: Which variables have the value {value} in the text above?"


def _begin(names: list[str], value: str) -> str:
    return f"Answer: The {len(names)} variables with the value {value} are:"


TASKS = {"ruler/vt": VariableTracking()}
