"""NoLiMa's rule, as in adobe-research/NoLiMa."""

from __future__ import annotations

from longspan.evals.task import Rule, Sample


def contains(prediction: str, sample: Sample) -> float:
    """1 when any of the references occurs in the reply as it is written; case counts."""
    return float(any(answer in prediction for answer in sample.answers))


CONTAINS = Rule("nolima.contains", contains, "adobe-research/NoLiMa 7532e4e")
