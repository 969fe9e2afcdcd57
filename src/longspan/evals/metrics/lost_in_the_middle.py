"""The rule of key-value retrieval, as in nelson-liu/lost-in-the-middle `scripts/evaluate_kv_responses.py`."""

from __future__ import annotations

from longspan.evals.task import Rule, Sample


def contains(prediction: str, sample: Sample) -> float:
    """1 when the value occurs in the reply, whatever the case."""
    return float(sample.answers[0].lower() in prediction.lower())


CONTAINS = Rule("lost_in_the_middle.contains", contains, "nelson-liu/lost-in-the-middle 29b8a6d", scale=1)
