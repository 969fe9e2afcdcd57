"""Rules of our own for what was looked up or worked out: numbers, names and lists in a reply."""

from __future__ import annotations

import re
from collections import Counter
from decimal import Decimal

from longspan.evals.task import Rule, Sample

_DIGITS = r"(?:\d{1,3}(?:,\d{3})+(?![\d,])|\d+)(?:\.\d+)?"
_UNSIGNED = re.compile(_DIGITS, re.ASCII)
_SIGNED = re.compile(rf"(?:(?<![\w)])[-\u2212])?{_DIGITS}", re.ASCII)
_WHOLE = re.compile(r"\d+", re.ASCII)
_BRACKETED = re.compile(r"<\s*(\d+)\s*>", re.ASCII)
_LIST = re.compile(r"\[([^\[\]]*)\]")
_WORD = re.compile(r"[\w-]+")


def first_number(prediction: str, sample: Sample) -> float:
    """1 when the first number of the reply, its sign aside, is a reference: 12,345 and 12345.0 are 12345."""
    found = _UNSIGNED.search(prediction)
    return float(found is not None and _is_one_of(found.group(), sample))


def last_number(prediction: str, sample: Sample) -> float:
    """1 when the last number of the reply, with its sign, is a reference."""
    found = _SIGNED.findall(prediction)
    return float(bool(found) and _is_one_of(found[-1], sample))


def bracketed_number(prediction: str, sample: Sample) -> float:
    """1 when the first whole number in angle brackets is a reference; in a reply without any, the last number."""
    found = _BRACKETED.search(prediction)
    return float(_is_one_of(found.group(1), sample)) if found else last_number(prediction, sample)


def mentioned(prediction: str, sample: Sample) -> float:
    """The share of references that stand in the reply as whole words or numbers, whatever their case."""
    text = prediction.lower()
    return sum(_stands_in(text, answer.lower()) for answer in sample.answers) / len(sample.answers)


def prefix(prediction: str, sample: Sample) -> float:
    """How far the reply's whole numbers agree with the references from the first on, as a share of the references."""
    right = 0
    for number, answer in zip(_WHOLE.findall(prediction), sample.answers, strict=False):
        if Decimal(number) != Decimal(answer):
            break
        right += 1
    return right / len(sample.answers)


def listed(prediction: str, sample: Sample) -> float:
    """The share of references among the whole numbers of the reply's first list, in any order.

    The list is the first in square brackets that has numbers, else the whole reply; of it no more numbers count than
    there are references, so that naming every number gains nothing.
    """
    lists = [_WHOLE.findall(inside) for inside in _LIST.findall(prediction)]
    numbers = next(filter(None, lists), None) or _WHOLE.findall(prediction)
    plain = Counter(number.lstrip("0") for number in numbers[: len(sample.answers)])
    wanted = Counter(answer.lstrip("0") for answer in sample.answers)
    return (plain & wanted).total() / len(sample.answers)


def in_order(prediction: str, sample: Sample) -> float:
    """The share of references that the reply has in their order; words between them do no harm."""
    best = [0] * (len(sample.answers) + 1)
    for word in _WORD.findall(prediction.lower()):
        diagonal = 0
        for place, answer in enumerate(sample.answers, 1):
            match = diagonal + (word == answer.lower())
            diagonal = best[place]
            best[place] = max(best[place], best[place - 1], match)
    return best[-1] / len(sample.answers)


def _is_one_of(number: str, sample: Sample) -> bool:
    value = Decimal(number.replace(",", "").replace("\u2212", "-"))
    return any(value == Decimal(answer) for answer in sample.answers)


def _stands_in(text: str, answer: str) -> bool:
    return re.search(rf"(?<!\w)(?<!\d[.,]){re.escape(answer)}(?!\w)(?![.,]\d)", text) is not None


FIRST_NUMBER = Rule("longspan.first_number", first_number)
LAST_NUMBER = Rule("longspan.last_number", last_number)
BRACKETED_NUMBER = Rule("longspan.bracketed_number", bracketed_number)
MENTIONED = Rule("longspan.mentioned", mentioned)
PREFIX = Rule("longspan.prefix", prefix)
LISTED = Rule("longspan.listed", listed)
IN_ORDER = Rule("longspan.in_order", in_order)
