"""Citation recall and precision in the manner of ALCE, as L-CiteEval computes them, over any judge of entailment.

A sentence is supported where the passages it cites entail it together; a citation is precise where its sentence is
supported and the passage either entails it alone or is needed for the others to. https://arxiv.org/abs/2305.14627
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from longspan.core.errors import InputError

Entails = Callable[[tuple[int, ...], int], bool]
"""Passages by index and a sentence by index, to whether the passages entail it."""
Nli = Callable[[str, str], bool]
"""Premise and claim to whether one entails the other: a model's judgement."""

AT_MOST = 3
_CITED = re.compile(r"\[\d+")
_BREAK = re.compile(r"""(?<=[.!?])["')\]]*\s+(?=["'(\[]?[A-Z0-9])|\n+""")


class Citations(NamedTuple):
    """How well a reply cites."""

    recall: float
    """Share of sentences that the passages they cite entail."""
    precision: float
    """Share of citations that are needed."""
    f1: float
    """Their harmonic mean."""


NOTHING = Citations(0.0, 0.0, 0.0)


def sentences(text: str) -> list[str]:
    """Sentences of a reply. Differs from the official code, which takes NLTK's trained splitter."""
    return [part.strip() for part in _BREAK.split(text.strip()) if part.strip()]


def without_citations(text: str) -> str:
    """A text without its [1] marks."""
    bare = _CITED.sub("", re.sub(r" \[\d+", "", text))
    return bare.replace(" |", "").replace("]", "")


def cited(text: str) -> list[int]:
    """Indices of the passages that a text cites: [1] is 0. In "[1, 2]" only the first is seen, and [0] is the last."""
    return [int(mark[1:]) - 1 for mark in _CITED.findall(text)]


def score(reply: str, passages: int, entails: Entails) -> Citations | None:
    """Recall and precision of a reply's citations; None for a reply without sentences.

    A sentence without citations, or with one out of range, is not supported; of the others three citations count.
    """
    parts = sentences(reply)
    if not parts:
        return None
    supported = precise = citations = 0
    for number, part in enumerate(parts):
        ids = cited(part)
        if not ids or any(id_ >= passages for id_ in ids):
            continue
        ids = ids[:AT_MOST]
        citations += len(ids)
        if entails(tuple(ids), number):
            supported += 1
            precise += sum(_needed(ids, id_, number, entails) for id_ in ids) if len(ids) > 1 else 1
    return _harmonic(supported / len(parts), precise / citations if citations else 0.0)


def of_gold(ids: Sequence[int], gold: Sequence[int]) -> Citations:
    """Citations against the passages that have to be cited."""
    hits = sum(id_ in gold for id_ in ids)
    return _harmonic(hits / len(gold), hits / len(ids)) if ids and gold else NOTHING


def by_model(reply: str, docs: Sequence[str | Mapping[str, str]], nli: Nli) -> Entails:
    """Entailment judged by a model, from the passages' texts and the sentences without their marks."""
    claims = [without_citations(part).strip() for part in sentences(reply)]
    return lambda ids, number: nli("\n".join(_passage(docs[id_]) for id_ in ids), claims[number])


def by_record(verdicts: Iterable[Mapping[str, Any]], task: str) -> Entails:
    """Entailment as a prediction record says: entries of `sentence` (from 1), `passages` (as cited) and `entails`."""
    known = {(tuple(entry["passages"]), int(entry["sentence"])): bool(entry["entails"]) for entry in verdicts}

    def entails(ids: tuple[int, ...], number: int) -> bool:
        key = (tuple(id_ + 1 for id_ in ids), number + 1)
        if key not in known:
            raise InputError(
                f"{task}: `entailments` does not say whether passages {list(key[0])} entail sentence {key[1]}: "
                "ask a model and put the verdict into the record"
            )
        return known[key]

    return entails


def _needed(ids: list[int], id_: int, number: int, entails: Entails) -> bool:
    if entails((id_,), number):
        return True
    others = list(ids)
    others.remove(id_)
    return not entails(tuple(others), number)


def _passage(doc: str | Mapping[str, str]) -> str:
    return f"Passage: {doc}" if isinstance(doc, str) else f"Title: {doc['title']}\nPassage: {doc['text']}"


def _harmonic(recall: float, precision: float) -> Citations:
    both = recall + precision
    return Citations(recall, precision, 2 * recall * precision / both if both else 0.0)
