"""The two languages of NeedleBench: facts, prompts, family sentences and filler, from the TOML files beside it."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import Literal

from longspan.evals.ask import Ask
from longspan.evals.haystack import plant
from longspan.evals.words import person

Code = Literal["en", "zh"]
FILES: dict[Code, str] = {"en": "english.toml", "zh": "chinese.toml"}


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence that hides a keyword, and the question after it."""

    kind: str
    """The list of values that its keyword is drawn from."""
    needle: str
    """Sentence with `{value}` where the keyword goes."""
    question: str

    def read(self, text: str) -> str:
        """The keyword that a text has in this sentence; empty where it has not the sentence."""
        found = re.search(re.escape(self.needle).replace(r"\{value\}", "(.+?)"), text)
        return found[1] if found else ""


@dataclass(frozen=True, slots=True)
class Language:
    """What a variant in one language is made of."""

    facts: tuple[Fact, ...]
    values: Mapping[str, Sequence[str]]
    """Keywords by kind; none is part of another."""
    prompts: Mapping[str, str]
    sentences: tuple[str, ...]
    """Ways to say that `{elder}` is the `{relation}` of `{younger}`."""
    relations: Mapping[str, int]
    """Words for a relative to the generations between."""
    name: str
    """Regular expression of a person's name."""
    joint: str
    """What stands between two sentences."""
    letters: tuple[str, str] = ("", "")
    """Family names and letters of given names, where persons are named so."""
    filler: Mapping[str, Sequence[str]] | None = None
    """Sentences to make a haystack from and words for their slots; None: real text is the haystack."""

    def person(self, random: Random) -> str:
        """A name."""
        family, given = self.letters
        return f"{random.choice(family)}{''.join(random.choices(given, k=2))}" if family else person(random)

    def haystack(self, ask: Ask, random: Random, size: int) -> list[str]:
        """Filler of `size` words of real text, or letters of made-up sentences in Chinese; the last is cut short."""
        if self.filler is None:
            return ask.haystack.take(random.randrange(len(ask.haystack.sentences)), size)
        slots = self.filler
        sentences: list[str] = []
        while size > 0:
            shape = random.choice(slots["sentences"])
            sentences.append(re.sub(r"\{(\w+)\}", lambda slot: random.choice(slots[slot[1]]), shape)[:size])
            size -= len(sentences[-1])
        return sentences

    def hide(
        self, sentences: Sequence[str], needles: Sequence[str], places: Sequence[int]
    ) -> tuple[str, tuple[tuple[int, int], ...]]:
        """Put needles on lines of their own before the sentences of their places; the text and where they are in it."""
        text, spans = plant(sentences, [f"\n{needle}\n" for needle in needles], places, joint=self.joint)
        return text, tuple((first + 1, last - 1) for first, last in spans)


@cache
def language(code: Code) -> Language:
    """The material of a language."""
    text = resources.files("longspan.evals.tasks.needlebench").joinpath(FILES[code]).read_text(encoding="utf-8")
    found = tomllib.loads(text)
    kin = found["kin"]
    return Language(
        facts=tuple(Fact(*row) for row in found["facts"]),
        values=found["values"],
        prompts=found["prompts"],
        sentences=tuple(kin["sentences"]),
        relations=kin["relations"],
        name=kin["name"],
        joint=kin["joint"],
        letters=(kin.get("surnames", ""), kin.get("given", "")),
        filler=found.get("filler"),
    )
