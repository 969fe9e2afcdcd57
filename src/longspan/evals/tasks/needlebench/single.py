"""NeedleBench's single retrieval: one fact in a long text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place
from longspan.evals.metrics.needlebench import KEYWORD
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.needlebench.language import Code, language


@dataclass(frozen=True, slots=True)
class Single:
    """NeedleBench S-RT: answer a question from the one sentence that tells. https://arxiv.org/abs/2407.11963

    Differs from the paper: keywords are drawn anew for every sample, so that no model knows them.
    """

    language: Code = "en"
    """Of the needle and its haystack: real text in English, made-up sentences in Chinese."""

    rule: ClassVar[Rule] = KEYWORD

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="answer a question from one sentence hidden in a long text",
            ability="retrieval",
            scope="low",
            diffusion="low",
            paper="https://arxiv.org/abs/2407.11963",
            tokens=64,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample, the sentence at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The keyword of the sentence that the question belongs to."""
        facts = (fact for fact in language(self.language).facts if fact.question in sample.after)
        return next((fact.read(sample.context) for fact in facts), "")

    def _build(self, ask: Ask, size: int) -> Sample:
        spoken, random = language(self.language), ask.random()
        fact = random.choice(spoken.facts)
        value = random.choice(spoken.values[fact.kind])
        sentences = spoken.haystack(ask, random, size)
        needle = fact.needle.format(value=value)
        context, spans = spoken.hide(sentences, [needle], [place(sentences, ask.depth)])
        return ask.sample(
            before=spoken.prompts["before"],
            context=context,
            after=spoken.prompts["single"].format(question=fact.question),
            answers=[value],
            max_tokens=self.card.tokens,
            depth=spans[0][0] / len(context),
            spans=spans,
        )


TASKS = {"needlebench/single_en": Single("en"), "needlebench/single_zh": Single("zh")}
