"""Scores of prediction files, as `longspan score` has them."""

from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from longspan.evals.catalog import published
from longspan.evals.data import json_lines
from longspan.evals.task import Graded, Sample


def graded(name: str, records: Iterable[Mapping[str, Any]]) -> list[Graded]:
    task = published()[name]
    pairs = [task.read(record) for record in records]
    return [Graded(sample, prediction, task.rule.grade(prediction, sample)) for prediction, sample in pairs]


def score(name: str, records: Iterable[Mapping[str, Any]]) -> float:
    """On the benchmark's own scale, to two decimals."""
    rule = published()[name].rule
    found = graded(name, records)
    assert all(0 <= each.score <= 1 for each in found)
    return round(rule.total(found) * rule.scale, 2)


def replay(name: str, path: Path) -> float:
    return score(name, [record for _, record in json_lines(path)])


def asked(*answers: str, **data: Any) -> Sample:
    """A sample with references."""
    return Sample(task="t", id="i", before="", context="", after="", answers=answers, max_tokens=0, data=data)
