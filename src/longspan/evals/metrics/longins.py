"""Rules for an exam of many short questions, after LongIns, whose code is not published."""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample

_LINE = re.compile(r"^[^\w\n]*(\d+)[.:)](.*)$", re.MULTILINE)


def number_f1(prediction: str, sample: Sample) -> float:
    """F1 of the different whole numbers in the reply against the references."""
    given = {number.lstrip("0") for number in re.findall(r"\d+", prediction)}
    right = len(given & set(sample.answers))
    return 2 * right / (len(given) + len(set(sample.answers))) if right else 0.0


def in_lines(prediction: str, sample: Sample) -> float:
    """The share of references whose line of the reply, `number. answer`, is right in any case; first lines count."""
    given: dict[str, str] = {}
    for number, answer in _LINE.findall(prediction):
        given.setdefault(number.lstrip("0"), answer.strip(" \t*.").lower())
    right = sum(given.get(str(number)) == answer.lower() for number, answer in enumerate(sample.answers, 1))
    return right / len(sample.answers)


NUMBER_F1 = Rule("longspan.longins_f1", number_f1)
IN_LINES = Rule("longspan.longins_answers", in_lines)
