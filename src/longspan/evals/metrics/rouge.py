"""ROUGE (https://aclanthology.org/W04-1013) as two packages compute it, to the last digit: their scores differ.

`rouge_n`, `rouge_l` and `rouge_l_lines` are rouge_score 0.1.2 without stemmer (its rouge1, rougeL and rougeLsum):
tokens are runs of a-z and 0-9 in lower case, counted as often as they occur. `distinct_rouge_n` and `distinct_rouge_l`
are the package rouge 1.0.1: words between spaces, cut into sentences at full stops, each counted once however often it
occurs.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Sequence
from itertools import chain
from typing import NamedTuple

from longspan.evals.metrics.overlap import harmonic
from longspan.evals.metrics.subsequence import common, trace

_TOKEN = re.compile("[a-z0-9]+")


class Rouge(NamedTuple):
    """A score's two sides and their harmonic mean."""

    recall: float
    """Share of the reference that the reply has."""
    precision: float
    """Share of the reply that the reference has."""
    f: float


NOTHING = Rouge(0.0, 0.0, 0.0)


def tokens(text: str) -> list[str]:
    """Runs of ASCII letters and digits, in lower case: everything else separates, other alphabets vanish."""
    return _TOKEN.findall(text.lower())


def rouge_n(prediction: str, reference: str, n: int) -> float:
    """F of the n-grams that both have, each as often as the one that has it less often."""
    ours, theirs = ngrams(tokens(prediction), n), ngrams(tokens(reference), n)
    both = (ours & theirs).total()
    return harmonic(both / max(1, ours.total()), both / max(1, theirs.total()))


def rouge_l(prediction: str, reference: str) -> float:
    """F of the longest common subsequence of the two texts."""
    ours, theirs = tokens(prediction), tokens(reference)
    if not ours or not theirs:
        return 0.0
    both = common(theirs, ours)
    return harmonic(both / len(ours), both / len(theirs))


def rouge_l_lines(prediction: str, reference: str) -> float:
    """F of summaries whose sentences are lines: tokens of a line of the reference that lie in the longest common
    subsequence with any line of the reply, no token more often than either text has it."""
    ours = [tokens(line) for line in prediction.split("\n") if line]
    theirs = [tokens(line) for line in reference.split("\n") if line]
    left_ours, left_theirs = Counter(chain.from_iterable(ours)), Counter(chain.from_iterable(theirs))
    sizes = left_ours.total(), left_theirs.total()
    if not all(sizes):
        return 0.0
    hits = 0
    for line in theirs:
        for token in _union(line, ours):
            if left_ours[token] > 0 and left_theirs[token] > 0:
                hits += 1
                left_ours[token] -= 1
                left_theirs[token] -= 1
    return harmonic(hits / sizes[0], hits / sizes[1])


def distinct_rouge_n(prediction: str, reference: str, n: int) -> Rouge:
    """ROUGE-N over distinct n-grams, across sentences; zeros where a text has nothing but full stops."""
    texts = [[*chain.from_iterable(_sentences(text))] for text in (prediction, reference)]
    if not all(texts):
        return NOTHING
    ours, theirs = (set(ngrams(words, n)) for words in texts)
    return _distinct(len(ours & theirs), len(ours), len(theirs))


def distinct_rouge_l(prediction: str, reference: str, *, deepest: int = 0) -> Rouge:
    """ROUGE-L over distinct words, sentence by sentence; zeros where a text has nothing but full stops.

    The package follows the subsequence of two sentences by recursion, a call for each step, and fails at Python's
    limit: with `deepest` above 0, the score is zeros where more calls would be needed.
    """
    ours, theirs = _sentences(prediction), _sentences(reference)
    if not ours or not theirs:
        return NOTHING
    union: set[str] = set()
    for sentence in theirs:
        for other in ours:
            steps = list(trace(sentence, other, ties="other"))
            if deepest and len(steps) >= deepest:
                return NOTHING
            union.update(sentence[at] for at in steps if at is not None)
    return _distinct(len(union), len(set().union(*ours)), len(set().union(*theirs)))


def ngrams(words: Sequence[str], n: int) -> Counter[tuple[str, ...]]:
    """Runs of `n` words, each with how often it occurs."""
    return Counter(tuple(words[at : at + n]) for at in range(len(words) - n + 1))


def _sentences(text: str) -> list[list[str]]:
    return [" ".join(part.split()).split(" ") for part in text.split(".") if part]


def _distinct(both: int, ours: int, theirs: int) -> Rouge:
    precision = both / ours if ours else 0.0
    recall = both / theirs if theirs else 0.0
    return Rouge(recall, precision, 2 * (precision * recall / (precision + recall + 1e-8)))


def _union(line: list[str], others: list[list[str]]) -> list[str]:
    found = {at for other in others for at in trace(line, other, ties="one") if at is not None}
    return [line[at] for at in sorted(found)]
