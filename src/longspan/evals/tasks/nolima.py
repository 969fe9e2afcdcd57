"""NoLiMa: needles that share no word with the question."""

from __future__ import annotations

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib import resources
from random import Random
from typing import Any, ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place, plant
from longspan.evals.metrics.nolima import CONTAINS
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import names

DISTRACTOR = "The newspaper had a long article about {thing} that week."


@dataclass(frozen=True, slots=True)
class NoLiMa:
    """NoLiMa: name the one whom a hint implies, no word of it being in the question. https://arxiv.org/abs/2502.05167

    Differs from the paper: associations and sentences of our own; its set is for research alone.
    """

    steps: int = 1
    """Associations from the needle to the question: a landmark to its city, or on to its country."""
    inverted: bool = False
    """The hint comes before the name."""
    distractor: bool = False
    """A sentence elsewhere has the question's words and nothing to do with it."""

    rule: ClassVar[Rule] = CONTAINS

    @property
    def card(self) -> Card:
        """What it is."""
        implied = "implies" if self.steps == 1 else "implies at two removes"
        return Card(
            about=f"name whom a hint {implied}, without a word in common with the question",
            ability="reasoning",
            scope="low",
            diffusion="high" if self.distractor else "low",
            paper="https://arxiv.org/abs/2502.05167",
            shortest=250,
            tokens=64,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample, the needle before a sentence at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The name beside the hint that implies what the question names."""
        for link in associations():
            if link.question(self.steps) in sample.after:
                for needle in link.needles + link.inverted:
                    found = re.search(re.escape(_capital(needle)).replace(r"\{who\}", r"(\w+)"), sample.context)
                    if found:
                        return found[1]
        return ""

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        link, who = random.choice(associations()), random.choice(names("first names"))
        needle = _capital(random.choice(link.inverted if self.inverted else link.needles)).format(who=who)
        needles, far = [needle], random.random() * 0.6 + 0.2
        if self.distractor:
            needles.append(DISTRACTOR.format(thing=link.things[self.steps - 1]))
        sentences = self._filler(ask, random, size, (who, *link.words))
        depths = (ask.depth, (ask.depth + far) % 1)
        places = [place(sentences, depth) for depth, _ in zip(depths, needles, strict=False)]
        context, spans = plant(sentences, needles, places)
        return ask.sample(
            before="Read this text. A question about one of its characters comes at the end.\n\n",
            context=context,
            after=f"\n\n{link.question(self.steps)}\nThe text does not say so outright, but one sentence implies it. "
            "Reply with the name alone.",
            answers=[who],
            max_tokens=self.card.tokens,
            depth=spans[0][0] / len(context),
            spans=spans[:1],
        )

    def _filler(self, ask: Ask, random: Random, size: int, banned: tuple[str, ...]) -> list[str]:
        """`size` words of real text, less the sentences that have a banned word."""
        pattern = re.compile(rf"\b(?:{'|'.join(map(re.escape, banned))})\b", re.IGNORECASE)
        taken = ask.haystack.take(random.randrange(len(ask.haystack.sentences)), size)
        return [sentence for sentence in taken if not pattern.search(sentence)]


@dataclass(frozen=True, slots=True)
class Association:
    """A hint and what it implies."""

    hint: str
    """As needles have it."""
    things: tuple[str, str]
    """What one and two steps lead to."""
    needles: tuple[str, ...]
    """Sentences with the hint and, after it or before, `{who}`."""
    inverted: tuple[str, ...]
    """The same with the hint first."""
    questions: tuple[str, str]
    """After what one and two steps lead to."""

    def question(self, steps: int) -> str:
        """The question that takes so many steps."""
        return self.questions[steps - 1]

    @property
    def words(self) -> tuple[str, ...]:
        """What no other sentence may have."""
        return tuple(re.sub("^(?:the|an?) ", "", each) for each in (self.hint, *self.things))


@cache
def associations() -> tuple[Association, ...]:
    """All of them, about fifty."""
    text = resources.files("longspan.evals.tasks").joinpath("nolima.toml").read_text(encoding="utf-8")
    found: Mapping[str, Mapping[str, Any]] = tomllib.loads(text)
    return tuple(
        Association(
            hint,
            (one, two),
            tuple(needle.replace("{hint}", hint) for needle in kind["needles"]),
            tuple(needle.replace("{hint}", hint) for needle in kind["inverted"]),
            (kind["question"].format(thing=one), kind["two_steps"].format(thing=two)),
        )
        for kind in found.values()
        for hint, one, two in kind["links"]
    )


def _capital(sentence: str) -> str:
    return sentence if sentence.startswith("{") else sentence[0].upper() + sentence[1:]


TASKS = {
    "nolima/one_hop": NoLiMa(),
    "nolima/two_hop": NoLiMa(steps=2),
    "nolima/one_hop_inverted": NoLiMa(inverted=True),
    "nolima/two_hop_inverted": NoLiMa(steps=2, inverted=True),
    "nolima/one_hop_distractor": NoLiMa(distractor=True),
    "nolima/two_hop_distractor": NoLiMa(steps=2, distractor=True),
}
