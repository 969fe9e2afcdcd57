"""Running code in the head: what a function returns that calls others far away."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place, plant, scatter
from longspan.evals.metrics.retrieval import LAST_NUMBER
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import distinct, number

LOWEST, HIGHEST = -12, 17
"""What each function adds."""
_FUNCTION = re.compile(r"def (\w+)\(x\): return (?:(\w+)\(x\)|x) ([+-] \d+)")


@dataclass(frozen=True, slots=True)
class CodeRun:
    """InfiniteBench's code.run: the result of a chain of Python functions. https://arxiv.org/abs/2402.13718"""

    calls: int = 4
    """Functions that the answer runs through, from the one asked for on; at least 1."""

    rule: ClassVar[Rule] = LAST_NUMBER

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=f"work out what a Python function returns, {self.calls} functions deep, among many others",
            ability="reasoning",
            scope="low",
            diffusion="high",
            paper="https://arxiv.org/abs/2402.13718",
            shortest=400,
            tokens=128,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the function asked for lies at the depth asked for, those it calls anywhere."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 24)

    def solve(self, sample: Sample) -> str:
        """The functions run."""
        code = {name: (called, int(plus.replace(" ", ""))) for name, called, plus in _FUNCTION.findall(sample.context)}
        ((name, x),) = re.findall(r"(\w+)\((-?\d+)\)", sample.after)
        value = int(x)
        while name:
            name, plus = code[name]
            value += plus
        return str(value)

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        names = [f"func_{each}" for each in distinct(random, lambda draw: number(draw, 6), self.calls + size)]
        chain, others = names[: self.calls], names[self.calls :]
        plus = [random.randint(LOWEST, HIGHEST) for _ in chain]
        x = random.randint(-9, 9)
        needles = [_write(name, called, c) for name, called, c in zip(chain, [*chain[1:], ""], plus, strict=True)]
        filler = []
        for index, name in enumerate(others):
            called = random.choice(others[:index]) if index >= self.calls else ""
            filler.append(_write(name, called, random.randint(LOWEST, HIGHEST)))
        random.shuffle(filler)
        places = [place(filler, ask.depth), *scatter(random, chain[1:], among=len(filler))]
        context, spans = plant(filler, needles, places, joint="\n")
        return ask.sample(
            before="Read the Python functions below.\n\n",
            context=context,
            after=f"\n\nWhat does {chain[0]}({x}) return, given the functions above? You may follow the calls in a few "
            "words; end with the number.",
            answers=(str(x + sum(plus)),),
            max_tokens=self.card.tokens,
            depth=spans[0][0] / len(context) if self.calls == 1 else None,
            spans=spans,
        )


def _write(name: str, called: str, plus: int) -> str:
    return f"def {name}(x): return {f'{called}(x)' if called else 'x'} {'-' if plus < 0 else '+'} {abs(plus)}"


TASKS = {"code_run": CodeRun()}
