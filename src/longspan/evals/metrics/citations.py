"""Citation recall and precision in the manner of ALCE, over any judge of entailment.

A sentence is supported where the passages it cites entail it together; a citation is precise where its sentence is
supported and the passage either entails it alone or is needed for the others to. https://arxiv.org/abs/2305.14627
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from longspan.evals.metrics.overlap import harmonic

Entails = Callable[[tuple[int, ...], int], bool]
"""Passages by index and a sentence by index, to whether the passages entail it."""
Nli = Callable[[str, str], bool]
"""Premise and claim to whether one entails the other: a model's judgement. ALCE and HELMET use TRUE-T5-11B."""

AT_MOST = 3
"""Citations of a sentence that count."""
_CITED = re.compile(r"\[\d+")
_SPACED = re.compile(r" ?\[\d+")


class Citations(NamedTuple):
    """How well a reply cites."""

    recall: float
    """Share of sentences that the passages they cite entail."""
    precision: float
    """Share of citations that are needed."""
    f1: float
    """Their harmonic mean."""


NOTHING = Citations(0.0, 0.0, 0.0)


def without_citations(text: str) -> str:
    """A text without its [1] marks."""
    return _SPACED.sub("", text).replace(" |", "").replace("]", "")


def cited(text: str) -> list[int]:
    """Indices of the passages that a text cites: [1] is 0. In "[1, 2]" only the first is seen, and [0] is the last."""
    return [int(mark[1:]) - 1 for mark in _CITED.findall(text)]


def score(sentences: Sequence[str], passages: int, entails: Entails) -> Citations | None:
    """Recall and precision of the citations in a reply's sentences; None without sentences.

    A sentence without citations, or with one out of range, is not supported, and its citations are not counted; of the
    others three citations count.
    """
    if not sentences:
        return None
    supported = precise = citations = 0
    for number, sentence in enumerate(sentences):
        ids = cited(sentence)
        if not ids or not passages or any(id_ >= passages for id_ in ids):
            continue
        ids = ids[:AT_MOST]
        citations += len(ids)
        if entails(tuple(ids), number):
            supported += 1
            precise += sum(_needed(ids, id_, number, entails) for id_ in ids) if len(ids) > 1 else 1
    return _harmonic(supported / len(sentences), precise / citations if citations else 0.0)


def of_gold(ids: Sequence[int], gold: Sequence[int]) -> Citations:
    """Citations against the passages that have to be cited."""
    hits = sum(id_ in gold for id_ in ids)
    return _harmonic(hits / len(gold), hits / len(ids)) if ids and gold else NOTHING


def by_model(sentences: Sequence[str], passages: Sequence[str], nli: Nli) -> Entails:
    """Entailment judged by a model, from the passages' texts and the sentences without their marks."""
    claims = [without_citations(sentence).strip() for sentence in sentences]
    return lambda ids, number: nli("\n".join(passages[id_] for id_ in ids), claims[number])


def average(each: Iterable[Citations | None]) -> Citations:
    """The mean over replies that have sentences; zeros without any."""
    found = [one for one in each if one is not None]
    return Citations(*(sum(column) / len(found) for column in zip(*found, strict=True))) if found else NOTHING


def _needed(ids: list[int], id_: int, number: int, entails: Entails) -> bool:
    if entails((id_,), number):
        return True
    others = list(ids)
    others.remove(id_)
    return not entails(tuple(others), number)


def _harmonic(recall: float, precision: float) -> Citations:
    return Citations(recall, precision, harmonic(precision, recall))
