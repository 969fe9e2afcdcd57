"""InfiniteBench's rules, as in its `src/compute_scores.py`. The reference is `data["label"]`, as the files have it.

Kept because published scores have it: a reply to En.MC that begins with "A", as in "A man", chooses A; En.Dia knows
the first of several names alone, and no name of two words; Code.Debug wants one of four phrases, or "B." in front;
Code.Run reads the last word. Not kept: the official program stops at a number with a fraction in a reply about whole
numbers, and at labels of other types; here the first scores 0, and the second is no record.
"""

from __future__ import annotations

import re
from itertools import takewhile
from typing import Any

from longspan.evals.metrics.overlap import f1, normalize_chinese, word_f1
from longspan.evals.metrics.rouge import rouge_l_lines
from longspan.evals.task import Rule, Sample

ORIGIN = "OpenBMB/InfiniteBench 88b3daa"
_DIGITS = re.compile(r"[0-9]+")
_NUMBER = re.compile(r"\d+\.\d+|\d+")
_INTEGER = re.compile(r"[+-]?\d+(?:_\d+)*")
_MARKS = dict.fromkeys(map(ord, "\n:\"'.,?!{}"), " ")
_CHOICE_MARKS = dict.fromkeys(map(ord, "\n\"'.,?!{}"), " ")
_RUN_MARKS = dict.fromkeys(map(ord, "\n.`'\":"), " ")
_DEBUG_MARKS = re.compile("[\n`'\"*-]|Option|option")
_FRONT = re.compile(r"([A-D])(?!\w|\s+[a-z])")
_DEBUG_PHRASES = ("answer is:", "is:", "answer:", "correct option is:")
_CHOICE_PHRASES = ("answer is:", "answer:", "answer is", "option is")


def first_number(prediction: str, sample: Sample) -> float:
    """1 when the first run of digits is the reference (PassKey, Number)."""
    found = _DIGITS.search(prediction)
    return float((found[0] if found else "") == _one(sample))


def word(prediction: str, sample: Sample) -> float:
    """1 when the reference is a word of the reply, punctuation aside (KV)."""
    return float(sample.data["label"] in prediction.translate(_MARKS).split())


def character(prediction: str, sample: Sample) -> float:
    """1 when the first reference is a word of the reply in capitals (En.Dia)."""
    return float(sample.data["label"][0] in map(str.upper, prediction.strip().translate(_MARKS).split()))


def any_character(prediction: str, sample: Sample) -> float:
    """1 when any of the accepted names occurs in the reply as words, whatever their case: the official rule takes the
    first name alone, and none of two words."""
    words = " ".join(prediction.translate(_MARKS).upper().split())
    names = (" ".join(name.translate(_MARKS).upper().split()) for name in sample.data["label"])
    return float(any(f" {name} " in f" {words} " for name in names if name))


def choice(prediction: str, sample: Sample) -> float:
    """1 when the reply begins with the right letter, is an accepted text, or says either after a phrase (En.MC)."""
    label, text = sample.data["label"], prediction.strip()
    if not text:
        return 0.0
    if text[0] in "ABCD":
        return float(text[0] in label)
    if text in label:
        return 1.0
    text = _single_spaced(text.translate(_CHOICE_MARKS))
    after = _after(text, _CHOICE_PHRASES)
    if after is not None:
        return float(any(after.startswith(each) for each in label))
    letter = next((each for each in text.split() if each in "ABCD"), None)
    return float(letter in label)


def debug(prediction: str, sample: Sample) -> float:
    """1 when the reply begins with the right letter and a mark, or says letter or name after a phrase (Code.Debug)."""
    name, letter = sample.data["label"]
    text = prediction.strip()
    if text[:2] in (f"{letter}.", f"{letter}:"):
        return 1.0
    after = _after(_single_spaced(_DEBUG_MARKS.sub(" ", text)), _DEBUG_PHRASES)
    return float(after is not None and after.startswith((letter, name)))


