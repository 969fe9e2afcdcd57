"""MRCR v2's rule, as in google-deepmind/eval_hub `eval_hub/mrcr_v2/run_evaluation.py`."""

from __future__ import annotations

from difflib import SequenceMatcher

from longspan.evals.task import Rule, Sample

ORIGIN = "google-deepmind/eval_hub 67b7fd2"
CODE = 12
"""Characters of the code that a reply has to give first."""


def last_code(prediction: str, sample: Sample) -> float:
    """How alike the text after the reply's last code and the reference's text are; 0 without the code.

    As there, likeness is difflib's ratio as it comes: in a reply of 200 letters or more, no match begins with a letter
    that makes up more than 1 % of it, so that a reply shifted by one letter can score far less than it deserves.
    """
    target, reply = sample.answers[0].strip(), prediction.strip()
    _, found, text = reply.rpartition(target[:CODE])
    return SequenceMatcher(a=target[CODE:].strip(), b=text.strip()).ratio() if found else 0.0


def first_code(prediction: str, sample: Sample) -> float:
    """The same, and 0 where anything stands before the code: what the repository's test asks of its default."""
    return last_code(prediction, sample) if prediction.strip().startswith(sample.answers[0].strip()[:CODE]) else 0.0


LAST_CODE = Rule("mrcr.last_code", last_code, ORIGIN, scale=1.0)
FIRST_CODE = Rule("mrcr.first_code", first_code, "google-deepmind/eval_hub 0713b13", scale=1.0)
