"""Common words extraction: RULER's counting of a list."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.ruler import STRING_MATCH_ALL
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import pair, vocabulary

SHORT = 4096
"""Tokens below which RULER repeats words less often and shows a smaller example."""
PLAIN = 4000
"""Words after which the list goes on with compounds, so that it never runs out of different ones."""


@dataclass(frozen=True, slots=True)
class CommonWords:
    """RULER common words: tell the ten words that a long list has most often. https://arxiv.org/abs/2404.06654

    Differs from the paper: lists that need more than 4,000 different words go on with compounds such as brave-lamp.
    """

    common: int = 10
    """Words that are asked for."""
    often: int = 30
    """Times each of them is in the list; 6 below 4,096 tokens."""
    seldom: int = 3
    """Times every other word is; 1 below 4,096 tokens."""

    rule: ClassVar[Rule] = STRING_MATCH_ALL

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=f"tell the {self.common} most common words of a list",
            ability="aggregation",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2404.06654",
            shortest=512,
            tokens=120,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample, after one worked example."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 20)

    def solve(self, sample: Sample) -> str:
        """The words counted."""
        counted = Counter(re.findall(r"\d+\. (\S+)", sample.context))
        return " ".join(word for word, _ in counted.most_common(self.common))

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        short = ask.length < SHORT
        often, seldom = (6, 1) if short else (self.often, self.seldom)
        shown = 2 * self.common if short else 4 * self.common
        words = _draw(random, shown + self.common + size)
        example = _listed(random, words[:shown], self.common, often=3 if short else 10, seldom=1 if short else 3)
        context = _listed(random, words[shown:], self.common, often=often, seldom=seldom)
        answers = words[shown : shown + self.common]
        return ask.sample(
            before="Each numbered list below has some words more often than the others. Find these words.\n\n"
            f"{example}\n\n{self._question()}\n{self._begin()} {_enumerated(words[: self.common])}\n\n",
            context=context,
            after=f"\n\n{self._question()}",
            start=self._begin(),
            answers=answers,
            max_tokens=self.card.tokens,
        )

    def _question(self) -> str:
        return f"Question: Which {self.common} words are most common in the list above?"

    def _begin(self) -> str:
        return f"Answer: The {self.common} most common words of the list are:"


def _draw(random: Random, n: int) -> list[str]:
    found: dict[str, None] = {}
    while len(found) < n:
        found[random.choice(vocabulary()) if len(found) < PLAIN else pair(random)] = None
    return list(found)


def _listed(random: Random, words: list[str], common: int, *, often: int, seldom: int) -> str:
    entries = words[:common] * often + words[common:] * seldom
    random.shuffle(entries)
    return _enumerated(entries)


def _enumerated(words: list[str]) -> str:
    return " ".join(f"{number}. {word}" for number, word in enumerate(words, 1))


TASKS = {"ruler/cwe": CommonWords()}
