"""NeedleBench's multiple retrieval: a fact at every depth of a long text."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place
from longspan.evals.metrics.needlebench import KEYWORDS
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.needlebench.language import Code, Fact, Language, language


@dataclass(frozen=True, slots=True)
class Multi:
    """NeedleBench M-RT: answer a list of questions, each from a sentence of its own. https://arxiv.org/abs/2407.11963

    Differs from the paper: keywords are drawn anew for every sample, so that no model knows them.
    """

    language: Code = "en"
    """Of the needles and their haystack: real text in English, made-up sentences in Chinese."""
    needles: int = 11
    """Sentences hidden, at equal distances from the beginning to the end."""

    rule: ClassVar[Rule] = KEYWORDS

    def __post_init__(self) -> None:
        most = len(language(self.language).facts)
        if not 1 <= self.needles <= most:
            raise InputError(f"needles is {self.needles}: there are facts for 1 to {most}")

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="answer many questions, each from one sentence hidden in a long text",
            ability="retrieval",
            scope="low",
            diffusion="high",
            paper="https://arxiv.org/abs/2407.11963",
            shortest=80 + (84 if self.language == "en" else 110) * self.needles,
            tokens=24 * self.needles,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The keywords of the sentences that the questions belong to."""
        facts = (fact for fact in language(self.language).facts if fact.question in sample.after)
        return "\n".join(fact.read(sample.context) for fact in facts)

    def _build(self, ask: Ask, size: int) -> Sample:
        spoken, random = language(self.language), ask.random()
        chosen = self._choose(spoken, random)
        sentences = spoken.haystack(ask, random, size)
        places = [place(sentences, index / max(1, self.needles - 1)) for index in range(self.needles)]
        needles = [fact.needle.format(value=value) for fact, value in chosen]
        context, spans = spoken.hide(sentences, needles, places)
        asked = [fact.question for fact, _ in random.sample(chosen, len(chosen))]
        lines = [spoken.prompts["number"].format(index=index, question=each) for index, each in enumerate(asked, 1)]
        return ask.sample(
            before=spoken.prompts["before"],
            context=context,
            after=spoken.prompts["multi"].format(count=len(lines), questions="\n".join(lines)),
            answers=[value for _, value in chosen],
            max_tokens=self.card.tokens,
            spans=spans,
        )

    def _choose(self, spoken: Language, random: Random) -> list[tuple[Fact, str]]:
        """Different facts with different keywords."""
        left = {kind: random.sample(list(values), len(values)) for kind, values in spoken.values.items()}
        return [(fact, left[fact.kind].pop()) for fact in random.sample(spoken.facts, self.needles)]


TASKS = {"needlebench/multi_en": Multi("en"), "needlebench/multi_zh": Multi("zh")}
