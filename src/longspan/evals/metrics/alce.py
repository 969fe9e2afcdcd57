"""Whether citations bear out what is said, by any model of entailment. https://arxiv.org/abs/2305.14627"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from longspan.evals.metrics.helmet import cleaned, uncited

Entails = Callable[[str, str], bool]
"""Premise and claim, to whether the first bears out the second; ALCE and HELMET use TRUE-T5-11B."""
MOST = 3
"""Citations of a sentence that count."""
SHORTEST = 5
"""Characters below which a sentence is none."""
_SENTENCE = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]?[A-Z0-9])")


@dataclass(frozen=True, slots=True)
class Cited:
    """How well one reply is cited, each 0 to 1."""

    recall: float
    """Share of sentences that their citations together bear out."""
    precision: float
    """Share of citations that are needed for that."""


def cited(reply: str, documents: Sequence[str], entails: Entails, *, question: str = "") -> Cited | None:
    """Citations [1], [2], ... of documents in a reply; None for one without sentences, which officially is left out.

    With a `question` the reply is a list between commas, each item a claim after the question. Quirks kept: a sentence
    that cites a document beyond the last is uncited, and its citations are not counted; [0] is the last document.
    Sentences are cut at stops before a capital or digit; officially a model of NLTK cuts them.
    """
    borne, needed, total = 0, 0, 0
    sentences = claims(cleaned(reply), question)
    for sentence in sentences:
        named = [int(number) - 1 for number in re.findall(r"\[(\d+)", sentence)]
        if not named or not documents or any(at >= len(documents) for at in named):
            continue
        named = named[:MOST]
        total += len(named)
        claim = uncited(sentence).strip()
        if entails("\n".join(documents[at] for at in named), claim):
            borne += 1
            needed += _needed(claim, [documents[at] for at in named], entails)
    return Cited(borne / len(sentences), needed / total if total else 0.0) if sentences else None


def claims(reply: str, question: str = "") -> list[str]:
    """The sentences of a reply that are long enough, or the items of a list after their question."""
    if question:
        return [f"{question} {item.strip()}" for item in reply.rstrip().rstrip(".").rstrip(",").split(",")]
    return [sentence for sentence in re.split(_SENTENCE, reply) if len(sentence.strip()) >= SHORTEST]


def average(each: Iterable[Cited | None]) -> Cited:
    """The mean over replies that have sentences; zeros without any."""
    found = [one for one in each if one is not None]
    n = max(1, len(found))
    return Cited(sum(one.recall for one in found) / n, sum(one.precision for one in found) / n)


def _needed(claim: str, cited: Sequence[str], entails: Entails) -> int:
    """How many of documents that bear out a claim together do so alone, or are missed without."""
    if len(cited) == 1:
        return 1
    needed = 0
    for document in cited:
        others = list(cited)
        others.remove(document)
        needed += entails(document, claim) or not entails("\n".join(others), claim)
    return needed
