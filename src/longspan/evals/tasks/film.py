"""FILM's three probings: find by what comes before, after, or on both sides of what is known."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from keyword import iskeyword
from random import Random
from typing import Any, ClassVar

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place, plant
from longspan.evals.metrics.film import CONTAINS, CONTAINS_EITHER, WORD_RECALL
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import adjectives, distinct, names, nouns, number, person

KNOWN = 8
"""Words of a sentence that are shown to ask for the whole of it."""
SHORTEST, LONGEST = KNOWN + 4, 40
"""Words of a sentence that is asked for."""
KNOWN_TEXT = re.compile(r"<known>(.*)</known>")
STATEMENTS = (
    "{a} = {b} + {n}",
    "{a} = {b} * {n} - {c}",
    "{a} = min({b}, {n})",
    "{a} = [{b}, {c}] * {n}",
    "{a} = round({b} / {n}, {c})",
    "{a}.append({b} % {n})",
    "{a}, {b} = divmod({c}, {n})",
    '{a} = {b}["{c}"] or {n}',
)
DESCRIPTIONS = (
    "novel by {person}, {year}",
    "song by {person}",
    "river near {city}",
    "bridge in {city}, opened in {year}",
    "village {few} km from {city}",
    "asteroid found by {person} in {year}",
    "painting in a museum of {city}",
    "company in {city}, founded in {year}",
)


@dataclass(frozen=True, slots=True)
class Document:
    """FILM document probing: repeat the sentence that eight words are from. https://arxiv.org/abs/2404.16811"""

    rule: ClassVar[Rule] = WORD_RECALL
    card: ClassVar[Card] = Card(
        about="repeat the whole sentence of a text that eight of its words are from",
        ability="retrieval",
        scope="low",
        diffusion="high",
        paper="https://arxiv.org/abs/2404.16811",
        shortest=448,
        tokens=128,
    )

    def make(self, ask: Ask) -> Sample:
        """One sample; the sentence lies at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The line that has the words."""
        (words,) = KNOWN_TEXT.findall(sample.after)
        return next(line for line in sample.context.split("\n") if words in line)

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        text = ask.haystack.sentences
        draws = (random.choice(text) for _ in range(1000))
        wanted = next((each for each in draws if SHORTEST <= each.count(" ") + 1 <= LONGEST), None)
        if wanted is None:
            raise InputError(f"{ask.task} needs a text with sentences of {SHORTEST} to {LONGEST} words")
        words = wanted.split(" ")
        first = random.randint(1, len(words) - KNOWN - 1)
        known = " ".join(words[first : first + KNOWN])
        others = ask.haystack.take(random.randrange(len(text)), size)
        return _hide(
            ask,
            wanted,
            [line for line in others if known not in line],
            before="Each line below is a sentence. Read all of them: one will be asked for.\n\n",
            after=f"\n\nThese words stand in one of the lines above: <known>{known}</known>\n"
            "Repeat the whole line, and nothing else.",
            answers=[wanted],
        )


@dataclass(frozen=True, slots=True)
class Code:
    """FILM code probing: name the function that a line is in, looking backward. https://arxiv.org/abs/2404.16811

    Differs from the paper: functions are made up here, three lines each as there.
    """

    rule: ClassVar[Rule] = CONTAINS
    card: ClassVar[Card] = Card(
        about="name the function that a line of code is in",
        ability="retrieval",
        scope="low",
        diffusion="high",
        paper="https://arxiv.org/abs/2404.16811",
        tokens=128,
    )

    def make(self, ask: Ask) -> Sample:
        """One sample; the function lies at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 14)

    def solve(self, sample: Sample) -> str:
        """The name of the last function that begins before the line."""
        (line,) = KNOWN_TEXT.findall(sample.after)
        before = sample.context.partition(f"    {line}\n")[0]
        return before.rpartition("def ")[2].partition("(")[0]

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        wanted = _function(random)
        name, line = wanted.split("(")[0].removeprefix("def "), wanted.split("\n")[2].strip()
        others = (_function(random, min(4, size - first)) for first in range(0, size, 4))
        return _hide(
            ask,
            wanted,
            [other for other in others if line not in other],
            before="Read the functions below: one will be asked for.\n\n",
            after=f"\n\nThis line stands in one of the functions above: <known>{line}</known>\n"
            "What is the name of that function? Reply with the name, and nothing else.",
            answers=[name],
            joint="\n\n",
        )


@dataclass(frozen=True, slots=True)
class Database:
    """FILM database probing: tell what has a number, looking forward. https://arxiv.org/abs/2404.16811

    Differs from the paper: entries are made up here, with a number, a name and a description as there.
    """

    rule: ClassVar[Rule] = CONTAINS_EITHER
    card: ClassVar[Card] = Card(
        about="tell the name and description of the entry that has a number",
        ability="retrieval",
        scope="low",
        diffusion="high",
        paper="https://arxiv.org/abs/2404.16811",
        tokens=128,
    )

    def make(self, ask: Ask) -> Sample:
        """One sample; the entry lies at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 12)

    def solve(self, sample: Sample) -> str:
        """The entry of the number."""
        (known,) = KNOWN_TEXT.findall(sample.after)
        return next(line for line in sample.context.split("\n") if line.startswith(f"{known} | "))

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        known, label, description = _entry(random)
        others = [_entry(random)[: 3 if each + 1 < size else 2] for each in range(0, size, 2)]
        return _hide(
            ask,
            f"{known} | {label} | {description}",
            [" | ".join(other) for other in others if other[0] != known],
            before="Each line below is an entry: its number, its name and mostly a description. One will be asked "
            "for.\n\n",
            after=f"\n\nWhat are the name and the description of the entry with the number <known>{known}</known>? "
            "Reply with both, and nothing else.",
            answers=[label, description],
        )


def _hide(ask: Ask, wanted: str, others: Sequence[str], *, joint: str = "\n", **more: Any) -> Sample:
    """The sample that has one piece among others, at the depth asked for."""
    context, ((first, last),) = plant(others, [wanted], [place(others, ask.depth)], joint=joint)
    depth = first / max(1, len(context))
    return ask.sample(context=context, spans=[(first, last)], depth=depth, max_tokens=128, **more)


def _function(random: Random, lines: int = 4) -> str:
    """A function of three lines under its head; of fewer where there is no room, down to a bare setting."""
    name = f"{random.choice(adjectives())}_{random.choice(nouns())}"
    a, b, c = distinct(random, _variable, 3)
    body = [each.format(a=a, b=b, c=c, n=random.randint(10, 9999)) for each in random.sample(STATEMENTS, 2)]
    if lines == 1:
        return f"{name.upper()} = {random.randint(10, 9999)}"
    return "\n    ".join([f"def {name}({b}, {c}):", *body[: lines - 2], f"return {a}"])


def _variable(random: Random) -> str:
    """A noun that Python does not keep for itself, as it does `import`."""
    noun = random.choice(nouns())
    return f"{noun}_" if iskeyword(noun) else noun


def _entry(random: Random) -> tuple[str, str, str]:
    """A number, a made-up name and a description."""
    about = random.choice(DESCRIPTIONS).format(
        person=person(random),
        city=random.choice(names("cities")),
        year=random.randint(1700, 2020),
        few=random.randint(2, 90),
    )
    return number(random), f"{random.choice(adjectives())} {random.choice(nouns())}".title(), about


TASKS = {"film/document": Document(), "film/code": Code(), "film/database": Database()}
