"""Needles in a haystack: RULER's eight forms."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import noise, place, plant, scatter
from longspan.evals.metrics.ruler import STRING_MATCH_ALL
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import distinct, number, pair, unique_id

Kind = Literal["words", "numbers", "uuids"]
DRAW: dict[Kind, Callable[[Random], str]] = {"words": pair, "numbers": number, "uuids": unique_id}
NEEDLE = re.compile(r"The secret (?:number|word|uuid) of (\S+) is (\S+)\.")
ASKED = re.compile(r"(?:number|word|uuid)s? of (.+?) (?:that|which)")


@dataclass(frozen=True, slots=True)
class Niah:
    """RULER needles: tell the values of named keys hidden in a long text. https://arxiv.org/abs/2404.06654"""

    haystack: Literal["noise", "text", "needles"] = "noise"
    """What hides them: five sentences repeated, real text, or other needles."""
    keys: Kind = "words"
    values: Kind = "numbers"
    hidden: int = 1
    """Keys that are hidden."""
    repeats: int = 1
    """Values that each asked key has."""
    asked: int = 1
    """Keys that are asked for."""

    rule: ClassVar[Rule] = STRING_MATCH_ALL

    @property
    def card(self) -> Card:
        """What it is."""
        several = self.asked * self.repeats > 1
        return Card(
            about=f"tell {'several values' if several else 'the value'} hidden in {WHERE[self.haystack]}",
            ability="retrieval",
            scope="low",
            diffusion="high" if self.haystack == "needles" else "low",
            paper="https://arxiv.org/abs/2404.06654",
            tokens=128,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the first asked needle lies at the depth asked for, the others anywhere."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 16)

    def solve(self, sample: Sample) -> str:
        """Every value of every key that the question names."""
        (keys,) = ASKED.findall(sample.after)
        return " ".join(value for key, value in NEEDLE.findall(sample.context) if key in re.split(r",? and |, ", keys))

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        keys = distinct(random, DRAW[self.keys], max(self.hidden, self.asked))
        wanted = keys[: self.asked]
        values = {key: distinct(random, DRAW[self.values], self.repeats if key in wanted else 1) for key in keys}
        needles = [self._needle(key, value) for key in keys for value in values[key]]
        sentences = self._filler(ask, random, size)
        places = scatter(random, needles[1:], among=len(sentences))
        places.insert(0, place(sentences, ask.depth))
        context, spans = plant(sentences, needles, places, joint=JOINT[self.haystack])
        named = wanted[0] if len(wanted) == 1 else ", ".join(wanted[:-1]) + f" and {wanted[-1]}"
        answers = [value for key in wanted for value in values[key]]
        noun = self.values.removesuffix("s") + "s" * (len(answers) > 1)
        verb = "are" if len(answers) > 1 else "is"
        return ask.sample(
            before=f"Secret {self.values} are hidden in the text below. Remember them: you will be asked for "
            f"{'some of them' if len(answers) > 1 else 'one of them'} at the end.\n\n",
            context=context,
            after=f"\n\nWhat {verb} the secret {noun} of {named} that the text above mentions?",
            start=f"The secret {noun} of {named} in the text {verb}",
            answers=answers,
            max_tokens=self.card.tokens,
            depth=spans[0][0] / max(1, len(context)) if len(answers) == 1 else None,
            spans=spans[: len(answers)],
        )

    def _needle(self, key: str, value: str) -> str:
        return f"The secret {self.values.removesuffix('s')} of {key} is {value}."

    def _filler(self, ask: Ask, random: Random, size: int) -> list[str]:
        """`size` units of filler: words of real text, sentences of noise, or needles that nobody asks for."""
        if self.haystack == "needles":
            draw_key, draw_value = DRAW[self.keys], DRAW[self.values]
            return [self._needle(draw_key(random), draw_value(random)) for _ in range(size)]
        if self.haystack == "noise":
            return [noise().sentences[index % 5] for index in range(size)]
        return ask.haystack.take(random.randrange(len(ask.haystack.sentences)), size)


WHERE = {"noise": "repeated noise", "text": "real text", "needles": "others like it"}
JOINT = {"noise": " ", "text": " ", "needles": "\n"}

TASKS = {
    "ruler/niah_single_1": Niah(),
    "ruler/niah_single_2": Niah(haystack="text"),
    "ruler/niah_single_3": Niah(haystack="text", values="uuids"),
    "ruler/niah_multikey_1": Niah(haystack="text", hidden=4),
    "ruler/niah_multikey_2": Niah(haystack="needles"),
    "ruler/niah_multikey_3": Niah(haystack="needles", keys="uuids", values="uuids"),
    "ruler/niah_multivalue": Niah(haystack="text", repeats=4),
    "ruler/niah_multiquery": Niah(haystack="text", hidden=4, asked=4),
}
