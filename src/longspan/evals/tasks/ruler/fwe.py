"""Frequent words extraction: RULER's coded text."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from math import ceil, pow
from random import Random
from string import ascii_lowercase
from typing import ClassVar

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.ruler import STRING_MATCH_ALL
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import distinct

DOTS = "..."
"""What stands for the most frequent word."""


@dataclass(frozen=True, slots=True)
class FrequentWords:
    """RULER frequent words: tell the three most frequent words of a coded text. https://arxiv.org/abs/2404.06654"""

    alpha: float = 2.0
    """Exponent of the frequencies: the k-th word comes k**-alpha as often as the first (alpha); above 1."""

    rule: ClassVar[Rule] = STRING_MATCH_ALL

    def __post_init__(self) -> None:
        if not self.alpha > 1:
            raise InputError(f"alpha is {self.alpha}: frequencies need an exponent above 1, 2.0 in the paper")

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="tell the three most frequent made-up words of a text",
            ability="aggregation",
            scope="high",
            diffusion="high",
            paper="https://arxiv.org/abs/2404.06654",
            shortest=512,
            tokens=50,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the text has as many words as ranks 4 and 5 need to differ, and what else fits."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 6)

    def solve(self, sample: Sample) -> str:
        """The words counted."""
        counted = Counter(re.findall(r"\b[a-z]{6}\b", sample.context))
        return " ".join(word for word, _ in counted.most_common(3))

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        words = distinct(random, _word, max(5, ask.length // 50))
        total = zeta(self.alpha)
        size += ceil(total / (pow(4, -self.alpha) - pow(5, -self.alpha)))
        counts = [int(size * pow(rank, -self.alpha) / total) for rank in range(1, len(words) + 1)]
        text = [word for word, count in zip([DOTS, *words[1:]], counts, strict=True) for _ in range(count)]
        random.shuffle(text)
        return ask.sample(
            before=f"The text below is made of coded words. Note how often each of them occurs; {DOTS} is no word.\n\n",
            context=" ".join(text),
            after=f"\n\nQuestion: Which three coded words occur most often in the text above? Leave {DOTS} out of "
            "account and give the words alone, without an explanation.",
            start="Answer: The three words that occur most often are:",
            answers=words[1:4],
            max_tokens=self.card.tokens,
        )


def zeta(alpha: float) -> float:
    """Riemann's zeta function above 1: the sum of k**-alpha over all k from 1 on."""
    last = 1000
    return sum(pow(k, -alpha) for k in range(1, last)) + pow(last, 1 - alpha) / (alpha - 1) + pow(last, -alpha) / 2


def _word(random: Random) -> str:
    return "".join(random.choices(ascii_lowercase, k=6))


TASKS = {"ruler/fwe": FrequentWords()}
