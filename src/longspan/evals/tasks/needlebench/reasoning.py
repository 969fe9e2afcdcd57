"""NeedleBench's multiple reasoning: relatives told of far apart in a long text."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place
from longspan.evals.metrics.needlebench import BOXED
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.needlebench.kinship import family, read, solve
from longspan.evals.tasks.needlebench.language import Code, language


@dataclass(frozen=True, slots=True)
class Reasoning:
    """NeedleBench M-RS: find the eldest relative through sentences far apart. https://arxiv.org/abs/2407.11963"""

    language: Code = "en"
    """Of the sentences and their haystack: real text in English, made-up sentences in Chinese."""
    needles: int = 3
    """Sentences, each with two relatives."""
    apart: float = 0.1
    """Share of the text from one to the next; those that do not fit lie at its end."""
    reply: int = 256
    """Tokens the reply may take, steps and answer together."""

    rule: ClassVar[Rule] = BOXED

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="find the eldest relative through sentences far apart in a long text",
            ability="reasoning",
            scope="low",
            diffusion="high",
            paper="https://arxiv.org/abs/2407.11963",
            shortest=(320 if self.language == "en" else 440) + self.reply + 40 * self.needles,
            tokens=self.reply,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample, the first sentence at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The person whom the chain from the asked one ends with."""
        spoken = language(self.language)
        return rf"\boxed{{{solve(spoken, read(spoken, sample.context), sample.after)}}}"

    def _build(self, ask: Ask, size: int) -> Sample:
        spoken, random = language(self.language), ask.random()
        people = family(spoken, ask.id, self.needles)
        needles = random.sample(people.sentences, self.needles)
        sentences = spoken.haystack(ask, random, size)
        depths = [min(1.0, ask.depth + index * self.apart) for index in range(self.needles)]
        context, spans = spoken.hide(sentences, needles, [place(sentences, depth) for depth in depths])
        question = people.ask("eldest", spoken.prompts)
        return ask.sample(
            before=spoken.prompts["before"],
            context=context,
            after=spoken.prompts["reasoning"].format(notes=spoken.prompts["notes"], question=question),
            answers=[people.answer("eldest")],
            max_tokens=self.reply,
            depth=spans[0][0] / len(context),
            spans=spans,
        )


TASKS = {
    f"needlebench/reasoning_{needles}_{code}": Reasoning(code, needles)
    for code in ("en", "zh")
    for needles in (2, 3, 4, 5)
}
