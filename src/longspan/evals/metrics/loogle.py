"""LooGLE's rules, as in bigai-nlco/LooGLE `Evaluation/`; METEOR and BERTScore, which need downloads, are left out.

Every rule reads an empty reply as "None", as the official code does. Where the official code stops with an exception
(a reply without a sentence, a filled-in value that is no text), the score here is 0.
"""

from __future__ import annotations

import ast
import math
import sys
from collections.abc import Callable, Sequence
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.metrics.pooled import pooled
from longspan.evals.metrics.rouge import distinct_rouge_l, distinct_rouge_n, ngrams
from longspan.evals.task import Graded, Rule, Sample

ORIGIN = "bigai-nlco/LooGLE 6734382"
LONGEST = 20_000
"""Characters of a reply that are read as a dictionary; longer ones fill in nothing."""


def bleu(prediction: str, reference: str, n: int) -> float:
    """Brevity penalty times the precision of n-grams alone, NLTK's `sentence_bleu` with all weight on n.

    0 where no word matches; a precision of 0 counts as the smallest float, as without smoothing there.
    """
    ours, theirs = (text.replace("\n", " ").split() for text in (prediction, reference))
    if not _clipped(ours, theirs, 1):
        return 0.0
    matches = _clipped(ours, theirs, n)
    precision = matches / max(1, len(ours) - n + 1) if matches else sys.float_info.min
    penalty = 1.0 if len(ours) > len(theirs) else math.exp(1 - len(theirs) / len(ours))
    return penalty * precision


def filled(prediction: str) -> dict[Any, Any]:
    """The dictionary that a reply is, written as Python or JSON has it; empty where it is none."""
    try:
        value = ast.literal_eval(prediction) if len(prediction) <= LONGEST else None
    except (ValueError, SyntaxError, TypeError, MemoryError, RecursionError):
        return {}
    return value if isinstance(value, dict) else {}


def exact(prediction: str, sample: Sample) -> float:
    """The share of masks (`data["masks"]`) filled in with the very entity."""
    found, masks = filled(prediction), _masks(sample)
    return sum(1 for mask, entity in masks.items() if found.get(mask) == entity) / len(masks)


def partial(prediction: str, sample: Sample) -> float:
    """The share of masks filled in with a word of the entity at least."""
    found, masks = filled(prediction), _masks(sample)
    hits = (_shares_a_word(found.get(mask), entity) for mask, entity in masks.items())
    return sum(hits) / len(masks)


def by_masks(graded: Sequence[Graded]) -> float:
    """Masks filled in rightly among all masks of all questions: questions with more masks weigh more."""
    masks = [len(_masks(each.sample)) for each in graded]
    return sum(each.score * count for each, count in zip(graded, masks, strict=True)) / max(1, sum(masks))


def judged(prediction: str, sample: Sample) -> float:
    """1 when the judge's verdict (`data["verdict"]`) is "True", or its mark of 0 to 100 as a share.

    InputError where there is no verdict: a judge has to give one first.
    """
    verdict = sample.data.get("verdict")
    if verdict is None:
        raise InputError(
            f"{sample.task} is scored by a judge: put its verdict into the record's `verdict` and score that"
        )
    if verdict in ("True", "False"):
        return float(verdict == "True")
    try:
        return min(1.0, max(0.0, float(verdict) / 100))
    except ValueError:
        return 0.0


def readable(graded: Sequence[Graded]) -> float:
    """The mean over replies whose verdict is exactly "True" or "False"; the others are left out, as officially."""
    kept = [each.score for each in graded if each.sample.data.get("verdict") in ("True", "False")]
    return sum(kept) / len(kept) if kept else 0.0


def _masks(sample: Sample) -> dict[str, str]:
    return dict(sample.data["masks"])


def _clipped(ours: list[str], theirs: list[str], n: int) -> int:
    """N-grams of the reply that the reference has too, each as often as it is there."""
    return (ngrams(ours, n) & ngrams(theirs, n)).total()


def _shares_a_word(value: Any, entity: str) -> bool:
    return isinstance(value, str) and bool(set(value.split()) & set(entity.split()))


def _of_texts(name: str, score: Callable[[str, str], float]) -> Rule:
    return pooled(
        Rule(f"loogle.{name}", lambda reply, sample: score(reply or "None", sample.answers[0]), ORIGIN, scale=1)
    )


TEXT = {
    name: _of_texts(name, score)
    for name, score in {
        "bleu_1": lambda reply, answer: bleu(reply, answer, 1),
        "bleu_4": lambda reply, answer: bleu(reply, answer, 4),
        "rouge_1": lambda reply, answer: distinct_rouge_n(reply, answer, 1).recall,
        "rouge_2": lambda reply, answer: distinct_rouge_n(reply, answer, 2).recall,
        "rouge_l": lambda reply, answer: distinct_rouge_l(reply, answer).recall,
    }.items()
}
CLOZE_EXACT = pooled(Rule("loogle.exact_match", exact, ORIGIN, by_masks, scale=1))
CLOZE_PARTIAL = pooled(Rule("loogle.partial_match", partial, ORIGIN, by_masks, scale=1))
JUDGED_ANSWER = pooled(Rule("loogle.gpt4_true", judged, ORIGIN, readable, scale=1))
JUDGED_SUMMARY = pooled(Rule("loogle.gpt4_mark", judged, ORIGIN))
