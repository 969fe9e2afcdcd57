"""Methods against one another on the same samples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from statistics import fmean

from longspan.evals.row import Row
from longspan.evals.statistics import Interval, holm, interval, paired


@dataclass(frozen=True, slots=True)
class Standing:
    """One method over all samples that every method answered."""

    method: str
    """Method string; empty: the model as it was trained."""
    length: int
    n: int
    score: float
    """Mean, 0 to 1."""
    interval: Interval
    seconds: float
    """Mean of a sample."""
    first_seconds: float
    """Of these, to the first text of the reply; 0 where nobody can tell."""
    kv_bytes: float
    """Stored tokens at the end of a reply, mean."""
    difference: float
    """Mean gain over the first method on the same samples."""
    difference_interval: Interval
    p: float
    """That chance alone differs as much, corrected by Holm for the number of comparisons of the table."""
    best: bool = False
    """No method here is at least as good in score, bytes and seconds and better in one of them."""


def compare(rows: Sequence[Row], methods: Sequence[str]) -> list[Standing]:
    """A standing per length and method; samples that any method could not answer are in none of them."""
    made: list[Standing] = []
    for length in sorted({row.length for row in rows}):
        found = _shared([row for row in rows if row.length == length], methods)
        if found and found[methods[0]]:
            made += _standings(length, found, methods)
    corrected = iter(holm([each.p for each in made if each.method != methods[0]]))
    made = [each if each.method == methods[0] else replace(each, p=next(corrected)) for each in made]
    return [replace(each, best=_undominated(each, made)) for each in made]


def _shared(rows: list[Row], methods: Sequence[str]) -> dict[str, list[Row]]:
    """Rows by method, of the samples that all methods answered, in one order."""
    by_method = {
        method: {(row.task, row.index): row for row in rows if row.method == method and row.score is not None}
        for method in methods
    }
    common = set.intersection(*(set(each) for each in by_method.values()))
    return {method: [each[place] for place in sorted(common)] for method, each in by_method.items()}


def _standings(length: int, found: dict[str, list[Row]], methods: Sequence[str]) -> list[Standing]:
    first = [row.score or 0.0 for row in found[methods[0]]]
    made = []
    for method in methods:
        rows = found[method]
        scores, groups = [row.score or 0.0 for row in rows], [row.group for row in rows]
        against = paired(first, scores, groups)
        made.append(
            Standing(
                method,
                length,
                len(rows),
                fmean(scores),
                interval(scores, groups),
                fmean(row.seconds for row in rows),
                fmean(row.first_seconds for row in rows),
                fmean(row.kv_bytes for row in rows),
                against.difference,
                against.interval,
                against.p,
            )
        )
    return made


def _undominated(one: Standing, all_of_them: Sequence[Standing]) -> bool:
    def as_good(other: Standing) -> bool:
        return other.score >= one.score and other.kv_bytes <= one.kv_bytes and other.seconds <= one.seconds

    def better(other: Standing) -> bool:
        return other.score > one.score or other.kv_bytes < one.kv_bytes or other.seconds < one.seconds

    return not any(as_good(other) and better(other) for other in all_of_them if other.length == one.length)
