"""BestAnswer: the one of many passages of a text that goes on from the passage shown."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from random import Random
from typing import ClassVar

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import Haystack, library, place
from longspan.evals.metrics.ada_leval import BEST_ANSWER
from longspan.evals.task import Card, Rule, Sample

ANSWER = re.compile(r"^A(\d+): (.*)$", re.MULTILINE)
SHOWN = re.compile(r"<passage>\n(.*)\n</passage>")
SHORTEST = 8
"""Words of a passage that is cut short to meet the length."""


@dataclass(frozen=True, slots=True)
class BestAnswer:
    """Ada-LEval BestAnswer: choose the one right answer among ever more. https://arxiv.org/abs/2404.06480

    Differs from the paper: the question is a passage of any text, the right answer the passage that follows it, the
    others passages from around it, the nearest first, in place of other answers to a question of Stack Overflow.
    """

    words: int = 30
    """Words a passage has at least."""

    rule: ClassVar[Rule] = BEST_ANSWER

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="choose the passage that goes on from the one shown, among others of the same text",
            ability="understanding",
            scope="high",
            diffusion="high",
            paper="https://arxiv.org/abs/2404.06480",
            shortest=512,
            tokens=16,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the right answer lies at the depth asked for, the others in any order."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The answer that follows the passage in Python's reference, where samples take their text by default."""
        (shown,) = SHOWN.findall(sample.before)
        text = " ".join(library().sentences)
        text += " " + text[: len(sample.context)]  # after its last sentence comes its first
        return next(f"A{number}" for number, answer in ANSWER.findall(sample.context) if f"{shown} {answer}" in text)

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        shown, right, wrong = self._passages(ask.haystack, random, size, ask.task)
        random.shuffle(wrong)
        at = place(wrong, ask.depth)
        answers = [*wrong[:at], right, *wrong[at:]]
        lines = [f"A{number}: {answer}" for number, answer in enumerate(answers, 1)]
        context = "\n\n".join(lines)
        first = sum(len(line) + 2 for line in lines[:at])
        return ask.sample(
            before="You get a passage of a text and a list of numbered answers, A1, A2 and so on. Exactly one answer "
            "is what the text says right after the passage; the others stand elsewhere in the same text.\n\n"
            f"<passage>\n{shown}\n</passage>\n\n",
            context=context,
            after="\n\nWhich answer goes on from the passage? Reply with its name alone, such as A4.",
            start="Answer:",
            answers=[f"A{at + 1}"],
            max_tokens=self.card.tokens,
            depth=first / max(1, len(context)),
            spans=[(first, first + len(lines[at]))],
            data={"choices": len(answers)},
        )

    def _passages(self, text: Haystack, random: Random, size: int, task: str) -> tuple[str, str, list[str]]:
        """A passage that occurs once, what follows it, and others of about `size` words, the nearest to them."""
        draws = (random.randrange(len(text.sentences)) for _ in range(100))
        starts = list(islice((draw for draw in draws if text.sentences.count(text.sentences[draw]) == 1), 4))
        if not starts:
            raise InputError(f"{task} needs a text whose sentences do not all repeat")
        start = min(starts, key=lambda each: sum(_words(passage) for passage, _ in self._question(text, each)))
        (shown, _), (right, ahead) = self._question(text, start)
        wrong: dict[str, None] = {}
        room = size
        for passage in self._others(text, start, ahead):
            if wrong and room <= 0:
                break
            cut = " ".join(passage.split(" ")[: max(room, SHORTEST)])
            if cut not in wrong and not right.startswith(cut):
                wrong[cut] = None
                room -= _words(cut)
        if not wrong:
            raise InputError(f"{task} needs a text of at least {4 * self.words} words: a passage and its answers")
        return shown, right, list(wrong)

    def _question(self, text: Haystack, start: int) -> tuple[tuple[str, int], tuple[str, int]]:
        """The passage from sentence `start` on and the one after it, each with the number of the sentence after it."""
        shown, begin = self._forward(text, start)
        return (shown, begin), self._forward(text, begin)

    def _others(self, text: Haystack, behind: int, ahead: int) -> Iterator[str]:
        """Passages before and after by turns, until all of the text was given once."""
        while True:
            passage, behind = self._backward(text, behind)
            if ahead > behind + len(text.sentences):
                return
            yield passage
            passage, ahead = self._forward(text, ahead)
            if ahead > behind + len(text.sentences):
                return
            yield passage

    def _forward(self, text: Haystack, at: int) -> tuple[str, int]:
        """Whole sentences from number `at` on that are long enough, and the number after them."""
        taken: list[str] = []
        while sum(map(_words, taken)) < self.words:
            taken.append(text.sentences[at % len(text.sentences)])
            at += 1
        return " ".join(taken), at

    def _backward(self, text: Haystack, at: int) -> tuple[str, int]:
        """Whole sentences before number `at` that are long enough, and the number of their first."""
        taken: list[str] = []
        while sum(map(_words, taken)) < self.words:
            at -= 1
            taken.insert(0, text.sentences[at % len(text.sentences)])
        return " ".join(taken), at


def _words(text: str) -> int:
    return text.count(" ") + 1


TASKS = {"ada_leval/bestanswer": BestAnswer()}