def debug_front(prediction: str, sample: Sample) -> float:
    """The official rule, or the right letter in front, alone or before a mark, or the name in front: the official one
    gives 0 to "B", which is what its prompt asks for."""
    name, letter = sample.data["label"]
    text = prediction.strip().lstrip("([*`'\" ")
    front = _FRONT.match(text)
    return max(debug(prediction, sample), float(front[1] == letter if front else text.startswith(name)))


def run(prediction: str, sample: Sample) -> float:
    """1 when the last word is the reference, a whole number (Code.Run)."""
    words = prediction.strip().translate(_RUN_MARKS).split()
    return float(bool(words) and _INTEGER.fullmatch(words[-1]) is not None and _whole(words[-1]) == _one(sample))


def find(prediction: str, sample: Sample) -> float:
    """1 when the first number without its sign is the reference (Math.Find)."""
    found, label = _NUMBER.search(prediction), _one(sample)
    if not found:
        return 0.0
    if isinstance(label, float):
        return float(float(found[0]) == label)
    return float("." not in found[0] and _whole(found[0]) == label)


def calculate(prediction: str, sample: Sample, *, skip: int = 0) -> float:
    """The share of the reference's numbers that come in order and unbroken from the start, signs aside (Math.Calc)."""
    label = sample.data["label"]
    wanted = label[0] if isinstance(label[0], list) else label
    ours = map(_whole, _DIGITS.findall(prediction)[skip:])
    right = takewhile(lambda pair: pair[0] == pair[1], zip(wanted, ours, strict=False))
    return sum(1 for _ in right) / len(wanted)


def calculate_gpt4(prediction: str, sample: Sample) -> float:
    """The same without the reply's first number: its prompt makes GPT-4 repeat the expression's."""
    return calculate(prediction, sample, skip=1)


def answer(prediction: str, sample: Sample) -> float:
    """The best F1 of words over the references (En.QA)."""
    return word_f1(prediction, sample.data["label"])


def answer_chinese(prediction: str, sample: Sample) -> float:
    """The best F1 of characters over the references (Zh.QA)."""
    ours = normalize_chinese(prediction)
    return max((f1(ours, normalize_chinese(each)) for each in sample.data["label"]), default=0.0)


def summary(prediction: str, sample: Sample) -> float:
    """The best ROUGE-Lsum over the references; it takes lines for sentences (En.Sum)."""
    label = sample.data["label"]
    references = [label] if isinstance(label, str) else label
    return max((rouge_l_lines(prediction, each) for each in references), default=0.0)


def _one(sample: Sample) -> Any:
    label = sample.data["label"]
    return label[0] if isinstance(label, list) else label


def _whole(digits: str) -> int | None:
    return int(digits) if len(digits) < 4000 else None  # Python converts no longer ones


def _single_spaced(text: str) -> str:
    return re.sub(" +", " ", text)


def _after(text: str, phrases: tuple[str, ...]) -> str | None:
    """What stands one character after the first of the phrases that the text has; None without one."""
    for phrase in phrases:
        _, found, rest = text.partition(phrase)
        if found:
            return rest[1:]
    return None


PASSKEY = Rule("infinitebench.first_number", first_number, ORIGIN)
KV = Rule("infinitebench.word", word, ORIGIN)
DIALOGUE = Rule("infinitebench.character", character, ORIGIN)
DIALOGUE_ANY = Rule("longspan.infinitebench_any_character", any_character)
CHOICE = Rule("infinitebench.choice", choice, ORIGIN)
DEBUG = Rule("infinitebench.debug", debug, ORIGIN)
DEBUG_FRONT = Rule("longspan.infinitebench_debug_front", debug_front)
RUN = Rule("infinitebench.run", run, ORIGIN)
FIND = Rule("infinitebench.find", find, ORIGIN)
CALCULATE = Rule("infinitebench.calculate", calculate, ORIGIN)
CALCULATE_GPT4 = Rule("infinitebench.calculate_gpt4", calculate_gpt4, ORIGIN)
ANSWER = Rule("infinitebench.qa_f1", answer, ORIGIN)
ANSWER_CHINESE = Rule("infinitebench.qa_f1_zh", answer_chinese, ORIGIN)
SUMMARY = Rule("infinitebench.rouge_lsum", summary, ORIGIN)
