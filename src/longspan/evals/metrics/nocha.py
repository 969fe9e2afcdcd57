"""NoCha's pair accuracy, as the paper and the repository describe it; code for it is not published.

A reply says TRUE or FALSE in its first `<answer>` tag, or with its first word where it has no tag.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Sequence

from longspan.evals.task import Graded, Rule, Sample

_TAG = re.compile(r"<answer>\W*(true|false)\W*</answer", re.IGNORECASE)
_FIRST = re.compile(r"\W*(true|false)\b", re.IGNORECASE)


def verdict(prediction: str) -> str | None:
    """TRUE or FALSE as the reply says; None where it says neither."""
    found = _TAG.search(prediction) or (None if "<answer" in prediction.lower() else _FIRST.match(prediction))
    return found[1].upper() if found else None


def grade(prediction: str, sample: Sample) -> float:
    """1 for the claim's own label; a pair counts when both of its claims do."""
    return float(verdict(prediction) == sample.answers[0])


def read_pairs(graded: Sequence[Graded]) -> float:
    """The share of pairs with both claims right among pairs with both replies readable; others are dropped."""
    pairs = [pair for pair in _pairs(graded) if all(verdict(each.prediction) for each in pair)]
    return _right(pairs)


def all_pairs(graded: Sequence[Graded]) -> float:
    """The share of pairs with both claims right among all pairs: an unreadable reply is a wrong one."""
    return _right(_pairs(graded))


def _right(pairs: Sequence[Sequence[Graded]]) -> float:
    return sum(all(each.score == 1 for each in pair) for pair in pairs) / len(pairs) if pairs else 0.0


def _pairs(graded: Sequence[Graded]) -> list[list[Graded]]:
    """Replies by pair (`data["pair"]`); claims whose other half is not there make none."""
    pairs: dict[str, list[Graded]] = defaultdict(list)
    for each in graded:
        pairs[str(each.sample.data["pair"])].append(each)
    return [pair for pair in pairs.values() if len(pair) == 2]


PAIR_ACCURACY = Rule(
    "nocha.pair_accuracy", grade, "marzenakrp/nocha e796c15, https://arxiv.org/abs/2406.16264", read_pairs
)
PAIR_ACCURACY_OURS = Rule("longspan.nocha_pair_accuracy", grade, "longspan", all_pairs)
