"""Questions about a person's own documents, written by a model and hidden among those documents again."""

from __future__ import annotations

import asyncio
import json
import random
import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import ClassVar

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.evals.ask import Ask, fit
from longspan.evals.data import json_lines
from longspan.evals.haystack import Haystack, place, plant
from longspan.evals.metrics.ruler import STRING_MATCH_ALL
from longspan.evals.task import Card, Rule, Sample
from longspan.lm.lm import LM, Message

FILE = "questions.jsonl"
NAME = "docs/questions"
PASSAGE = 90
"""Words of the passage that a question is about."""
TRIES = 4
"""Passages tried for each question wanted."""
FACTS = (
    re.compile(r"\d[\d.,:-]*\d"),
    re.compile(r"(?<=[a-z,] )[A-Z][a-z]+(?: [A-Z][a-z]+)*"),
    re.compile(r'"([^"\n]{4,40})"'),
    re.compile(r"\b[a-z]{8,}\b"),
)
"""What an answer may be, the better kinds first: numbers, names, what stands in quotes, long words."""


@dataclass(frozen=True, slots=True)
class Item:
    """A question, its answer, and the passage that has both."""

    passage: str
    question: str
    answer: str


@dataclass(frozen=True, slots=True)
class Questions:
    """Questions a model wrote about passages: find the passage again in a longer stretch of the documents."""

    items: tuple[Item, ...]

    rule: ClassVar[Rule] = STRING_MATCH_ALL

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="answer a question that a model wrote about one passage of the documents",
            ability="understanding",
            scope="low",
            diffusion="high",
            source="the documents that are given",
            licence="that of the documents",
            tokens=48,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: the passage of a question at the depth asked for, among other text of the documents."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The answer that was written for the question whose passage the text has."""
        found = [item for item in self.items if item.question in sample.after and item.passage in sample.context]
        return found[0].answer if found else ""

    def _build(self, ask: Ask, size: int) -> Sample:
        item = self.items[ask.index % len(self.items)]
        start = ask.random().randrange(len(ask.haystack.sentences))
        around = [text for text in ask.haystack.take(start, size) if item.answer.lower() not in text.lower()]
        context, spans = plant(around, [item.passage], [place(around, ask.depth)])
        return ask.sample(
            before="Read the text, then answer the question at its end with a few words of the text.\n\n",
            context=context,
            after=f"\n\nQuestion: {item.question}",
            start="Answer:",
            answers=[item.answer],
            max_tokens=48,
            depth=spans[0][0] / max(1, len(context)),
            spans=spans,
            group=item.passage[:80],
        )


def write(lm: LM, haystack: Haystack, n: int, *, seed: int = 0, progress: Progress = silent) -> list[Item]:
    """Have a model write `n` questions about passages; InputError where it cannot for most of them.

    The answer is chosen from the passage, and the model writes what it answers: so every reference is in the text.
    """
    return asyncio.run(_write(lm, haystack, n, seed, progress))


async def _write(lm: LM, haystack: Haystack, n: int, seed: int, progress: Progress) -> list[Item]:
    drawn = random.Random(f"{haystack.name} {seed}")
    items: list[Item] = []
    for attempt in range(TRIES * n):
        passage = " ".join(haystack.take(drawn.randrange(len(haystack.sentences)), PASSAGE))
        answer = fact(passage, drawn)
        reply = await lm(_prompt(passage, answer), max_tokens=80, seed=seed + attempt)
        item = read_item(passage, answer, reply.text)
        if item and item.question not in [each.question for each in items]:
            items.append(item)
            progress("write questions", len(items), n, "questions")
        if len(items) == n:
            return items
    raise InputError(
        f"{lm.name} wrote {len(items)} usable questions about {TRIES * n} passages, and {n} are wanted: "
        "take a larger model with --asker"
    )


def fact(passage: str, drawn: random.Random) -> str:
    """Something a question can ask for that the passage has once; empty where there is nothing."""
    for kind in FACTS:
        found = [text for text in kind.findall(passage) if passage.count(text) == 1]
        if found:
            return str(drawn.choice(found))
    return ""


def read_item(passage: str, answer: str, reply: str) -> Item | None:
    """The question of a reply; None where it holds none, or gives its answer away."""
    found = re.search(r"(?:question:)?\s*([^\n?]{8,300}\?)", reply, re.IGNORECASE)
    if not found or not answer or answer.lower() in found[1].lower():
        return None
    return Item(passage, " ".join(found[1].split()), answer)


def save(folder: Path, items: Sequence[Item]) -> None:
    """Write questions into a run's folder."""
    text = "".join(json.dumps(asdict(item), ensure_ascii=False) + "\n" for item in items)
    (folder / FILE).write_text(text, encoding="utf-8")


def load(path: Path) -> list[Item]:
    """Read questions; InputError naming a line that is none."""
    items = []
    for number, record in json_lines(path):
        try:
            items.append(Item(str(record["passage"]), str(record["question"]), str(record["answer"])))
        except KeyError as error:
            raise InputError(f"{path}, line {number}: it has no {error.args[0]!r}") from None
    return items


def _prompt(passage: str, answer: str) -> list[Message]:
    text = (
        f"{passage}\n\nWrite one question about this passage whose answer is: {answer}\n"
        "The question must not contain the answer. Write the question alone."
    )
    return [Message("user", text)]
