"""Records that hold the replies to several questions, as benchmarks with several questions a document store them."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import Any

from longspan.evals.task import Graded, Rule, Sample

PARTS = "parts"
"""Name in a sample's data of the questions that its one prediction, a JSON list of replies, answers."""


def bundle(parts: Sequence[tuple[str, Sample]]) -> tuple[str, Sample]:
    """One reply and sample of several, which a pooled rule takes apart again; ValueError without any."""
    if not parts:
        raise ValueError("the record holds no replies")
    if len(parts) == 1:
        return parts[0]
    rows = [{"answers": list(sample.answers), "data": dict(sample.data)} for _, sample in parts]
    return json.dumps([reply for reply, _ in parts]), replace(parts[0][1], answers=(), data={PARTS: rows})


def unbundle(prediction: str, sample: Sample) -> Iterator[tuple[str, Sample]]:
    """The replies and samples of a bundle; anything else is itself the only one."""
    rows: list[dict[str, Any]] | None = sample.data.get(PARTS)
    if rows is None:
        yield prediction, sample
        return
    for reply, row in zip(json.loads(prediction), rows, strict=True):
        yield reply, replace(sample, answers=tuple(row["answers"]), data=row["data"])


def pooled(rule: Rule) -> Rule:
    """The rule for single replies and bundles alike: every question counts once, however they were stored."""

    def grade(prediction: str, sample: Sample) -> float:
        scores = [rule.grade(reply, part) for reply, part in unbundle(prediction, sample)]
        return sum(scores) / len(scores)

    def apart(graded: Sequence[Graded]) -> list[Graded]:
        single: list[Graded] = []
        for each in graded:
            if PARTS not in each.sample.data:
                single.append(each)
                continue
            pairs = unbundle(each.prediction, each.sample)
            single += [Graded(part, reply, rule.grade(reply, part)) for reply, part in pairs]
        return single

    parts = rule.parts
    return replace(
        rule,
        grade=grade,
        total=lambda graded: rule.total(apart(graded)),
        parts=parts and (lambda graded: parts(apart(graded))),
    )
