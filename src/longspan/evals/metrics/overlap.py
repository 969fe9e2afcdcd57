"""Words that a reply and a reference have in common, the way SQuAD counts them, and its Chinese form."""

from __future__ import annotations

import re
import string
from collections import Counter
from collections.abc import Iterable, Sequence

_ARTICLES = re.compile(r"\b(a|an|the)\b")
_PUNCTUATION = str.maketrans("", "", string.punctuation)
_WIDE = (
    "2013-2014 2018-2019 201B-201F 2026-2027 3001-3003 300B-3011 3014-301F "
    "3030 303E-303F FE4F FF01-FF0D FF0F FF1A-FF20 FF3B-FF40 FF5B-FF64"
)
"""Code points of the Chinese punctuation that LongBench and InfiniteBench take out."""


def _without(ranges: str) -> dict[int, None]:
    pairs = [(each.partition("-")[0], each.rpartition("-")[2]) for each in ranges.split()]
    wide = [point for first, last in pairs for point in range(int(first, 16), int(last, 16) + 1)]
    return dict.fromkeys([*wide, *map(ord, string.punctuation)])


_CHINESE = _without(_WIDE)


def normalize(text: str) -> str:
    """Without ASCII punctuation, then without English articles, single spaces between words; the case is kept."""
    return " ".join(_ARTICLES.sub(" ", text.translate(_PUNCTUATION)).split())


def normalize_chinese(text: str) -> str:
    """In lower case, without any punctuation and without white space; the opening mark of book titles, 《, stays."""
    return "".join(text.lower().translate(_CHINESE).split())


def harmonic(precision: float, recall: float) -> float:
    """The harmonic mean of two shares; 0 where both are."""
    return 2 * precision * recall / (precision + recall) if precision + recall else 0.0


def f1(prediction: Sequence[str], reference: Sequence[str]) -> float:
    """Harmonic mean of the shares of either that the other has too, repeated items counted; 0 without any."""
    both = (Counter(prediction) & Counter(reference)).total()
    return harmonic(both / len(prediction), both / len(reference)) if both else 0.0


def word_f1(prediction: str, references: Iterable[str]) -> float:
    """The best F1 over references of normalized words in lower case: SQuAD's."""
    ours = normalize(prediction.lower()).split()
    return max((f1(ours, normalize(reference.lower()).split()) for reference in references), default=0.0)
