"""LoCoMo's rules by category of question, as in snap-research/locomo `task_eval/evaluation.py`."""

from __future__ import annotations

import re
import string

from longspan.evals.metrics.overlap import f1
from longspan.evals.metrics.pooled import pooled
from longspan.evals.metrics.porter import stem
from longspan.evals.task import Rule, Sample

ORIGIN = "snap-research/locomo 9228632"
MULTI_HOP, TEMPORAL, OPEN_DOMAIN, SINGLE_HOP, ADVERSARIAL = 1, 2, 3, 4, 5
REFUSALS = ("no information available", "not mentioned")
_MARKS = str.maketrans("", "", string.punctuation)


def normalize(text: str) -> str:
    """Lower case without punctuation, "a", "an", "the" and "and"."""
    bare = text.replace(",", "").lower().translate(_MARKS)
    return " ".join(re.sub(r"\b(a|an|the|and)\b", " ", bare).split())


def token_f1(prediction: str, reference: str) -> float:
    """F1 over the stems of both texts' words."""
    return f1(*([stem(word) for word in normalize(text).split()] for text in (prediction, reference)))


def list_f1(prediction: str, reference: str) -> float:
    """Both texts split at commas: the best F1 that each part of the reference finds, averaged."""
    ours, theirs = (text.split(",") for text in (prediction, reference))
    return sum(max(token_f1(part, wanted) for part in ours) for wanted in theirs) / len(theirs)


def chosen(prediction: str, options: dict[str, str]) -> str:
    """The option that a reply of one letter, or of one in brackets, names; "b" for any other of that length (quirk)."""
    reply = prediction.strip().lower()
    if len(reply) == 1:
        return options["a" if reply == "a" else "b"]
    if len(reply) == 3:
        return options["a" if reply == "(a)" else "b"]
    return reply


def grade(prediction: str, sample: Sample) -> float:
    """The rule of the question's category (`data["category"]`).

    Several hops: parts of a list. Open domain: the reference up to its first semicolon. Adversarial: 1 for a reply that
    says the answer is not mentioned, in those words. Dates and single hops: F1 over stems.
    """
    category = sample.data["category"]
    if category == ADVERSARIAL:
        options = sample.data.get("options")
        reply = chosen(prediction, dict(options)) if options else prediction
        return float(any(refusal in reply.lower() for refusal in REFUSALS))
    reference = sample.answers[0]
    if category == OPEN_DOMAIN:
        reference = reference.split(";")[0].strip()
    return list_f1(prediction, reference) if category == MULTI_HOP else token_f1(prediction, reference)


BY_CATEGORY = pooled(Rule("locomo.f1_by_category", grade, ORIGIN, scale=1))
