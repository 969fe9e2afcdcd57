"""Long sums: every value on the way through one long expression."""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import accumulate, pairwise
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.retrieval import PREFIX
from longspan.evals.task import Card, Rule, Sample

STEP = 5
"""Tokens of the reply that each value may take: two digits, a comma, a space, and one to spare."""


@dataclass(frozen=True, slots=True)
class MathCalc:
    """InfiniteBench's math.calc: all intermediate values of a long sum. https://arxiv.org/abs/2402.13718"""

    highest: int = 99
    """Values on the way are 0 to this; two digits at most."""

    rule: ClassVar[Rule] = PREFIX

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="give the value after every step of one long sum",
            ability="long generation",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2402.13718",
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; its reply takes more than half of the length."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 8)

    def solve(self, sample: Sample) -> str:
        """The sum worked out."""
        first, *steps = re.findall(r"[+-]? ?\d+", sample.context)
        values = list(accumulate((int(step.replace(" ", "")) for step in steps), initial=int(first)))
        return ", ".join(str(value) for value in values[1:])

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        values = [random.randint(0, self.highest)]
        for _ in range(size + 1):
            other = random.randrange(self.highest)
            values.append(other + (other >= values[-1]))
        steps = [after - before for before, after in pairwise(values)]
        return ask.sample(
            before="Work the expression below out from left to right.\n\n",
            context=" ".join([str(values[0]), *(f"{'+' if step > 0 else '-'} {abs(step)}" for step in steps)]),
            after="\n\nGive the value after every step of the expression above, in order and separated by commas, and "
            "nothing else: for 3 + 5 - 6 that is 8, 2.",
            start="Values:",
            answers=tuple(str(value) for value in values[1:]),
            max_tokens=STEP * len(steps),
        )


TASKS = {"math_calc": MathCalc()}
