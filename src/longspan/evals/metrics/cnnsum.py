"""CNNSum's ROUGE-L over Chinese words, as in CxsGhost/CNNSum `Inference.py`."""

from __future__ import annotations

from longspan.evals.metrics.chinese import spaced
from longspan.evals.metrics.rouge import distinct_rouge_l
from longspan.evals.task import Rule, Sample


def grade(prediction: str, sample: Sample) -> float:
    """F of ROUGE-L; 0 for replies that are empty, dots alone, or without a sentence (the official code stops there)."""
    if set(prediction) <= {"."}:
        return 0.0
    return distinct_rouge_l(spaced(prediction), spaced(sample.answers[0])).f


ROUGE_L_ZH = Rule("cnnsum.rouge_l", grade, "CxsGhost/CNNSum 994a7f9")
