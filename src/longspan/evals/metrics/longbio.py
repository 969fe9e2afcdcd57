"""LongBioBench's rules, as in Thomasyyj/LongBio-Benchmark `scripts/evaluator.py`, for models that follow instructions.

For others the original cuts a reply at the next `Question: `, and where there is none takes off its last character.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

from longspan.evals.task import Graded, Rule, Sample, mean

ORIGIN = "Thomasyyj/LongBio-Benchmark 7238f69"
LONGEST = 4000
"""Digits of a number that is still read: Python refuses to read very long ones."""


def in_order(prediction: str, sample: Sample) -> float:
    """1 when all references occur in the reply one after the other, in any case."""
    return float(_follow(prediction, sample.answers))


def number(prediction: str, sample: Sample) -> float:
    """1 when the last whole number of the reply is the reference; a 0 counts as no number."""
    found = re.findall(r"\d+", prediction)
    return float(bool(found) and len(found[-1]) <= LONGEST and int(found[-1]) == int(sample.answers[0]) != 0)


def two_diff(prediction: str, sample: Sample) -> float:
    """1 when the reply names exactly two people of `data["ages"]` and their ages differ by the reference."""
    named = [int(age) for name, age in sample.data["ages"].items() if name in prediction]
    return float(len(named) == 2 and abs(named[0] - named[1]) == int(sample.answers[0]))


def cited(prediction: str, sample: Sample) -> float:
    """1 when the numbers of `data["citations"]` occur in brackets one after the other, whatever is answered."""
    return float(_follow(prediction, [f"[{number}]" for number in sample.data["citations"]]))


def twins(graded: Sequence[Graded]) -> float:
    """The share of groups of two, one with the fact and one without it, where both replies are right.

    Replies without their twin are left out, unless there are only such.
    """
    groups: dict[str, list[float]] = {}
    for each in graded:
        groups.setdefault(each.sample.group, []).append(each.score)
    pairs = [scores for scores in groups.values() if len(scores) == 2]
    return sum(min(scores) for scores in pairs) / len(pairs) if pairs else mean(graded)


def _follow(prediction: str, answers: Sequence[str]) -> bool:
    at = 0
    for answer in answers:
        match = re.compile(re.escape(answer.strip()), re.IGNORECASE).search(prediction, at)
        if not match:
            return False
        at = match.end()
    return True


IN_ORDER = Rule("longbio.in_order", in_order, ORIGIN)
NUMBER = Rule("longbio.number", number, ORIGIN)
TWO_DIFF = Rule("longbio.twodiff", two_diff, ORIGIN)
CITED = Rule("longbio.citation", cited, ORIGIN)
TWINS = Rule("longbio.idk", in_order, ORIGIN, twins)
