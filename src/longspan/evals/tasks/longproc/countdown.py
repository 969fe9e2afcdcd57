"""Search for a sum, as in LongProc's countdown."""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from itertools import combinations
from random import Random
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.longproc import COUNTDOWN
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.longproc.room import PAPER, lines, room

LARGEST = 2000
"""Results from here on are given up."""
ASKED = re.compile(r"numbers (\d+), (\d+), (\d+), (\d+) .*? target (\d+)", re.DOTALL)
Found = tuple[int, list[str]]


@dataclass(frozen=True, slots=True)
class Countdown:
    """LongProc countdown: join four numbers by three operations to a target, writing the whole search down."""

    share: float = 0.4
    """Part of the length that the reply may take; no search takes more than about 30,000 tokens."""

    rule: ClassVar[Rule] = COUNTDOWN

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="join four numbers to a target by a search that is written down in full",
            ability="long generation",
            scope="low",
            diffusion="low",
            paper=PAPER,
            shortest=768,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: the length sets how long the search is, and solved examples fill what is left."""
        random = ask.random()
        tried = lines(ask, self.share, "      28 + 20 = 48: not the target.")
        numbers, target = min((_puzzle(random, tried) for _ in range(8)), key=lambda each: abs(each[2] - tried))[:2]
        most = room(ask, _reply(numbers, target))
        return fit(ask, lambda size: self._build(ask, size, numbers, target, most), guess=ask.length // 64)

    def solve(self, sample: Sample) -> str:
        """The search of the question's numbers, and the sum it ends with."""
        ((*numbers, target),) = ASKED.findall(sample.after)
        return _reply([int(number) for number in numbers], int(target))

    def _build(self, ask: Ask, size: int, numbers: Sequence[int], target: int, most: int) -> Sample:
        random = Random(f"{ask.id} examples")
        solved = [_example(random) for _ in range(size)]
        steps = next(steps for result, steps in _sums(numbers, []) if result == target)
        shown = ", ".join(str(number) for number in numbers)
        return ask.sample(
            before="A puzzle: join four numbers, each used once, by three of the operations + - * / so that the target "
            f"comes out. Every result is a whole number, not negative and below {LARGEST}. Solved puzzles:\n\n",
            context="\n".join(solved),
            after=f"\n\nYour puzzle: join the numbers {shown} to the target {target}.\n"
            "Search in order and write every try on a line of its own, deeper ones indented. Of the numbers you have, "
            "take the first and the second, the first and the third and so on; with a the larger and b the smaller try "
            "a + b, a - b, a * b and a / b; put the result before the numbers left and go on with these. Give a try up "
            "when its result is not allowed, or when one number is left that is not the target. At the end write the "
            "three equations that lead to the target, one a line and nothing else, between <Solution> and </Solution>.",
            answers=("\n".join(steps),),
            max_tokens=most,
            data={"nums": list(numbers), "target": target},
        )


def _sums(numbers: Sequence[int], steps: list[str], log: list[str] | None = None) -> Iterator[Found]:
    """All that comes of numbers, in the order of the search, with the steps to it; tries are written to `log`."""
    if len(numbers) == 1:
        yield numbers[0], steps
        return
    for i, j in combinations(range(len(numbers)), 2):
        a, b = max(numbers[i], numbers[j]), min(numbers[i], numbers[j])
        left = [number for index, number in enumerate(numbers) if index not in (i, j)]
        for sign, result in _results(a, b):
            if log is not None:
                log.append(_try(len(steps), f"{a} {sign} {b}", result, left))
            if 0 <= result < LARGEST:
                yield from _sums([result, *left], [*steps, f"{a} {sign} {b} = {result}"], log)


def _results(a: int, b: int) -> tuple[tuple[str, int], ...]:
    """What two numbers can become, the larger first; -1 where they do not divide."""
    return ("+", a + b), ("-", a - b), ("*", a * b), ("/", a // b if b and a % b == 0 else -1)


def _try(depth: int, term: str, result: int, left: Sequence[int]) -> str:
    """A line of the search."""
    told = f"{'  ' * depth}{term}"
    if not 0 <= result < LARGEST:
        return f"{told}: not allowed."
    return f"{told} = {result}" + (f", now {[result, *left]}." if left else ".")


def _reply(numbers: Sequence[int], target: int) -> str:
    log: list[str] = []
    steps = next(steps for result, steps in _sums(numbers, [], log) if result == target)
    solution = "\n".join(steps)
    return "\n".join(log) + f"\n<Solution>\n{solution}\n</Solution>"


def _puzzle(random: Random, tried: int) -> tuple[list[int], int, int]:
    """Four numbers, a target from 1 to 999, and how many tries, about `tried`, the search for it takes."""
    numbers = [random.randint(2, 50) for _ in range(4)]
    log: list[str] = []
    first: dict[int, int] = {}
    for result, _ in _sums(numbers, [], log):
        if 0 < result < 1000:
            first.setdefault(result, len(log))
        if len(log) > 2 * tried and first:
            break
    target = min(first, key=lambda result: abs(first[result] - tried))
    return numbers, target, first[target]


def _example(random: Random) -> str:
    """A solved puzzle on one line."""
    numbers = [random.randint(2, 30) for _ in range(4)]
    left, steps = list(numbers), []
    while len(left) > 1:
        a, b = sorted((left.pop(random.randrange(len(left))) for _ in range(2)), reverse=True)
        sign, result = random.choice([each for each in _results(a, b) if 0 <= each[1] < LARGEST])
        left.append(result)
        steps.append(f"{a} {sign} {b} = {result}")
    return f"{numbers} to {left[0]}: {', '.join(steps)}."


TASKS = {"longproc/countdown": Countdown()}
