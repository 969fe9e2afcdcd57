"""The letter that a reply to a multiple-choice question chooses."""

from __future__ import annotations

import re

from longspan.evals.task import Sample

LETTERS = "ABCDEFGH"
_SAID = re.compile(r"(?:answer[\"']?\s*(?:is|:)|答案[\"']?\s*(?:是|为|:|\uff1a))\W{0,6}([A-H])(?![A-Za-z])")
_FIRST = re.compile(r"\W*([A-H])(?![A-Za-z])(?!\s[a-z])")


def letter(prediction: str) -> str | None:
    """The last letter that a reply says is the answer, else the letter that it begins with; None without either.

    "The correct answer is B: ..." and `"answer": "B"` say so, in Chinese too.
    """
    said = _SAID.findall(prediction)
    if said:
        return str(said[-1])
    first = _FIRST.match(prediction.strip())
    return first[1] if first else None


def grade(prediction: str, sample: Sample) -> float:
    """1 for the right letter, or without a letter for the text of the right option (`data["options"]`) and no other."""
    chosen = letter(prediction)
    if chosen is not None:
        return float(chosen == sample.answers[0])
    text = prediction.lower()
    options = [str(option).lower() for option in sample.data.get("options", ())]
    named = [LETTERS[index] for index, option in enumerate(options) if option and option in text]
    return float(named == [sample.answers[0]])
