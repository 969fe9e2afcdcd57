"""Scoring predictions that were made anywhere, in a benchmark's own format, by its own rules."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.data import json_lines
from longspan.evals.statistics import FEW, Interval, interval
from longspan.evals.task import Graded, Published


@dataclass(frozen=True, slots=True)
class Score:
    """What a file of predictions is worth."""

    task: str
    score: float
    """On the benchmark's own scale."""
    n: int
    interval: Interval
    """95 % of the mean of the samples' scores, on the same scale."""
    rule: str
    origin: str
    scale: float
    few: bool
    """Fewer than 10 samples."""
    lower: bool = False
    """A lower score is better."""
    parts: dict[str, float] = field(default_factory=dict)
    """What the benchmark reports beside the score, on the same scale."""


def score_file(name: str, task: Published, path: Path) -> Score:
    """Score a file of one JSON object per line; InputError naming the line that is not a prediction of this task."""
    graded = []
    try:
        for line, record in json_lines(path):
            prediction, sample = _read(name, task, record, f"{path}, line {line}")
            graded.append(Graded(sample, prediction, task.rule.grade(prediction, sample)))
    except OSError as error:
        raise InputError(f"cannot read {path}: {error.strerror}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path} is not text in UTF-8: {error.reason}") from error
    if not graded:
        raise InputError(f"{path} holds no predictions: one JSON object a line is wanted")
    return total(name, task, graded)


def total(name: str, task: Published, graded: list[Graded]) -> Score:
    """The score of graded replies."""
    rule = task.rule
    bounds = interval([each.score for each in graded], [each.sample.group for each in graded])
    return Score(
        name,
        rule.total(graded) * rule.scale,
        len(graded),
        Interval(bounds.low * rule.scale, bounds.high * rule.scale),
        rule.name,
        rule.origin,
        rule.scale,
        len(graded) < FEW,
        rule.lower,
        {part: share * rule.scale for part, share in (rule.parts(graded) if rule.parts else {}).items()},
    )


def _read(name: str, task: Published, record: Mapping[str, Any], place: str) -> Any:
    try:
        return task.read(record)
    except (KeyError, TypeError, ValueError, IndexError) as error:
        reason = f"it has no {error.args[0]!r}" if isinstance(error, KeyError) and error.args else str(error)
        fields = ", ".join(sorted(record)) or "nothing"
        raise InputError(f"{place}: not a prediction of {name}: {reason} (its fields: {fields})") from None
