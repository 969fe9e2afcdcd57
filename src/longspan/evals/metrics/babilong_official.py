"""BABILong's rule for replies, and ours where that cannot be satisfied. https://arxiv.org/abs/2406.10149"""

from __future__ import annotations

import re

from longspan.evals.task import Rule, Sample

ORIGIN = "booydar/babilong 7a6efee"
PLACES = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
STEPS = ("e,e", "e,n", "e,s", "n,e", "n,n", "n,w", "s,e", "s,s", "s,w", "w,n", "w,s", "w,w")
LABELS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("qa1", "qa2", "qa3", "qa4", "qa11", "qa12", "qa13"), PLACES),
    "qa5": ("bill", "fred", "jeff", "mary", "apple", "football", "milk"),
    **dict.fromkeys(("qa6", "qa9", "qa17", "qa18"), ("no", "yes")),
    "qa7": ("none", "one", "three", "two"),
    "qa8": ("apple", "football", "milk", "nothing"),
    "qa10": ("maybe", "no", "yes"),
    "qa14": ("bedroom", "cinema", "kitchen", "office", "park", "school"),
    "qa15": ("cat", "mouse", "sheep", "wolf"),
    "qa16": ("gray", "green", "white", "yellow"),
    "qa19": STEPS,
    "qa20": ("bedroom", "bored", "garden", "hungry", "kitchen", "thirsty", "tired"),
}
"""Every possible answer of each task, in lower case."""


def compare(prediction: str, sample: Sample) -> float:
    """1 when the labels named are the wanted ones and no other, those of the question left out.

    Only the text before the first full stop, `<context>` or `<example>` counts. Quirks kept: a label counts inside
    another word, so "none" names "one" too and can never be right, and "Yes, he is now there" names "no"; several
    wanted labels are told apart by commas only where the reference is longer than 3 characters.
    """
    text, asked = _first(prediction), _asked(sample)
    labels = _labels(sample)
    return _only({label for label in labels if label in text}, {label for label in labels if label in asked}, sample)


def compare_words(prediction: str, sample: Sample) -> float:
    """The same with labels as whole words only."""
    labels = _labels(sample)
    return _only(_words(_first(prediction), labels), _words(_asked(sample), labels), sample)


def _only(named: set[str], asked: set[str], sample: Sample) -> float:
    target = sample.answers[0].lower()
    wanted = target.split(",") if "," in target and len(target) > 3 else [target]
    return float(set(wanted) <= named - asked and len(named - asked) == len(wanted))


def _words(text: str, labels: tuple[str, ...]) -> set[str]:
    return {label for label in labels if re.search(rf"\b{label}\b", text)}


def _first(prediction: str) -> str:
    return re.split(r"\.|<context>|<example>", prediction.lower(), maxsplit=1)[0]


def _asked(sample: Sample) -> str:
    return str(sample.data["question"]).lower()


def _labels(sample: Sample) -> tuple[str, ...]:
    return LABELS[str(sample.data["labels"])]


COMPARE_ANSWERS = Rule("babilong.compare_answers", compare, ORIGIN)
COMPARE_WORDS = Rule("longspan.babilong_words", compare_words)
