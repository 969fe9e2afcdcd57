"""ROUGE as the package `rouge` 1.0.1 computes it, which many benchmarks took: its own way, over distinct words.

A text is cut into sentences at every full stop. ROUGE-N compares sets of n-grams, across sentences. ROUGE-L adds up,
sentence by sentence of the reference, the distinct words that longest common subsequences with the reply's sentences
bring in anew, and divides by the distinct words of each side.
"""

from __future__ import annotations

from typing import NamedTuple


class Rouge(NamedTuple):
    """Recall, precision and their harmonic mean."""

    recall: float
    precision: float
    f: float


NOTHING = Rouge(0.0, 0.0, 0.0)


def rouge_n(prediction: str, reference: str, n: int) -> Rouge:
    """ROUGE-N over distinct n-grams; zeros where either text has no sentence (the package raises there)."""
    ours, theirs = (_ngrams(_words(_sentences(text)), n) for text in (prediction, reference))
    if not _sentences(prediction) or not _sentences(reference):
        return NOTHING
    return _rouge(len(ours & theirs), len(ours), len(theirs))


def rouge_l(prediction: str, reference: str) -> Rouge:
    """ROUGE-L of whole summaries, over distinct words; zeros where either text has no sentence."""
    ours, theirs = _sentences(prediction), _sentences(reference)
    if not ours or not theirs:
        return NOTHING
    union: set[str] = set()
    common = 0
    for sentence in theirs:
        before = len(union)
        for other in ours:
            union |= _subsequence(sentence.split(" "), other.split(" "))
        common += len(union) - before
    return _rouge(common, len(set(_words(ours))), len(set(_words(theirs))))


def _rouge(common: int, ours: int, theirs: int) -> Rouge:
    precision = common / ours if ours else 0.0
    recall = common / theirs if theirs else 0.0
    return Rouge(recall, precision, 2 * (precision * recall / (precision + recall + 1e-8)))


def _sentences(text: str) -> list[str]:
    return [" ".join(part.split()) for part in text.split(".") if part]


def _words(sentences: list[str]) -> list[str]:
    return [word for sentence in sentences for word in sentence.split(" ")]


def _ngrams(words: list[str], n: int) -> set[tuple[str, ...]]:
    return {tuple(words[at : at + n]) for at in range(len(words) - n + 1)}


def _subsequence(one: list[str], other: list[str]) -> set[str]:
    """Distinct words of the longest common subsequence that the package's table leads to."""
    table = [[0] * (len(other) + 1)]
    for word in one:
        above = table[-1]
        row = [0]
        for column, candidate in enumerate(other, 1):
            row.append(above[column - 1] + 1 if word == candidate else max(above[column], row[column - 1]))
        table.append(row)
    words: set[str] = set()
    line, column = len(one), len(other)
    while line and column:
        if one[line - 1] == other[column - 1]:
            words.add(one[line - 1])
            line, column = line - 1, column - 1
        elif table[line - 1][column] > table[line][column - 1]:
            line -= 1
        else:
            column -= 1
    return words
