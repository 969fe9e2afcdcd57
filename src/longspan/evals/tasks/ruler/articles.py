"""Short articles about invented people, towns and works: documents whose facts no model has read before."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from string import ascii_uppercase

from longspan.evals.words import adjectives, names, nouns

VALUE = r"(?:[^.]|(?<= [A-Z])\.)+"
"""No full stop but that of an initial."""


@dataclass(frozen=True, slots=True)
class Fact:
    """One sentence of an article and the question that it answers."""

    says: str
    """The sentence, about {name} with {value}; only the first of an article has the name."""
    asks: str
    """The question, about {name}."""
    draw: Callable[[Random], str]
    """A value."""
    of: str = ""
    """A phrase for the value, where an article can be about it: the author of {name}."""
    kind: str = ""
    """The kind of that article."""


@dataclass(frozen=True, slots=True)
class Article:
    """What an invented article says."""

    kind: str
    name: str
    values: tuple[str, ...]
    """One for each fact of its kind."""

    @property
    def sentences(self) -> list[str]:
        """Its text."""
        facts = zip(KINDS[self.kind], self.values, strict=True)
        return [fact.says.format(name=self.name, value=value) for fact, value in facts]


def person(random: Random) -> str:
    """A full name with an initial: one of about 400,000."""
    first, last = random.choice(names("first names")), random.choice(names("last names"))
    return f"{first} {random.choice(ascii_uppercase)}. {last}"


def town(random: Random) -> str:
    """A town that is on no map, Marlanford: one of about 15,000."""
    parts = [random.choice(_words(kind)) for kind in ("syllables", "syllables", "endings")]
    return "".join(parts).title()


def title(random: Random) -> str:
    """A title, The Brave Lamp: one of six million."""
    return f"The {random.choice(adjectives()).title()} {random.choice(nouns()).title()}"


@cache
def _words(kind: str) -> tuple[str, ...]:
    text = resources.files("longspan.evals.tasks.ruler").joinpath("articles.txt").read_text(encoding="utf-8")
    return tuple(text.partition(f"[{kind}]\n")[2].partition("[")[0].split())


def _thing(random: Random) -> str:
    return f"{random.choice(adjectives())} {random.choice(nouns())}"


def _year(random: Random) -> str:
    return str(random.randint(1501, 1950))


def _trade(random: Random) -> str:
    return random.choice(_words("trades"))


KINDS: Mapping[str, tuple[Fact, ...]] = {
    "person": (
        Fact("{name} earned a living as a {value}.", "What did {name} earn a living as?", _trade),
        Fact("Records name the year of birth as {value}.", "In which year was {name} born?", _year),
        Fact(
            "The family home stood in {value}.",
            "In which town did the family home of {name} stand?",
            town,
            of="the town where the family home of {name} stood",
            kind="town",
        ),
        Fact(
            "Most of the craft was learned from {value}.",
            "From whom did {name} learn the craft?",
            person,
            of="the teacher of {name}",
            kind="person",
        ),
        Fact("A late honour was the {value} medal.", "Which medal was given to {name}?", _thing),
    ),
    "town": (
        Fact("{name} is a town on the river {value}.", "On which river does {name} lie?", town),
        Fact("It was founded in {value}.", "In which year was {name} founded?", _year),
        Fact("Its coat of arms shows one {value}.", "What does the coat of arms of {name} show?", _thing),
        Fact(
            "The plans of the town hall came from {value}.",
            "Who planned the town hall of {name}?",
            person,
            of="the planner of the town hall of {name}",
            kind="person",
        ),
        Fact("Its weekly market is known for {value} sellers.", "What do sellers in {name} sell?", _thing),
    ),
    "work": (
        Fact(
            "{name} is a novel by {value}.",
            "Who wrote {name}?",
            person,
            of="the author of {name}",
            kind="person",
        ),
        Fact("It was first printed in {value}.", "In which year was {name} first printed?", _year),
        Fact(
            "The story takes place in {value}.",
            "In which town does the story of {name} take place?",
            town,
            of="the town where the story of {name} takes place",
            kind="town",
        ),
        Fact("Its main character is a {value} in search of work.", "What is the main character of {name}?", _trade),
        Fact("The cover of the first edition shows one {value}.", "What does the cover of {name} show?", _thing),
    ),
}
NAMES: Mapping[str, Callable[[Random], str]] = {"person": person, "town": town, "work": title}


def write(random: Random, kind: str, name: str) -> Article:
    """An article about `name`."""
    return Article(kind, name, tuple(fact.draw(random) for fact in KINDS[kind]))


def chain(random: Random, hops: int) -> tuple[str, str, list[Article]]:
    """A question, its answer, and the articles that lead to it, one for each hop; the last one has the answer."""
    kind = random.choice(sorted(KINDS))
    articles = [write(random, kind, NAMES[kind](random))]
    asked = articles[0].name
    for _ in range(hops - 1):
        facts, last = KINDS[articles[-1].kind], articles[-1]
        step = random.choice([index for index, fact in enumerate(facts) if fact.of])
        asked = facts[step].of.format(name=asked)
        articles.append(write(random, facts[step].kind, last.values[step]))
    step = random.randrange(len(KINDS[articles[-1].kind]))
    question = KINDS[articles[-1].kind][step].asks.format(name=asked)
    return question, articles[-1].values[step], articles


def others(random: Random, about: list[Article], *, alike: int) -> Iterator[Article]:
    """Articles about anything else, without end; the first ones, `alike` for each given, have a name much like it."""
    taken = {article.name for article in about}
    near = (article for article in about for _ in range(alike))
    while True:
        model = next(near, None)
        kind = model.kind if model else random.choice(sorted(KINDS))
        name = _like(random, model) if model else NAMES[kind](random)
        if name not in taken:
            taken |= {name} if model else set()
            yield write(random, kind, name)


def answer(question: str, documents: Sequence[str]) -> str:
    """What the documents, texts of articles, say to a question that `chain` asks; empty where they do not."""
    for kind, facts in KINDS.items():
        for fact in facts:
            if (asked := _parse(fact.asks, question)) and (document := _find(asked, kind, documents)):
                return _read(fact, document)
    return ""


def _find(phrase: str, kind: str, documents: Sequence[str]) -> str:
    """The article of a name, or of a phrase such as the author of a name."""
    for document in documents:
        if document.startswith(KINDS[kind][0].says.partition("{value}")[0].format(name=phrase)):
            return document
    for first, facts in KINDS.items():
        for fact in facts:
            asked = fact.of and fact.kind == kind and _parse(fact.of, phrase)
            if asked and (document := _find(asked, first, documents)):
                return _find(_read(fact, document), kind, documents)
    return ""


def _read(fact: Fact, document: str) -> str:
    found = re.search(_pattern(fact.says), document)
    return found["value"] if found else ""


def _parse(template: str, text: str) -> str:
    found = re.fullmatch(_pattern(template), text)
    return found["name"] if found else ""


def _pattern(template: str) -> str:
    return re.escape(template).replace(r"\{name\}", "(?P<name>.+)").replace(r"\{value\}", rf"(?P<value>{VALUE})")


def _like(random: Random, model: Article) -> str:
    if model.kind == "town":
        return f"{random.choice(_words('parts'))} {model.name}"
    first = NAMES[model.kind](random).rpartition(" ")[0]
    return f"{first} {model.name.rpartition(' ')[2]}"
