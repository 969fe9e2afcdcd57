"""The rule for ListOps asked of a model that writes: Long Range Arena trains a classifier with ten classes."""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample


def first_digit(prediction: str, sample: Sample) -> float:
    """1 when the first whole number of the reply is the reference."""
    found = re.search(r"\d+", prediction)
    return float(found is not None and found[0] == sample.answers[0])


VALUE = Rule("longspan.listops_value", first_digit)
