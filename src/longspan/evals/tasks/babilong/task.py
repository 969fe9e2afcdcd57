"""Questions about a short story whose facts are spread in order over a long real text."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from random import Random

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place, plant
from longspan.evals.metrics.babilong import COMPARE_ANSWERS, COMPARE_WORDS
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.babilong import moving, relations
from longspan.evals.tasks.babilong.story import Kind, Story

KINDS: dict[str, Kind] = {**moving.KINDS, **relations.KINDS}
EXAMPLES = 2
"""Solved stories that every prompt shows."""
TRACED = ("qa2", "qa3", "qa11", "qa13", "qa14")
SUMMED = ("qa7", "qa8")


@dataclass(frozen=True, slots=True)
class Babilong:
    """BABILong: answer a question whose facts are spread over real text. https://arxiv.org/abs/2406.10149

    Differs from the paper: stories are of a world of our own in place of bAbI's; where one fact alone has the answer
    it lies at the depth asked for.
    """

    kind: str = "qa1"
    """Which of bAbI's twenty kinds of stories."""

    @property
    def rule(self) -> Rule:
        """The official rule; with labels as whole words where they contain each other, as `none` contains `one`."""
        return COMPARE_WORDS if self.kind == "qa7" else COMPARE_ANSWERS

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=f"answer from facts spread over real text: {KINDS[self.kind].about.partition('.')[0]}",
            ability="tracing" if self.kind in TRACED else "aggregation" if self.kind in SUMMED else "reasoning",
            scope="low",
            diffusion="high",
            paper="https://arxiv.org/abs/2406.10149",
            shortest={"qa3": 768, "qa2": 576, "qa14": 576}.get(self.kind, 512),
            tokens=32,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; all facts keep their order."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """What the facts found in the text say."""
        return KINDS[self.kind].solve(sample.context, sample.after.rpartition("Question: ")[2])

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        kind = KINDS[self.kind]
        story = kind.tell(random)
        text = ask.haystack.take(random.randrange(len(ask.haystack.sentences)), size)
        context, spans = plant(text, story.facts, _places(random, story, text, ask.depth))
        evidence = [spans[number] for number in story.support]
        return ask.sample(
            before=f"Hidden in the text below are sentences that tell {kind.about} The rest of the text has nothing "
            f"to do with them. Answer the question at the end from these sentences alone. {kind.reply}\n\n"
            f"{_examples(self.kind)}\n\n<text>\n",
            context=context,
            after=f"\n</text>\n\nQuestion: {story.question}",
            start="Answer:",
            answers=[story.answer],
            max_tokens=self.card.tokens,
            depth=evidence[0][0] / max(1, len(context)) if len(evidence) == 1 else None,
            spans=evidence,
            data={"question": story.question, "labels": list(kind.labels)},
        )


def _places(random: Random, story: Story, text: Sequence[str], depth: float) -> list[int]:
    """Places for all facts, in their order: anywhere, or a single one that counts at its depth and the rest around."""
    if len(story.support) != 1:
        return sorted(random.randint(0, len(text)) for _ in story.facts)
    (number,), at = story.support, place(text, depth)
    before = sorted(random.randint(0, at) for _ in story.facts[:number])
    return [*before, at, *sorted(random.randint(at, len(text)) for _ in story.facts[number + 1 :])]


@cache
def _examples(kind: str) -> str:
    """Solved stories of different answers, the same in all prompts of a kind."""
    random = Random(f"examples of {kind}")
    stories: dict[str, Story] = {}
    while len(stories) < EXAMPLES:
        story = KINDS[kind].tell(random)
        stories.setdefault(story.answer, story)
    return "\n\n".join(
        f"<example>\n{' '.join(story.facts)}\nQuestion: {story.question}\nAnswer: {story.answer}\n</example>"
        for story in stories.values()
    )


TASKS = {f"babilong/qa{number}": Babilong(f"qa{number}") for number in range(1, 21)}
