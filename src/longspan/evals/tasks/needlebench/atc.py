"""NeedleBench's Ancestral Trace Challenge: every sentence of the input counts."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit, tokens
from longspan.evals.metrics.needlebench import BOXED
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.needlebench.kinship import QUESTIONS, Question, family, read, solve
from longspan.evals.tasks.needlebench.language import Code, language

MOST = 8192
"""Sentences of one family at most: there are not many more names."""


@dataclass(frozen=True, slots=True)
class AncestralTrace:
    """NeedleBench ATC: follow a whole family from end to end. https://arxiv.org/abs/2407.11963

    The paper asks with 2, 4, 8, ... 512 needles. Differs from it: a space between two English sentences, where it has
    none.
    """

    language: Code = "en"
    """Of the sentences."""
    question: Question = "eldest"
    """Eldest ancestor, ancestor or descendant so many generations away, or the generations between two."""
    needles: int = 0
    """Sentences, each with two relatives; 0: as many as the length holds."""
    reply: int = 256
    """Tokens the reply may take, steps and answer together."""

    rule: ClassVar[Rule] = BOXED

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="follow a whole family from one end to the other, its relations told in no order",
            ability="reasoning",
            scope="high",
            diffusion="high",
            paper="https://arxiv.org/abs/2407.11963",
            shortest=(320 if self.language == "en" else 480) + self.reply,
            longest=65_536,
            tokens=self.reply,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: as long as asked, or as its number of sentences makes it and no longer."""
        if not self.needles:
            return fit(ask, lambda size: self._build(ask, size + 2), guess=ask.length // 32)
        sample = self._build(ask, self.needles)
        if (used := tokens(ask, sample)) > ask.length:
            raise InputError(f"{self.needles} needles of {ask.task} take {used:,} tokens: {ask.length:,} are too few")
        return sample

    def solve(self, sample: Sample) -> str:
        """What the question asks, by going from one relative to the next."""
        spoken = language(self.language)
        return rf"\boxed{{{solve(spoken, read(spoken, sample.context), sample.after)}}}"

    def _build(self, ask: Ask, needles: int) -> Sample:
        spoken = language(self.language)
        people = family(spoken, ask.id, min(needles, MOST))
        told = list(people.sentences)
        Random(f"{ask.id}-order").shuffle(told)
        return ask.sample(
            before=spoken.prompts["atc_before"].format(notes=spoken.prompts["notes"]),
            context=spoken.joint.join(told),
            after=spoken.prompts["atc_after"].format(question=people.ask(self.question, spoken.prompts)),
            answers=[people.answer(self.question)],
            max_tokens=self.reply,
        )


TASKS = {
    f"needlebench/atc_{question}_{code}": AncestralTrace(code, question)
    for code in ("en", "zh")
    for question in QUESTIONS
}
