"""LooGLE's four distances between orders of events, as in bigai-nlco/LooGLE `Reorder/`, and their greatest values.

Defect: the official script replaces every distance by the greatest possible one, so its scores do not depend on the
replies; it stops on a reply that is no order of the same events, and reads the first record of a file only. The rules
`loogle.reorder_*` are that script's numbers. The rules `longspan.reorder_*` are what the paper describes.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import partial

from longspan.evals.metrics.pooled import pooled
from longspan.evals.task import Graded, Rule, Sample

ORIGIN = "bigai-nlco/LooGLE 6734382"
ROMAN = ("I", "II", "III", "IV", "V", "VI", "VII", "VIII", "IX", "X", "XI", "XII")
_NUMERAL = re.compile(r"\b(?:[IVXLCDM]+|\d+)\b")

Distance = Callable[[Sequence[int]], float]


def places(reply: str, reference: Sequence[str]) -> list[int] | None:
    """For each event of the reference order, its place in the reply; None where the reply is no order of them all.

    The reply's first mention of each event's number counts, Roman or Arabic.
    """
    named = [roman(numeral) for numeral in _NUMERAL.findall(reply)]
    wanted = [roman(numeral) for numeral in reference]
    order = [numeral for numeral in dict.fromkeys(named) if numeral in wanted]
    return [order.index(numeral) for numeral in wanted] if len(order) == len(wanted) else None


def location_square(order: Sequence[int]) -> float:
    """LSD: the mean square of how far events lie from their place."""
    return sum((place - at) ** 2 for at, place in enumerate(order)) / len(order)


def location_mean(order: Sequence[int]) -> float:
    """LMD: how far events lie from their place on average."""
    return sum(abs(place - at) for at, place in enumerate(order)) / len(order)


def swaps(order: Sequence[int]) -> float:
    """SD: the fewest swaps that sort the order, which is its length less its cycles."""
    seen: set[int] = set()
    cycles = 0
    for start in range(len(order)):
        cycles += start not in seen
        while start not in seen:
            seen.add(start)
            start = order[start]
    return len(order) - cycles


def swap_distances(order: Sequence[int]) -> float:
    """SDD: the summed distances of swaps that sort the order, each the one that gains most per step."""
    places_ = list(order)
    total = 0
    while location_mean(places_):
        gains = {
            (low, high): _gain(places_, low, high) / (high - low)
            for low in range(len(places_))
            for high in range(low + 1, len(places_))
        }
        low, high = max(gains, key=gains.__getitem__)
        places_[low], places_[high] = places_[high], places_[low]
        total += high - low
    return total


def greatest(name: str, n: int) -> float:
    """The greatest distance that an order of n events has."""
    return {"lsd": (n * n - 1) / 3, "lmd": n * n // 2 / n, "sd": n - 1, "sdd": n * n // 4}[name]


def official(name: str, prediction: str, sample: Sample) -> float:
    """A hundredth of the greatest distance for so many events, whatever the reply: the official script's defect."""
    return greatest(name, len(sample.answers)) / 100


def first_record(graded: Sequence[Graded]) -> float:
    """The mean over the first document's replies: the official script reads one line of its file."""
    first = [each.score for each in graded if each.sample.group == graded[0].sample.group]
    return sum(first) / len(first) if first else 0.0


def nearness(name: str, prediction: str, sample: Sample) -> float:
    """1 for the right order, 0 for the farthest one and for replies that are no order of the same events."""
    order = places(prediction, sample.answers)
    farthest = greatest(name, len(sample.answers))
    return 0.0 if order is None or not farthest else 1 - DISTANCES[name](order) / farthest


def roman(numeral: str) -> str:
    """A numeral from 1 to 12 in Roman form; any other as it is."""
    return ROMAN[int(numeral) - 1] if numeral.isdecimal() and 1 <= int(numeral) <= len(ROMAN) else numeral


def _gain(order: Sequence[int], low: int, high: int) -> int:
    before = abs(order[low] - low) + abs(order[high] - high)
    return before - abs(order[high] - low) - abs(order[low] - high)


DISTANCES: dict[str, Distance] = {
    "lsd": location_square,
    "lmd": location_mean,
    "sd": swaps,
    "sdd": swap_distances,
}
OFFICIAL = {
    name: pooled(Rule(f"loogle.reorder_{name}", partial(official, name), ORIGIN, first_record, lower=True))
    for name in DISTANCES
}
OURS = {
    name: pooled(Rule(f"longspan.reorder_{name}", partial(nearness, name), "https://arxiv.org/abs/2311.04939"))
    for name in DISTANCES
}
