"""FILM's three probing rules, as in microsoft/FILM `VaLProbing/plot.py`.

The original averages spans of 50 places and leaves out the last place of each; a task's score here is the plain mean.
"""

from __future__ import annotations

from longspan.evals.task import Rule, Sample

ORIGIN = "microsoft/FILM 134c03b"


def word_recall(prediction: str, sample: Sample) -> float:
    """The share of the reference's different words, cut at white space only and in lower case, that the reply has."""
    wanted = set(sample.answers[0].lower().split())
    return len(wanted & set(prediction.lower().split())) / len(wanted)


def contains(prediction: str, sample: Sample) -> float:
    """1 when the reply contains the reference, less full stops at its ends, in the same case."""
    return float(sample.answers[0].strip(".") in prediction)


def contains_either(prediction: str, sample: Sample) -> float:
    """1 when the reply contains any of the references, less full stops at their ends, in any case."""
    return float(any(answer.strip(".").lower() in prediction.lower() for answer in sample.answers))


WORD_RECALL = Rule("film.word_recall", word_recall, ORIGIN)
CONTAINS = Rule("film.contains", contains, ORIGIN)
CONTAINS_EITHER = Rule("film.contains_either", contains_either, ORIGIN)
