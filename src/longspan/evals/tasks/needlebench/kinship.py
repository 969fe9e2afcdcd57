"""Families: chains of relatives told in sentences, and how to read them back. https://arxiv.org/abs/2407.11963"""

from __future__ import annotations

import re
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from random import Random
from typing import Literal

from longspan.evals.tasks.needlebench.language import Language
from longspan.evals.words import distinct

Question = Literal["eldest", "ancestor", "descendant", "distance"]
QUESTIONS: tuple[Question, ...] = ("eldest", "ancestor", "descendant", "distance")


@dataclass(frozen=True, slots=True)
class Link:
    """Two relatives."""

    elder: str
    younger: str
    generations: int
    """How many lie between them."""


@dataclass(frozen=True, slots=True)
class Family:
    """A chain of relatives, the eldest first."""

    links: tuple[Link, ...]
    sentences: tuple[str, ...]
    """One for each link, in the same order."""

    def answer(self, question: Question) -> str:
        """What is right for a question about the whole chain."""
        first, last = self.links[0].elder, self.links[-1].younger
        distance = str(sum(link.generations for link in self.links))
        return {"eldest": first, "ancestor": first, "descendant": last, "distance": distance}[question]

    def ask(self, question: Question, prompts: Mapping[str, str]) -> str:
        """The question in words."""
        distance = sum(link.generations for link in self.links)
        return prompts[question].format(elder=self.links[0].elder, younger=self.links[-1].younger, distance=distance)


def family(language: Language, seed: str, n: int) -> Family:
    """A chain of `n` links; a longer one of the same seed has more people, older than those of a shorter one."""
    names = distinct(Random(f"{seed}-names"), language.person, n + 1)
    random = Random(f"{seed}-links")
    links, sentences = [], []
    for younger, elder in pairwise(names):
        relation, shape = random.choice(list(language.relations)), random.choice(language.sentences)
        links.append(Link(elder, younger, language.relations[relation]))
        sentences.append(shape.format(elder=elder, younger=younger, relation=relation))
    return Family(tuple(links[::-1]), tuple(sentences[::-1]))


def read(language: Language, text: str) -> list[Link]:
    """Every relation that a text states in a sentence of its own."""
    shapes = [_pattern(language, shape) for shape in language.sentences]
    links = []
    for sentence in re.split(r"(?<=[.\u3002])\s*|\n", text):
        found = next(filter(None, (shape.fullmatch(sentence) for shape in shapes)), None)
        if found:
            links.append(Link(found["elder"], found["younger"], language.relations[found["relation"]]))
    return links


def solve(language: Language, links: Sequence[Link], question: str) -> str:
    """The answer to a question in words, by going from one relative to the next; empty where it is none of ours."""
    up = {link.younger: (link.elder, link.generations) for link in links}
    down = {link.elder: (link.younger, link.generations) for link in links}
    for kind in QUESTIONS:
        shape = re.escape(language.prompts[kind]).replace(r"\{distance\}", r"(?P<distance>\d+)")
        found = re.search(_named(shape, language.name), question)
        if found and kind == "eldest":
            return _walk(up, found["younger"])[0]
        if found and kind == "ancestor":
            return _walk(up, found["younger"], most=int(found["distance"]))[0]
        if found and kind == "descendant":
            return _walk(down, found["elder"], most=int(found["distance"]))[0]
        if found:
            return str(_walk(up, found["younger"], to=found["elder"])[1])
    return ""


def _walk(step: Mapping[str, tuple[str, int]], start: str, *, to: str = "", most: int = sys.maxsize) -> tuple[str, int]:
    """Where one ends, at the person `to` or after `most` generations or with the last relative, and how far it was."""
    name, walked = start, 0
    while name in step and name != to and walked < most:
        name, generations = step[name]
        walked += generations
    return name, walked


def _pattern(language: Language, shape: str) -> re.Pattern[str]:
    relations = "|".join(sorted(language.relations, key=len, reverse=True))
    return re.compile(_named(re.escape(shape), language.name).replace(r"\{relation\}", f"(?P<relation>{relations})"))


def _named(escaped: str, name: str) -> str:
    """A pattern in which the first `{elder}` and `{younger}` match a name and further ones the same name."""
    for role in ("elder", "younger"):
        escaped = escaped.replace(rf"\{{{role}\}}", f"(?P<{role}>{name})", 1).replace(rf"\{{{role}\}}", f"(?P={role})")
    return escaped
