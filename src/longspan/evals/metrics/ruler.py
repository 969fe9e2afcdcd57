"""RULER's two rules, as in NVIDIA/RULER `scripts/eval/synthetic/constants.py`."""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample

ORIGIN = "NVIDIA/RULER c3f5e3b"
_CONTROL = re.compile(r"[\x00-\x1f]")


def clean(prediction: str) -> str:
    """A reply as RULER compares it: stripped, control characters as line breaks, in lower case."""
    return _CONTROL.sub("\n", prediction.strip()).strip().lower()


def match_all(prediction: str, sample: Sample) -> float:
    """The share of references that occur in the reply."""
    text = clean(prediction)
    return sum(answer.lower() in text for answer in sample.answers) / len(sample.answers)


def match_part(prediction: str, sample: Sample) -> float:
    """1 when any reference occurs in the reply."""
    text = clean(prediction)
    return float(any(answer.lower() in text for answer in sample.answers))


STRING_MATCH_ALL = Rule("ruler.string_match_all", match_all, ORIGIN)
STRING_MATCH_PART = Rule("ruler.string_match_part", match_part, ORIGIN)
