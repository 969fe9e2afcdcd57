"""Nested list operations of any length: Long Range Arena's ListOps."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from random import Random
from statistics import median
from typing import ClassVar

import numpy as np
from numpy.typing import NDArray

from longspan.evals.ask import Ask, fit, tokens
from longspan.evals.metrics.listops import VALUE
from longspan.evals.task import Card, Rule, Sample

Array = NDArray[np.float64]
OPERATIONS: Mapping[str, Callable[[list[int]], int]] = {
    "MIN": min,
    "MAX": max,
    "MED": lambda values: int(median(values)),
    "SM": lambda values: sum(values) % 10,
}
DEPTH = 10
"""Levels of a tree; the last one holds digits only."""
ARGUMENTS = 10
"""Arguments that an operation has at most; any number from 2 on is as probable."""
OPERATION = 0.25
"""How probably a place above the last level holds an operation."""
SHORTEST = 4
"""Symbols of the smallest operation: its name, two digits and the closing bracket."""
NEAR = 4
"""Expressions beside the one that fits, tried because one of almost its symbols may fill the length better."""
_TINY = 1e-60


@dataclass(frozen=True, slots=True)
class ListOps:
    """ListOps: work out one expression of nested MIN, MAX, MED and SM. https://arxiv.org/abs/2011.04006

    Trees have the distribution of the original's, given their number of symbols; there that is 501 to 1,999 by chance.
    The round brackets that the original strips before training are left out.
    """

    rule: ClassVar[Rule] = VALUE

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="work out one expression of nested list operations, a digit",
            ability="reasoning",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2011.04006",
            tokens=16,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample, all of it evidence."""
        step = max(1, ask.length // 200)
        best = fit(ask, lambda size: self._build(ask, size * step), guess=ask.length // 2 // step)
        size = best.context.count(" ") + 1 - SHORTEST
        near = [self._build(ask, size + step * part // NEAR) for part in range(1, NEAR + 1)]
        used = {tokens(ask, each): each for each in (*near, best)}
        return used[max(length for length in used if length <= ask.length)]

    def solve(self, sample: Sample) -> str:
        """The value by a stack: every closing bracket ends the operation that was opened last."""
        stack: list[tuple[str, list[int]]] = [("", [])]
        for word in sample.context.split():
            if word.startswith("["):
                stack.append((word[1:], []))
            elif word == "]":
                operation, values = stack.pop()
                stack[-1][1].append(OPERATIONS[operation](values))
            else:
                stack[-1][1].append(int(word))
        return str(stack[0][1][0])

    def _build(self, ask: Ask, size: int) -> Sample:
        words, value = tree(ask.random(), SHORTEST + size)
        return ask.sample(
            before="Below is one expression of nested operations on lists of digits. [MIN and [MAX take the smallest "
            "and the largest of the values up to their closing bracket, [MED takes the median, rounded down, and [SM "
            "the last digit of the sum. For example, [MAX 2 [SM 7 6 ] 1 ] is 3.\n\n",
            context=" ".join(words),
            after="\n\nWhat is the value of the expression? Answer with one digit.",
            start="The value is",
            answers=[str(value)],
            max_tokens=self.card.tokens,
        )


def tree(random: Random, symbols: int) -> tuple[list[str], int]:
    """An operation of so many symbols, and its value; the original's distribution among those."""
    return _operation(random, _chances(1 << max(4, (symbols - 1).bit_length())), symbols)


def _operation(random: Random, levels: Sequence[Array], symbols: int) -> tuple[list[str], int]:
    """An operation of so many symbols; `levels` says how arguments share them, on the level below first."""
    sharing, rest = levels[0], symbols - 2
    name, words, values = random.choice(list(OPERATIONS)), list[str](), list[int]()
    for left in reversed(range(2 + _pick(random, sharing[2:, rest]))):
        own = rest
        if left:
            own = 1 + _pick(random, sharing[1, 1 : rest - left + 1] * sharing[left, rest - 1 : left - 1 : -1])
        digit = random.randrange(10)
        part, value = ([str(digit)], digit) if own == 1 else _operation(random, levels[1:], own)
        words += part
        values.append(value)
        rest -= own
    return [f"[{name}", *words, "]"], OPERATIONS[name](values)


def _pick(random: Random, weights: Array) -> int:
    """An index, as probable as its weight says."""
    ends = weights.cumsum()
    return min(int(ends.searchsorted(random.random() * ends[-1], side="right")), len(weights) - 1)


@lru_cache(maxsize=8)
def _chances(most: int) -> list[Array]:
    """How probable it is that k places of a level have m symbols together, [k, m], for the levels below the root.

    Up to a factor of z^m, which changes nothing once m is given: it keeps what is common at about `most` symbols far
    above the rounding of the Fourier transform.
    """
    z = _tilt(0.75 * most)
    place = np.zeros(most + 1)
    place[1] = z
    levels, longest = list[Array](), 1
    for _ in range(DEPTH - 1):
        spectrum = np.fft.rfft(place, 2 * most + 2)
        together = np.zeros((ARGUMENTS + 1, most + 1))
        together[1] = place
        for k in range(2, ARGUMENTS + 1):
            row = np.fft.irfft(np.fft.rfft(together[k - 1], 2 * most + 2) * spectrum)[: most + 1]
            together[k] = np.where(_possible(k, most, longest), np.maximum(row, _TINY), 0.0)
        levels.insert(0, together)
        place = np.zeros(most + 1)
        place[1] = (1 - OPERATION) * z
        place[2:] += OPERATION * z * z / (ARGUMENTS - 1) * together[2:, :-2].sum(axis=0)
        longest = 2 + ARGUMENTS * longest
    return levels


def _possible(k: int, most: int, longest: int) -> NDArray[np.bool_]:
    """Which numbers of symbols, 0 to `most`, k places can have that are digits or operations of 4 to `longest`."""
    m = np.arange(most + 1)
    possible: NDArray[np.bool_] = (m == k) | ((m >= k + SHORTEST - 1) & (m <= k * longest))
    return possible


def _tilt(wanted: float) -> float:
    """The z for which trees weighted with z^symbols have so many symbols on average, by bisection."""
    low, high = -8.0, 2.0
    for _ in range(40):
        middle = (low + high) / 2
        low, high = (middle, high) if _average(float(np.exp(middle))) < wanted else (low, middle)
    return float(np.exp(low))


def _average(z: float) -> float:
    """Symbols of a tree on average when each is weighted with z^symbols; by the generating functions of its levels."""
    place, slope = z, 1.0
    for level in range(DEPTH - 1):
        together = z * z * sum(place**k for k in range(2, ARGUMENTS + 1)) / (ARGUMENTS - 1)
        steep = z * z * slope * sum(k * place ** (k - 1) for k in range(2, ARGUMENTS + 1)) / (ARGUMENTS - 1)
        steep += 2 * together / z
        if together > 1e25:
            return math.inf
        if level == DEPTH - 2:
            return z * steep / together
        place, slope = (1 - OPERATION) * z + OPERATION * together, 1 - OPERATION + OPERATION * steep
    return place


TASKS = {"listops": ListOps()}
