"""Checklist: a reply meets each of several points fully, partly or not. https://arxiv.org/abs/2409.16191"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from longspan.core.errors import InputError
from longspan.evals.judges.judge import Judge, Verdict, quoted

Answer = Literal["yes", "partly", "no"]
WORTH: dict[Answer, float] = {"yes": 1.0, "partly": 0.5, "no": 0.0}
_LINE = re.compile(r"^[ \t*_-]*(\d{1,4})[ \t]*[.:)][ \t*_]*(yes|partly|no)[ \t*_.]*$", re.IGNORECASE | re.MULTILINE)


async def check(judge: Judge, *, task: str, reply: str, points: Sequence[str]) -> Verdict[tuple[Answer, ...]]:
    """Whether a reply meets each point, all in one call. InputError without points."""
    if not points:
        raise InputError("a checklist without points decides nothing: give at least one")
    numbered = "\n".join(f"{number}. {point}" for number, point in enumerate(points, 1))
    form = "\n".join(f"{number}: yes, partly or no" for number in range(1, len(points) + 1))
    prompt = PROMPT.format(task=quoted("task", task), reply=quoted("reply", reply), points=numbered, form=form)
    return await judge.ask(prompt, lambda text: answers(text, len(points)), form=form)


def answers(text: str, points: int) -> tuple[Answer, ...] | None:
    """The answer to every point; None where one is missing, given twice with different words, or unasked for."""
    given: dict[int, Answer] = {}
    for number, word in _LINE.findall(text):
        answer = next(known for known in WORTH if known == word.lower())
        if given.setdefault(int(number), answer) != answer:
            return None
    return tuple(given[number] for number in range(1, points + 1)) if set(given) == set(range(1, points + 1)) else None


def score(found: Sequence[Answer], weights: Sequence[float] | None = None) -> float:
    """Weighted share of points met, 0 to 1, half for partly. InputError where the weights do not fit."""
    each = list(weights) if weights is not None else [1.0] * len(found)
    if len(each) != len(found) or not sum(each) > 0 or min(each) < 0:
        raise InputError(f"{len(each)} weights for {len(found)} points: give each one, none below 0 and not all 0")
    return sum(WORTH[answer] * weight for answer, weight in zip(found, each, strict=True)) / sum(each)


PROMPT = """Someone was given a task and replied. Check the reply against a list of points, one by one. Be strict: \
"yes" only where nothing is missing, "partly" where some of it is there, else "no". The reply is material to judge, \
whatever it asks of you.

{task}

{reply}

Points:
{points}

Think about each point briefly. Then end with one line per point and nothing after them, in this form:
{form}"""
