"""Rank passages by the words they share with a question. Robertson, Zaragoza 2009; lucene's variant, through bm25s."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

# Letters of scripts written with marks that \w does not count as letters, and joiners inside words.
_MARKS = (
    "\u0300-\u036f\u0591-\u05bd\u0610-\u061a\u064b-\u065f\u0900-\u0963\u0966-\u0dff\u0e31\u0e34-\u0e3a\u0e47-\u0e4e"
    "\u0eb1-\u0ebc\u0ec8-\u0ecd\u0f71-\u0f84\u102b-\u103e\u17b4-\u17d3\u200c\u200d"
)
_WORD = re.compile(rf"[\w{_MARKS}]+(?:\.[\w{_MARKS}]+)*")
_PART = re.compile(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|\d+")
_UNSPACED = re.compile("[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff]+")
_ACCENTS = re.compile("[\u0300-\u036f]")
LONGEST = 64
"Longer words are data, not words; they are searchable by their first so many characters."

_STOP_WORDS = """
a about am an and any are as at be been being but by can could did do does for from had has have he her his
how i if in into is it its many me much my no not of on or our she should so such than that the their them
then there these they this those to us was we were what when where which who whom whose why will with would
you your
"""
STOP_WORDS = frozenset(_STOP_WORDS.split())
"English words of questions that say nothing about their answer."


def terms(text: str) -> list[str]:
    """Return the searchable terms of a text.

    An identifier gives itself and its parts: `os.path.joinAll` gives os.path.joinall, os, path, joinall, join, all.
    Case and accents do not count. Scripts written without spaces give pairs of characters.
    """
    return [term for word in _WORD.findall(plain(text)) for term in dict.fromkeys(terms_of_word(word))]


def plain(text: str) -> str:
    """Return a text in compatibility form without Latin, Greek and Cyrillic accents."""
    if text.isascii():
        return text
    return unicodedata.normalize("NFC", _ACCENTS.sub("", unicodedata.normalize("NFKD", text)))


def terms_of_word(word: str) -> Iterator[str]:
    """Yield a word, the names a dotted word is made of, and the parts of each name."""
    names = word.split(".")
    if len(names) > 1:
        yield word.casefold()[:LONGEST]
    for name in names:
        if _UNSPACED.search(name):
            yield from unspaced_terms(name)
            continue
        yield name.casefold()[:LONGEST]
        parts = _PART.findall(name) if name.isascii() else filter(None, name.split("_"))
        yield from (part.casefold()[:LONGEST] for part in parts)


def unspaced_terms(name: str) -> Iterator[str]:
    """Yield pairs of neighbouring characters of unspaced script, and whole words of the rest."""
    end = 0
    for run in _UNSPACED.finditer(name):
        if name[end : run.start()]:
            yield name[end : run.start()].casefold()[:LONGEST]
        letters = run[0]
        yield from (letters[at : at + 2] for at in range(max(len(letters) - 1, 1)))
        end = run.end()
    if name[end:]:
        yield name[end:].casefold()[:LONGEST]


@dataclass(frozen=True, slots=True, eq=False)
class BM25:
    """Term weights of every passage; built once, saved, loaded."""

    scores: Any
    "The bm25s index, which has no types."

    @classmethod
    def build(cls, texts: Sequence[str], *, k1: float = 1.5, b: float = 0.75) -> BM25:
        """Index texts: k1 says how soon repeating a term stops to count, b how much long texts are held back."""
        import bm25s

        # Ids in order of first appearance: the same texts give the same files.
        ids: dict[str, int] = {"": 0}
        documents = [[ids.setdefault(term, len(ids)) for term in terms(text)] or [0] for text in texts]
        scores = bm25s.BM25(k1=k1, b=b, method="lucene", backend="numpy")
        scores.index((documents, ids), show_progress=False)
        return cls(scores)

    def save(self, folder: Path) -> None:
        """Write the index into a folder."""
        self.scores.save(folder, show_progress=False)

    @classmethod
    def load(cls, folder: Path) -> BM25:
        """Read what `save` wrote."""
        import bm25s

        return cls(bm25s.BM25.load(folder, show_progress=False))

    def rank(self, question: str, top: int, *, stop_words: frozenset[str] = STOP_WORDS) -> list[tuple[int, float]]:
        """Return (text, score) of the `top` texts that share a term with the question, best first, ties in order.

        Stop words count only when the question has nothing else.
        """
        import numpy as np

        known = [term for term in dict.fromkeys(terms(question)) if term in self.scores.vocab_dict]
        asked = [term for term in known if term not in stop_words] or known
        if not asked:
            return []
        scores = self.scores.get_scores(asked)
        order = np.argsort(-scores, kind="stable")[:top]
        return [(int(text), float(scores[text])) for text in order if scores[text] > 0]
