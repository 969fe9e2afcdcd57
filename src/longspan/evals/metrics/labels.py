"""Labels in replies: the first line decides."""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample

_LABEL = re.compile(r"^\W*(?:label|class)?\W*", re.IGNORECASE)


def first_line(prediction: str, sample: Sample) -> float:
    """1 when the first line of the reply is the reference, whatever case, marks around it and a word "label" before."""
    lines = prediction.strip().splitlines()
    said = _LABEL.sub("", lines[0]).strip(" .,:;\"'`*()[]").lower() if lines else ""
    return float(said in [answer.lower() for answer in sample.answers])


EXACT_LABEL = Rule("longspan.first_line_label", first_line)
