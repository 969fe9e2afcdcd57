"""BABILong's rule, as in booydar/babilong `babilong/metrics.py`, and ours for labels that contain each other."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable

from longspan.evals.task import Rule, Sample

ORIGIN = "booydar/babilong 7a6efee"
_ROOMS = ("bathroom", "bedroom", "garden", "hallway", "kitchen", "office")
_PATHS = ("e,e", "e,n", "e,s", "n,e", "n,n", "n,w", "s,e", "s,s", "s,w", "w,n", "w,s", "w,w")
_WISHES = ("bedroom", "bored", "garden", "hungry", "kitchen", "thirsty", "tired")
LABELS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(("qa1", "qa2", "qa3", "qa4", "qa11", "qa12", "qa13"), _ROOMS),
    "qa5": ("bill", "fred", "jeff", "mary", "apple", "football", "milk"),
    **dict.fromkeys(("qa6", "qa9", "qa17", "qa18"), ("no", "yes")),
    "qa7": ("none", "one", "three", "two"),
    "qa8": ("apple", "football", "milk", "nothing"),
    "qa10": ("maybe", "no", "yes"),
    "qa14": ("bedroom", "cinema", "kitchen", "office", "park", "school"),
    "qa15": ("cat", "mouse", "sheep", "wolf"),
    "qa16": ("gray", "green", "white", "yellow"),
    "qa19": _PATHS,
    "qa20": _WISHES,
}
"""Answers that each task of the published data set knows."""

Find = Callable[[Iterable[str], str], set[str]]


def first_sentence(prediction: str) -> str:
    """The reply in lower case up to its first full stop, and up to a context or an example that the model goes on to
    make up. (The original also cuts at `Question`, which never occurs once all is in lower case.)"""
    return prediction.lower().split(".")[0].split("<context>")[0].split("<example>")[0]


def within(labels: Iterable[str], text: str) -> set[str]:
    """The labels that occur in a text, inside other words too: `none` holds `one`, `know` holds `no`."""
    return {label.lower() for label in labels if label.lower() in text}


def as_words(labels: Iterable[str], text: str) -> set[str]:
    """The labels that occur in a text as words of their own."""
    return {label.lower() for label in labels if re.search(rf"(?<!\w){re.escape(label.lower())}(?!\w)", text)}


def compare(target: str, prediction: str, *, question: str, labels: Iterable[str], find: Find = within) -> bool:
    """Whether the labels of the reply that the question does not name are the target and nothing else.

    A target of several labels is joined by commas (`apple,milk`); one of three characters (`n,w`) is a single label.
    """
    labels = tuple(labels)
    said = find(labels, first_sentence(prediction)) - find(labels, question.lower())
    target = target.lower()
    wanted = target.split(",") if "," in target and len(target) > 3 else [target]
    return all(each in said for each in wanted) and len(said) == len(wanted)


def _grade(find: Find) -> Callable[[str, Sample], float]:
    def grade(prediction: str, sample: Sample) -> float:
        question, labels = str(sample.data["question"]), tuple(sample.data["labels"])
        return float(compare(sample.answers[0], prediction, question=question, labels=labels, find=find))

    return grade


COMPARE_ANSWERS = Rule("babilong.compare_answers", _grade(within), ORIGIN)
"""`data` has the question and the labels. Never met where one label holds another (qa7: `none` always counts as
`one` besides), nor where the question's words hold the label."""
COMPARE_WORDS = Rule("longspan.babilong_words", _grade(as_words))
"""The same with labels as whole words."""
