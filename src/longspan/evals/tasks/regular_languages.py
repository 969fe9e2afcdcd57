"""In-context regular languages: go on with a string in a language known from examples alone."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.regular_languages import LEGAL
from longspan.evals.task import Card, Rule, Sample

BAR = " | "
ATTEMPTS = 100
"""Strings tried until one is found that the examples go on with."""


@dataclass(frozen=True, slots=True)
class Automaton:
    """A deterministic finite automaton that begins in state 0; a string is in its language when no step is missing."""

    steps: tuple[Mapping[str, int], ...]
    """For every state, symbols and where they lead."""

    def state(self, symbols: Sequence[str]) -> int | None:
        """Where a string ends; None where it is not in the language."""
        state = 0
        for symbol in symbols:
            if symbol not in self.steps[state]:
                return None
            state = self.steps[state][symbol]
        return state

    def sample(self, random: Random, length: int) -> list[str]:
        """A string of so many symbols, each step equally likely."""
        state, symbols = 0, []
        for _ in range(length):
            symbols.append(random.choice(list(self.steps[state])))
            state = self.steps[state][symbols[-1]]
        return symbols

    def minimal(self) -> Automaton:
        """The smallest one of the same language: no state out of reach, no two that lead on alike."""
        reached = [0]
        for state in reached:
            reached += sorted(set(self.steps[state].values()) - set(reached))
        kinds = dict.fromkeys(reached, 0)
        while True:
            signs = {state: self._sign(state, kinds) for state in reached}
            numbers = {sign: number for number, sign in enumerate(dict.fromkeys(signs[state] for state in reached))}
            if len(numbers) == len(set(kinds.values())):
                break
            kinds = {state: numbers[signs[state]] for state in reached}
        one_of = {kinds[state]: state for state in reversed(reached)}
        return Automaton(
            tuple({s: kinds[to] for s, to in self.steps[one_of[kind]].items()} for kind in range(len(one_of)))
        )

    def _sign(self, state: int, kinds: Mapping[int, int]) -> tuple[object, ...]:
        """What tells a state from others: its kind so far, and which kind each symbol leads to."""
        return kinds[state], *sorted((symbol, kinds[to]) for symbol, to in self.steps[state].items())


def draw(random: Random) -> Automaton:
    """RegBench's automata: 4 to 12 states, 4 to 18 symbols, 1 to 3 ways out of a state to others, then made minimal."""
    automaton = Automaton(({},))
    while len(automaton.steps) == 1:
        automaton = _any(random).minimal()
    return automaton


def _any(random: Random) -> Automaton:
    states, alphabet = random.randint(4, 12), random.sample(string.ascii_lowercase[:18], random.randint(4, 18))
    steps = []
    for state in range(states):
        others = [other for other in range(states) if other != state]
        ways = random.randint(1, 3)
        steps.append(dict(zip(random.sample(alphabet, ways), random.sample(others, ways), strict=True)))
    return Automaton(tuple(steps))


@dataclass(frozen=True, slots=True)
class RegularLanguages:
    """ICLL RegBench: give a symbol that may come next, the language known from examples. https://arxiv.org/abs/2401.12973

    Differs from the paper: as many examples as the length holds; one symbol is asked for, after a string chosen so that
    the longest match among the examples predicts it.
    """

    longest: int = 49
    """Symbols of an example at most."""

    rule: ClassVar[Rule] = LEGAL

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="go on with a string in a language known from examples alone",
            ability="in-context learning",
            scope="high",
            diffusion="high",
            paper="https://arxiv.org/abs/2401.12973",
            tokens=8,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The symbol that followed most often after the longest end of the string that the examples have."""
        return follow([each.split() for each in sample.context.split(BAR)], sample.start.split())

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        automaton = draw(random)
        length, seed = random.randint(3, 20), random.getrandbits(64)
        examples = list(self._examples(automaton, random, size))
        begun = _question(automaton, Random(seed), length, examples)
        state = automaton.state(begun)
        assert state is not None
        return ask.sample(
            before="These strings belong to one regular language; a bar stands between two of them. Learn which "
            "symbols can follow which.\n\n",
            context=BAR.join(map(" ".join, examples)),
            after="\n\nGo on with a string of the same language, from its first symbol on. Reply with one more symbol.",
            start=" ".join(begun),
            answers=sorted(automaton.steps[state]),
            max_tokens=self.card.tokens,
        )

    def _examples(self, automaton: Automaton, random: Random, size: int) -> Iterator[list[str]]:
        """Strings of the language with `size` symbols in all, the last one cut short."""
        while size > 0:
            symbols = automaton.sample(random, random.randint(1, self.longest))[:size]
            size -= len(symbols)
            yield symbols


def follow(examples: Sequence[Sequence[str]], begun: Sequence[str]) -> str:
    """What followed most often after the longest end of `begun` that examples have, all of it only at their beginning.

    Symbols are single letters. Empty without examples.
    """
    text = "".join("|" + "".join(example) for example in examples)
    whole = "|" + "".join(begun)
    for first in range(len(whole) + 1):
        found: Counter[str] = Counter(re.findall(rf"(?<={re.escape(whole[first:])})[a-z]", text))
        if found:
            return min(found, key=lambda symbol: (-found[symbol], symbol))
    return ""


def _question(automaton: Automaton, random: Random, length: int, examples: Sequence[Sequence[str]]) -> list[str]:
    """The beginning of a string whose next symbol the examples tell, or any where they are too few."""
    begun: list[str] = []
    for _ in range(ATTEMPTS if examples else 1):
        begun = automaton.sample(random, length)
        if automaton.state([*begun, follow(examples, begun)]) is not None:
            break
    return begun


TASKS = {"regular_languages": RegularLanguages()}
