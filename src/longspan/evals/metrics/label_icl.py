"""The rule for a label: what HELMET and LongICLBench agree on."""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample

_PREFIX = re.compile(r"^\s*(?:label\s*:)?\s*", re.IGNORECASE)


def label(prediction: str, sample: Sample) -> float:
    """1 when the first line of the reply, without `label:` and a closing full stop, is the reference in any case."""
    first = _PREFIX.sub("", prediction, count=1).split("\n")[0].strip().removesuffix(".")
    return float(any(first.lower() == answer.lower() for answer in sample.answers))


LABEL = Rule("longspan.label", label)
