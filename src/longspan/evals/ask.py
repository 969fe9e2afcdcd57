"""What a generator is asked for: one sample of a length, the same in every process for the same seed."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from longspan.archive.digest import digest_of
from longspan.core.errors import InputError
from longspan.evals.haystack import Haystack, library
from longspan.evals.task import Card, Counter, Rule, Sample

DEPTHS = 11
"""Evidence lies at 0, 10, ... 100 % of the context, one depth after the other in a scattered order."""


@dataclass(frozen=True, slots=True)
class Ask:
    """A request for sample number `index` of a task."""

    task: str
    settings: str
    """The generator's own settings, which a sample's id depends on."""
    length: int
    """Tokens of prompt and reply together."""
    index: int
    seed: int
    count: Counter
    haystack: Haystack = field(default_factory=library)
    """Real text to hide things in."""

    def random(self) -> random.Random:
        """A generator that gives the same numbers each time it is made."""
        return random.Random(self.id)

    @property
    def id(self) -> str:
        """What a sample is known by; the text it is hidden in is part of it."""
        parts = (self.task, self.settings, str(self.length), str(self.seed), str(self.index), self.haystack.name)
        return digest_of(*parts)[:16]

    @property
    def depth(self) -> float:
        """Where evidence is to lie: eleven samples in a row cover all depths."""
        return self.index * 7 % DEPTHS / (DEPTHS - 1)

    def sample(self, *, before: str = "", context: str, after: str, answers: Sequence[str], **more: Any) -> Sample:
        """Make a sample that bears this request's name; `more` are further fields of Sample (max_tokens is one)."""
        return Sample(
            task=self.task,
            id=self.id,
            length=self.length,
            before=before,
            context=context,
            after=after,
            answers=tuple(answers),
            **more,
        )


class Generator(Protocol):
    """A task that makes its own samples: a frozen dataclass whose fields are its settings."""

    @property
    def card(self) -> Card:
        """What it is."""
        ...

    @property
    def rule(self) -> Rule:
        """How it is scored."""
        ...

    def make(self, ask: Ask) -> Sample:
        """One sample, as long as asked and no longer; InputError where the length is too short for it."""
        ...

    def solve(self, sample: Sample) -> str:
        """A reply worked out from the text of the prompt alone, never from its references: the proof of these."""
        ...


def samples(
    name: str,
    task: Generator,
    *,
    length: int,
    n: int,
    seed: int,
    count: Counter,
    haystack: Haystack | None = None,
) -> Iterator[Sample]:
    """`n` samples of a length, numbered from 0; more of them later begin with the same ones."""
    if task.card.longest and length > task.card.longest:
        raise InputError(f"{name} has no samples of {length:,} tokens: the longest are {task.card.longest:,}")
    hidden_in = haystack or library()
    for index in range(n):
        yield task.make(Ask(name, repr(task), length, index, seed, count, hidden_in))


def fit(ask: Ask, build: Callable[[int], Sample], *, guess: int = 64) -> Sample:
    """The longest sample that `build(size)` gives within the length, reply included; size is any amount of filler.

    `build` must give the same sample for the same size, longer ones for larger sizes, and work from size 0 on.
    InputError where size 0 is too long already.
    """
    sizes = {0: build(0)}
    used = {0: tokens(ask, sizes[0])}
    if used[0] > ask.length:
        raise InputError(
            f"{ask.task} needs at least {used[0]:,} tokens for its question and reply: {ask.length:,} are too few"
        )
    low, high, size = 0, 0, max(1, guess)
    while not high or high - low > 1:
        sizes[size] = build(size)
        used[size] = tokens(ask, sizes[size])
        if used[size] > ask.length:
            high = size
        elif used[size] <= used[low] and size > 64 * ask.length:
            break  # the filler ran out
        else:
            low = size
        size = _next(low, high, used, ask.length)
    return sizes[low]


def tokens(ask: Ask, sample: Sample) -> int:
    """Tokens of a sample's prompt and reply together."""
    return ask.count(sample.prompt, sample.start) + sample.max_tokens


def _next(low: int, high: int, used: dict[int, int], length: int) -> int:
    """The size to try between one that fits and one that does not (0: none known), by the straight line so far."""
    start = 0 if high or not low else max(size for size in used if size < low)
    other = high or low
    base = low if high else start
    gain = (used[other] - used[base]) / max(1, other - base)
    target = round(base + (length - used[base]) / gain) if gain > 0 else 2 * other
    if not high:
        return max(low + 1, min(target, 8 * low))
    near = low + 1 if len(used) > 8 and high - low < 4 else (low + high) // 2 if len(used) > 6 else target
    return min(high - 1, max(low + 1, near))
