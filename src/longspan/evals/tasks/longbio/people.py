"""Made-up people, their biographies, and how a text of these is read back."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from types import MappingProxyType
from typing import Literal

from longspan.evals.ask import Ask
from longspan.evals.haystack import place, plant, scatter
from longspan.evals.words import names

Form = Literal["standard", "paraphrase", "first person"]
ATTRIBUTES = ("birthdate", "birthplace", "hobby", "university", "major", "work city")
PAPER = "https://arxiv.org/abs/2506.02921"
YEAR = 2024
"""The year ages are told of, as in the paper."""
SAME = "{name} has the same {label} as {other}."


@dataclass(frozen=True, slots=True)
class Person:
    """A made-up person."""

    name: str
    facts: Mapping[str, str]
    """Value by attribute: those of ATTRIBUTES, and the age."""


@cache
def lines(section: str) -> tuple[str, ...]:
    """Lines of a section of `biographies.txt`."""
    text = resources.files("longspan.evals.tasks.longbio").joinpath("biographies.txt").read_text(encoding="utf-8")
    return tuple(text.partition(f"[{section}]\n")[2].partition("\n[")[0].strip().split("\n"))


@cache
def templates(section: str) -> Mapping[str, Sequence[str]]:
    """Sentences of a section by attribute."""
    found: dict[str, list[str]] = {}
    for line in lines(section):
        attribute, _, sentence = line.partition(": ")
        found.setdefault(attribute, []).append(sentence)
    return found


def question(attribute: str, name: str) -> str:
    """What is asked to learn an attribute."""
    return templates("questions")[attribute][0].format(name=name)


def people(random: Random) -> Iterator[Person]:
    """Ever more people, no two of one name."""
    taken: set[str] = set()
    while True:
        first, middle = random.sample(names("first names"), 2)
        name = f"{first} {middle} {random.choice(names('last names'))}"
        facts = _facts(random)
        if name not in taken:
            taken.add(name)
            yield Person(name, facts)


def tell(
    random: Random,
    person: Person,
    facts: Sequence[str] = ATTRIBUTES,
    *,
    form: Form = "standard",
    like: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, str]:
    """A biography: its head under "", a sentence for each attribute; those of `like` are said to be as somebody's."""
    told = {"": f"{'In the words' if form == 'first person' else 'Biography'} of {person.name}:"}
    for attribute in facts:
        sentence = random.choice(templates(form)[attribute]).format(name=person.name, value=person.facts[attribute])
        if attribute in like:
            label = templates("labels")[attribute][0]
            sentence = SAME.format(name=person.name, label=label, other=like[attribute])
        told[attribute] = sentence
    return told


def crowd(
    random: Random,
    others: Iterator[Person],
    size: int,
    facts: Sequence[str] = ATTRIBUTES,
    *,
    form: Form = "standard",
    rare: str = "",
    density: float = 1.0,
) -> list[dict[str, str]]:
    """Biographies of `size` sentences in all, the last one shorter than the rest; a share of `density` tells `rare`."""
    found = []
    for first in range(0, size, len(facts)):
        told = dict(list(tell(random, next(others), facts, form=form).items())[: 1 + size - first])
        if random.random() >= density:
            told.pop(rare, None)
        found.append(told)
    return found


def gather(
    ask: Ask,
    random: Random,
    wanted: Sequence[dict[str, str]],
    others: Sequence[dict[str, str]],
    *,
    group: int = 1,
    numbered: bool = False,
) -> tuple[str, list[int]]:
    """A text of biographies, a line each, and where the lines of the wanted ones begin.

    A single wanted one lies at the depth asked for; of several each `group` keep their order and lie anywhere.
    """
    filler = [line(each) for each in others]
    places = (
        scatter(random, list(map(line, wanted)), among=len(filler)) if len(wanted) > 1 else [place(filler, ask.depth)]
    )
    places = [each for first in range(0, len(places), group) for each in sorted(places[first : first + group])]
    text, spans = plant(filler, [line(each) for each in wanted], places, joint="\n")
    rows = [text[:first].count("\n") for first, _ in spans]
    heads = [f"[{row}] " if numbered else "" for row in range(1, text.count("\n") + 2)]
    starts = [first + sum(map(len, heads[: row + 1])) for (first, _), row in zip(spans, rows, strict=True)]
    return "\n".join(head + each for head, each in zip(heads, text.split("\n"), strict=True)), starts


def line(biography: Mapping[str, str]) -> str:
    """A biography as it stands in a text."""
    return " ".join(biography.values())


def where(biography: Mapping[str, str], attribute: str, start: int) -> tuple[int, int]:
    """The characters of an attribute's sentence in a text where the biography's line begins at `start`."""
    first = start + line(biography).index(biography[attribute])
    return first, first + len(biography[attribute])


def _facts(random: Random) -> dict[str, str]:
    year, month, day = random.randint(1950, 2001), random.randint(1, 12), random.randint(1, 28)
    home, work, city = (random.choice(names("cities")) for _ in range(3))
    founder = random.choice(names("last names"))
    return {
        "birthdate": f"{year}-{month:02}-{day:02}",
        "age": str(YEAR - year),
        "birthplace": home,
        "hobby": random.choice(lines("hobbies")),
        "university": random.choice((f"University of {city}", f"{founder} College", f"{city} Technical School")),
        "major": random.choice(lines("majors")),
        "work city": work,
    }
