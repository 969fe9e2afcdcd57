"""Stems of English words by Porter's algorithm, with the changes of NLTK that metrics rely on."""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache
from itertools import pairwise

IRREGULAR = {
    "sky": "sky",
    "skies": "sky",
    "dying": "die",
    "lying": "lie",
    "tying": "tie",
    "news": "news",
    "innings": "inning",
    "inning": "inning",
    "outings": "outing",
    "outing": "outing",
    "cannings": "canning",
    "canning": "canning",
    "howe": "howe",
    "proceed": "proceed",
    "exceed": "exceed",
    "succeed": "succeed",
}
SECOND = (
    *(("ational", "ate"), ("tional", "tion"), ("enci", "ence"), ("anci", "ance"), ("izer", "ize"), ("bli", "ble")),
    *(("alli", "al"), ("entli", "ent"), ("eli", "e"), ("ousli", "ous"), ("ization", "ize"), ("ation", "ate")),
    *(("ator", "ate"), ("alism", "al"), ("iveness", "ive"), ("fulness", "ful"), ("ousness", "ous")),
    *(("aliti", "al"), ("iviti", "ive"), ("biliti", "ble"), ("fulli", "ful")),
)
THIRD = (("icate", "ic"), ("ative", ""), ("alize", "al"), ("iciti", "ic"), ("ical", "ic"), ("ful", ""), ("ness", ""))
FOURTH = (
    *("al", "ance", "ence", "er", "ic", "able", "ible", "ant", "ement", "ment", "ent", "ion"),
    *("ou", "ism", "ate", "iti", "ous", "ive", "ize"),
)


@lru_cache(maxsize=65536)
def stem(word: str) -> str:
    """The stem of a word, in lower case; words of one or two letters stay as they are."""
    word = word.lower()
    if word in IRREGULAR:
        return IRREGULAR[word]
    if len(word) <= 2:
        return word
    for step in (_plural, _past, _y, _second, _third, _fourth, _e, _ll):
        word = step(word)
    return word


def _consonant(word: str, at: int) -> bool:
    if word[at] == "y":
        return at == 0 or not _consonant(word, at - 1)
    return word[at] not in "aeiou"


def _measure(stem_: str) -> int:
    """How often a consonant follows a vowel: m in [C](VC){m}[V]."""
    kinds = [_consonant(stem_, at) for at in range(len(stem_))]
    return sum(now and not before for before, now in pairwise(kinds))


def _has_vowel(stem_: str) -> bool:
    return any(not _consonant(stem_, at) for at in range(len(stem_)))


def _double(word: str) -> bool:
    return len(word) >= 2 and word[-1] == word[-2] and _consonant(word, len(word) - 1)


def _short(word: str) -> bool:
    """Ends consonant, vowel, consonant other than w, x and y; also a word of a vowel and a consonant (NLTK)."""
    kinds = [_consonant(word, at) for at in range(len(word))]
    return (kinds[-3:] == [True, False, True] and word[-1] not in "wxy") or kinds == [False, True]


def _replace(word: str, pairs: tuple[tuple[str, str], ...], allowed: Callable[[str], bool]) -> str:
    for ending, other in pairs:
        if word.endswith(ending):
            base = word.removesuffix(ending)
            return base + other if allowed(base) else word
    return word


def _plural(word: str) -> str:
    if word.endswith("ies") and len(word) == 4:
        return word[:-1]
    return _replace(word, (("sses", "ss"), ("ies", "i"), ("ss", "ss"), ("s", "")), lambda base: True)


def _past(word: str) -> str:
    if word.endswith("ied"):
        return word[:-1] if len(word) == 4 else word[:-2]
    if word.endswith("eed"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    for ending in ("ed", "ing"):
        if word.endswith(ending) and _has_vowel(base := word.removesuffix(ending)):
            break
    else:
        return word
    if base.endswith(("at", "bl", "iz")):
        return base + "e"
    if _double(base):
        return base if base[-1] in "lsz" else base[:-1]
    return base + "e" if _measure(base) == 1 and _short(base) else base


def _y(word: str) -> str:
    return word[:-1] + "i" if word.endswith("y") and len(word) > 2 and _consonant(word, len(word) - 2) else word


def _second(word: str) -> str:
    if word.endswith("alli") and _measure(word[:-4]) > 0:
        return _second(word[:-2])
    if word.endswith("logi"):
        return word[:-1] if _measure(word[:-3]) > 0 else word
    return _replace(word, SECOND, lambda base: _measure(base) > 0)


def _third(word: str) -> str:
    return _replace(word, THIRD, lambda base: _measure(base) > 0)


def _fourth(word: str) -> str:
    for ending in FOURTH:
        if word.endswith(ending):
            base = word.removesuffix(ending)
            return base if _measure(base) > 1 and (ending != "ion" or base[-1] in "st") else word
    return word


def _e(word: str) -> str:
    if not word.endswith("e"):
        return word
    base = word[:-1]
    return base if _measure(base) > 1 or (_measure(base) == 1 and not _short(base)) else word


def _ll(word: str) -> str:
    return word[:-1] if word.endswith("ll") and _measure(word[:-1]) > 1 else word
