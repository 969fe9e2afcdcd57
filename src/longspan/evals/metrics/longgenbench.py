"""Rules of both LongGenBenches: long texts with requirements, and many questions answered in one reply."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence

from longspan.evals.task import Grade, Graded, Rule, Sample

SGT = "mozhu621/LongGenBench 62c0e86"
QUESTIONS = "Dominic789654/LongGenBench 9845864"
DIVIDER = "#*#"
"""What stands before every part of a long text."""
_NUMBER = re.compile(r"\d*\.?\d+")

Counts = Callable[[str, Sample], tuple[int, int]]
"""A reply and its sample to what is right and out of how many."""


def parts(prediction: str, unit: str) -> dict[int, str]:
    """Parts of a reply by the first number after the unit's name in each; the first part of a number counts.

    As in the original, text before the first divider is a part too where it says `Week 1`.
    """
    found: dict[int, str] = {}
    for part in prediction.split(DIVIDER):
        if match := re.search(rf"{re.escape(unit)} (\d{{1,9}})", part):
            found.setdefault(int(match[1]), part)
    return found


def completed(prediction: str, sample: Sample) -> tuple[int, int]:
    """Parts that are there, of those that were asked for."""
    wanted = range(1, sample.data["number"] + 1)
    return len(parts(prediction, sample.data["unit"]).keys() & set(wanted)), len(wanted)


def met_where_written(prediction: str, sample: Sample) -> tuple[int, int]:
    """Requirements met, of those whose part is there (STIC-1)."""
    found = parts(prediction, sample.data["unit"])
    written = [(found[number], keyword) for number, keyword in requirements(sample) if number in found]
    return sum(_says(part, keyword) for part, keyword in written), len(written)


def met(prediction: str, sample: Sample) -> tuple[int, int]:
    """Requirements met, of all (STIC-2)."""
    return met_where_written(prediction, sample)[0], len(sample.answers)


def requirements(sample: Sample) -> list[tuple[int, str]]:
    """Numbers of parts and the keywords that they have to say: references are such as `12: night hike`."""
    pairs = (answer.split(": ", 1) for answer in sample.answers)
    return [(int(number), keyword) for number, keyword in pairs]


def answered(prediction: str, sample: Sample) -> tuple[int, int]:
    """Questions answered rightly, of those answered: the reply's first answer is the first question's, and so on.

    As in the original: an answer is what stands between a colon that ends a line and the next empty line; its last
    number counts, without commas and sign; one without a number counts as its place, from 0; questions that the reply
    leaves out at its end do not count at all.
    """
    text = "\n".join(prediction.split("Answer_"))
    given = [answer.strip() for answer in re.findall(r"(?<=:\n)(.*?)(?=\n\n|$)", text, re.DOTALL)]
    pairs = list(zip(sample.answers, given, strict=False))
    right = 0
    for place, (answer, reply) in enumerate(pairs):
        right += _NUMBER.findall(f"Q_{place}\n{reply}".replace(",", ""))[-1] == _NUMBER.findall(answer)[-1]
    return right, len(pairs)


def answered_by_number(prediction: str, sample: Sample) -> tuple[int, int]:
    """Questions whose own `Answer_number` ends in the right number, of all questions."""
    given: dict[str, str] = {}
    for part in prediction.split("Answer_")[1:]:
        number, _, reply = part.partition(":")
        given.setdefault(number.strip(), reply.replace(",", ""))
    first = sample.data["first"]
    last = [_NUMBER.findall(given.get(str(number), "")) for number in range(first, first + len(sample.answers))]
    pairs = zip(last, sample.answers, strict=True)
    return sum(bool(found) and found[-1] == answer for found, answer in pairs), len(sample.answers)


def ratio(counts: Counts) -> Grade:
    """The share that is right in one reply; 0 where nothing counts."""

    def grade(prediction: str, sample: Sample) -> float:
        right, of = counts(prediction, sample)
        return right / of if of else 0.0

    return grade


def pooled(counts: Counts) -> Callable[[Sequence[Graded]], float]:
    """The share that is right in all replies taken together, as both originals report it."""

    def total(graded: Sequence[Graded]) -> float:
        found = [counts(each.prediction, each.sample) for each in graded]
        return sum(right for right, _ in found) / max(1, sum(of for _, of in found))

    return total


def _says(part: str, keyword: str) -> bool:
    return keyword.lower() in " ".join(part.lower().split())


CR = Rule("longgenbench.completion_rate", ratio(completed), SGT)
STIC_1 = Rule("longspan.longgenbench_stic_1", ratio(met_where_written), total=pooled(met_where_written))
STIC_2 = Rule("longspan.longgenbench_stic_2", ratio(met), total=pooled(met))
ANSWERED = Rule("longgenbench.last_number_in_order", ratio(answered), QUESTIONS, pooled(answered))
BY_NUMBER = Rule("longspan.longgenbench_by_number", ratio(answered_by_number), total=pooled(answered_by_number))
