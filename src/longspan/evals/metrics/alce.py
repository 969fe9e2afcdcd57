"""Whether citations bear out what is said, as ALCE and HELMET count it. https://arxiv.org/abs/2305.14627"""

from __future__ import annotations

import re
from collections.abc import Sequence

from longspan.evals.metrics.citations import Citations, Nli, by_model, score
from longspan.evals.metrics.helmet import cleaned, items

SHORTEST = 5
"""Characters below which a sentence is none."""
_BREAK = re.compile(r"(?<=[.!?])\s+(?=[\"'(\[]?[A-Z0-9])")


def citations(reply: str, documents: Sequence[str], nli: Nli, *, question: str = "") -> Citations | None:
    """Citations [1], [2], ... of documents in a reply; None for one without sentences, which officially is left out.

    With a `question` the reply is a list between commas, each item a claim after the question. Quirks kept: those of
    `score`, and [0] is the last document. Sentences are cut at stops before a capital or digit; officially a model of
    NLTK cuts them.
    """
    said = claims(cleaned(reply), question)
    return score(said, len(documents), by_model(said, documents, nli))


def claims(reply: str, question: str = "") -> list[str]:
    """The sentences of a reply that are long enough, or the items of a list after their question."""
    if question:
        return [f"{question} {item.strip()}" for item in items(reply)]
    return [sentence for sentence in _BREAK.split(reply) if len(sentence.strip()) >= SHORTEST]
