"""M4LE's rules for classes, counts and short answers, as in KwanWaiChung/M4LE `evaluation.py`."""

from __future__ import annotations

from longspan.evals.task import Rule, Sample

ORIGIN = "KwanWaiChung/M4LE 47c2af9"


def cut(prediction: str, sample: Sample) -> str:
    """A reply up to the first of each mark of `data["ends"]`, one mark after the other, stripped."""
    for end in sample.data.get("ends", ()):
        prediction = prediction.split(end)[0].strip()
    return prediction.strip()


def acc(prediction: str, sample: Sample) -> float:
    """1 when any reference occurs in the cut reply, in any case: a reply that lists every choice is right."""
    text = cut(prediction, sample).lower()
    return float(any(answer.lower() in text for answer in sample.answers))


def exact_match(prediction: str, sample: Sample) -> float:
    """1 when the cut reply is a reference and nothing else, in any case."""
    text = cut(prediction, sample).lower()
    return float(any(answer.lower().strip() == text for answer in sample.answers))


def cls_f1(prediction: str, sample: Sample) -> float:
    """F1 of the different entries between commas, up to the first full stop, against the references; case counts."""
    given = {entry.strip() for entry in prediction.split(".")[0].strip().split(",")}
    right = len(given & set(sample.answers))
    precision, recall = right / len(given), right / len(set(sample.answers))
    return 2 * precision * recall / (precision + recall) if right else 0.0


ACC = Rule("m4le.acc", acc, ORIGIN, scale=1)
EXACT_MATCH = Rule("m4le.exact_match", exact_match, ORIGIN, scale=1)
CLS_F1 = Rule("m4le.cls_f1", cls_f1, ORIGIN, scale=1)
