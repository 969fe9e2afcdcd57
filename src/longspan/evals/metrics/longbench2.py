"""LongBench v2's rule, as in its `pred.py` and `result.py`: one of four letters after "The correct answer is"."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence

from longspan.evals.task import Graded, Rule, Sample, mean

ORIGIN = "THUDM/LongBench 2e00731"
_BRACKETED = re.compile(r"The correct answer is \(([A-D])\)")
_BARE = re.compile(r"The correct answer is ([A-D])")


def extract(prediction: str) -> str | None:
    """The letter that a reply chooses, asterisks aside: in brackets anywhere, else without; None without either."""
    text = prediction.replace("*", "")
    found = _BRACKETED.search(text) or _BARE.search(text)
    return found[1] if found else None


def choice(prediction: str, sample: Sample) -> float:
    """1 for the right letter."""
    return float(extract(prediction) == sample.answers[0])


def compensated(prediction: str, sample: Sample) -> float:
    """The same, and a quarter for a reply that chooses none, as much as guessing gives."""
    return choice(prediction, sample) if extract(prediction) else 0.25


def parts(graded: Sequence[Graded]) -> Mapping[str, float]:
    """The columns of the official table, 0 to 1, of those that there are samples for.

    Easy or hard is how two people and models fared; short is below 32,000 words, long above 128,000. What is not
    "easy" counts as hard, and what is neither "short" nor "medium" as long, as in the official program.
    """
    columns: dict[str, list[Graded]] = {}
    for each in graded:
        difficulty, length = each.sample.data["difficulty"], each.sample.data["length"]
        names = ("Overall", "Easy" if difficulty == "easy" else "Hard", _LENGTHS.get(length, "Long"))
        for name in names:
            columns.setdefault(name, []).append(each)
    return {name: mean(columns[name]) for name in _COLUMNS if name in columns}


_LENGTHS = {"short": "Short", "medium": "Medium"}
_COLUMNS = ("Overall", "Easy", "Hard", "Short", "Medium", "Long")
CHOICE = Rule("longbench_v2.choice", choice, ORIGIN, parts=parts)
COMPENSATED = Rule("longbench_v2.compensated", compensated, ORIGIN, parts=parts)
