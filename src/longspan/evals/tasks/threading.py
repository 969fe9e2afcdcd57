"""Needle threading: values of keys, and values that are keys again, in one JSON object of UUIDs."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Literal

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.threading import VALUE, VALUES
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import unique_id

Form = Literal["keys", "marked", "threads", "branches"]
Direction = Literal["forward", "backward", "random"]
Pair = tuple[str, str]
LINE = re.compile(r'"([0-9a-f*-]{36})": "([0-9a-f-]{36})"')
KEY = re.compile(r"[0-9a-f]{8}-[0-9a-f-]{27}")
MARK = "*"
QUESTIONS: dict[tuple[Form, bool], str] = {
    ("keys", False): "Which value has the key {keys}? Reply with that value in quotation marks, nothing else.",
    ("keys", True): "Which values have these keys: {keys}? Reply with a Python list of the values, nothing else.",
    (
        "marked",
        True,
    ): f"Some keys contain the sign {MARK}. Reply with a Python list of their values, nothing else.",
    ("threads", False): "Start at the key {keys}. If its value is a key of the object as well, go on with the value of "
    "that one, and so on. Reply with the last value that is reached, in quotation marks, nothing else.",
    ("threads", True): "Start at each of these keys: {keys}. If a value is a key of the object as well, go on with the "
    "value of that one, and so on. Reply with a Python list of the last values that are reached, nothing else.",
    ("branches", False): "A key may occur several times, each time with another value. Start at the key {keys}; where "
    "a value is a key of the object as well, go on with the values of that one, and so on. Of all the ways one can "
    "go, take the longest. Reply with its last value, in quotation marks, nothing else.",
}


@dataclass(frozen=True, slots=True)
class Threading:
    """Needle threading: look up keys, or go from value to value, in a JSON object. https://arxiv.org/abs/2411.05000

    Differs from the paper: one pair a line.
    """

    form: Form = "keys"
    """Values of named keys, of keys that a character marks, the ends of threads, or the end of the longest branch."""
    needles: int = 1
    """Keys to look up, or threads to follow."""
    steps: int = 1
    """Pairs of a thread; the paper has 2 to 25."""
    direction: Direction = "forward"
    """How the pairs of a thread follow each other in the text."""
    clustered: bool = False
    """Needles lie side by side at the depth asked for, not anywhere."""
    forks: int = 3
    """Values that each key of a branching thread has; one of them leads on."""

    def __post_init__(self) -> None:
        if self.form == "branches" and self.needles > 1:
            raise InputError(f"needles is {self.needles}: with branches only one thread can be followed")

    @property
    def rule(self) -> Rule:
        """How it is scored."""
        return VALUES if self._several else VALUE

    @property
    def card(self) -> Card:
        """What it is."""
        aside = (self.steps - 1) * (self.forks - 1) if self.form == "branches" else 0
        return Card(
            about=ABOUT[self.form],
            ability="retrieval" if self.form in ("keys", "marked") else "tracing",
            scope="high" if self.form == "marked" else "low",
            diffusion="high",
            paper="https://arxiv.org/abs/2411.05000",
            shortest=128 + 60 * (self.needles * self.steps + aside) + 70 * self.needles,
            tokens=16 + 40 * self.needles,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; a single key and needles side by side lie at the depth asked for, the others anywhere."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 48)

    def solve(self, sample: Sample) -> str:
        """A literal of the values that are asked for."""
        pairs = LINE.findall(sample.context)
        if self.form == "marked":
            return repr([value for key, value in pairs if MARK in key])
        following: dict[str, list[str]] = {}
        for key, value in pairs:
            following.setdefault(key, []).append(value)
        ends = [_longest(following, key, self.form != "keys")[1] for key in KEY.findall(sample.after)]
        return repr(ends if self._several else ends[0])

    @property
    def _several(self) -> bool:
        return self.needles > 1 or self.form == "marked"

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        threads = [self._thread(random) for _ in range(self.needles)]
        hidden = [pair for thread in threads for pair in thread]
        places = self._places(ask, random, [len(thread) for thread in threads])
        others = [(unique_id(random), unique_id(random)) for _ in range(size)]
        context, spans = _write(others, hidden, [round(place * size) for place in places])
        keys = ", ".join(f'"{thread[0][0]}"' for thread in threads)
        alone = len(hidden) == 1
        return ask.sample(
            before="Below is a JSON object. Read it: a question about its keys and values comes at the end.\n\n",
            context=context,
            after="\n\n" + QUESTIONS[self.form, self._several].format(keys=keys),
            answers=[thread[-1][1] for thread in threads],
            max_tokens=self.card.tokens,
            depth=spans[0][0] / len(context) if alone or self.clustered else None,
            spans=spans,
        )

    def _thread(self, random: Random) -> list[Pair]:
        """Pairs of which each one's value is a later one's key; the last holds the answer."""
        stops = [unique_id(random) for _ in range(self.steps + 1)]
        if self.form == "marked":
            at = random.choice([index for index, letter in enumerate(stops[0]) if letter != "-"])
            stops[0] = stops[0][:at] + MARK + stops[0][at + 1 :]
        if self.form != "branches":
            return list(pairwise(stops))
        side = [(key, unique_id(random)) for key in stops[:-2] for _ in range(self.forks - 1)]
        return [*pairwise(stops[:-1]), *side, (stops[-2], stops[-1])]

    def _places(self, ask: Ask, random: Random, lengths: Sequence[int]) -> list[float]:
        """Where the pairs of threads of so many go, 0 the beginning and 1 the end."""
        if self.clustered or sum(lengths) == 1:
            return [ask.depth] * sum(lengths)
        threads = [[random.random() for _ in range(length)] for length in lengths]
        if self.form == "threads" and self.direction != "random":
            threads = [sorted(places, reverse=self.direction == "backward") for places in threads]
        return [place for places in threads for place in places]


ABOUT: dict[Form, str] = {
    "keys": "give the values of named keys of a long JSON object",
    "marked": "give the values of all keys of a long JSON object that contain a character",
    "threads": "go from value to value through a long JSON object",
    "branches": "find the end of the longest of branching ways through a long JSON object",
}


def _write(
    others: Sequence[Pair], hidden: Sequence[Pair], places: Sequence[int]
) -> tuple[str, tuple[tuple[int, int], ...]]:
    """The pairs as JSON, hidden ones before the other of their place, and where each of them is."""
    order = sorted(range(len(hidden)), key=lambda index: places[index])
    lines = [f'"{key}": "{value}"' for key, value in others]
    for already, index in enumerate(order):
        lines.insert(places[index] + already, '"{}": "{}"'.format(*hidden[index]))
    width = len(lines[0]) + 2
    spans = [(0, 0)] * len(hidden)
    for already, index in enumerate(order):
        start = 1 + width * (places[index] + already)
        spans[index] = (start, start + width - 2)
    return "{" + ",\n".join(lines) + "}", tuple(spans)


def _longest(following: dict[str, list[str]], key: str, on: bool) -> tuple[int, str]:
    """Steps and last value of the longest way from a key; the first step alone unless one goes `on`."""
    ways = []
    for value in following.get(key, []):
        further = _longest(following, value, on) if on and value in following else (0, value)
        ways.append((further[0] + 1, further[1]))
    return max(ways, default=(0, ""), key=lambda way: way[0])


TASKS = {
    "threading/single": Threading(),
    "threading/multi_random": Threading(needles=5),
    "threading/multi_clustered": Threading(needles=5, clustered=True),
    "threading/conditional_random": Threading("marked", needles=5),
    "threading/conditional_clustered": Threading("marked", needles=5, clustered=True),
    "threading/thread_forward": Threading("threads", steps=5),
    "threading/thread_backward": Threading("threads", steps=5, direction="backward"),
    "threading/thread_random": Threading("threads", steps=5, direction="random"),
    "threading/multi_thread_forward": Threading("threads", needles=3, steps=3),
    "threading/multi_thread_backward": Threading("threads", needles=3, steps=3, direction="backward"),
    "threading/multi_thread_random": Threading("threads", needles=3, steps=3, direction="random"),
    "threading/branching": Threading("branches", steps=4),
}
