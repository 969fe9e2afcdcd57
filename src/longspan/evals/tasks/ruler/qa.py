"""Questions over documents: RULER's two forms."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from random import Random
from typing import ClassVar

from longspan.core.errors import InputError
from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import place
from longspan.evals.metrics.ruler import STRING_MATCH_PART
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.ruler import articles, squad

ALIKE = 3
"""Documents with a name much like it that stand beside each one with evidence."""
_DOCUMENT = re.compile(r"Document \d+:\n(.*)")


@dataclass(frozen=True, slots=True)
class _Puzzle:
    question: str
    answers: tuple[str, ...]
    evidence: list[str]
    others: Iterator[list[str]]
    """Sentences of documents without evidence, those that resemble it first."""


@dataclass(frozen=True, slots=True)
class Qa:
    """RULER question answering: answer from one or two of many documents. https://arxiv.org/abs/2404.06654

    Differs from the paper: documents about invented people, towns and works instead of SQuAD's and HotpotQA's, as far
    as no file is given; the last one may be cut short, so that the length is met.
    """

    hops: int = 1
    """Documents that an answer needs, one leading to the next."""
    file: str = ""
    """Path of questions in the format of SQuAD 2.0, for one hop; empty: invented documents."""

    rule: ClassVar[Rule] = STRING_MATCH_PART

    def __post_init__(self) -> None:
        if self.hops < 1 or (self.file and self.hops > 1):
            raise InputError(f"hops is {self.hops}: give 1 with a file, 1 or more without")

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=f"answer a question from {'one' if self.hops == 1 else self.hops} of many documents",
            ability="retrieval" if self.hops == 1 else "reasoning",
            scope="low",
            diffusion="high",
            paper="https://arxiv.org/abs/2404.06654",
            source=self.file or "generated: paragraphs about invented people, towns and works",
            licence="as of the file" if self.file else "generated here",
            tokens=32,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the document with the answer lies at the depth asked for, the others anywhere."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 20)

    def solve(self, sample: Sample) -> str:
        """What the documents say, each hop followed; with a file the document that has most of the question's words."""
        (question,) = re.findall(r"Question: (.*)", sample.after)
        documents = _DOCUMENT.findall(sample.context)
        return max(documents, key=_likeness(question)) if self.file else articles.answer(question, documents)

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        puzzle = self._read(ask, random) if self.file else self._invent(random)
        documents = _cut(puzzle.others, size)
        random.shuffle(documents)
        for leading in puzzle.evidence[:-1]:
            documents.insert(random.randint(0, len(documents)), leading)
        documents.insert(place(documents, ask.depth), puzzle.evidence[-1])
        context = "\n\n".join(f"Document {number}:\n{document}" for number, document in enumerate(documents, 1))
        starts = [context.index(document) for document in puzzle.evidence]
        return ask.sample(
            before="Answer a question from the documents below with a few words and nothing else.\n\n",
            context=context,
            after="\n\nAnswer from the documents above with a few words and nothing else.\n"
            f"Question: {puzzle.question}",
            start="Answer:",
            answers=puzzle.answers,
            max_tokens=self.card.tokens,
            depth=starts[-1] / max(1, len(context)),
            spans=tuple((at, at + len(text)) for at, text in zip(starts, puzzle.evidence, strict=True)),
        )

    def _invent(self, random: Random) -> _Puzzle:
        question, answer, evidence = articles.chain(random, self.hops)
        filler = articles.others(random, evidence, alike=ALIKE)
        return _Puzzle(
            question,
            (answer,),
            [" ".join(article.sentences) for article in evidence],
            (article.sentences for article in filler),
        )

    def _read(self, ask: Ask, random: Random) -> _Puzzle:
        given = squad.read(self.file)
        order = Random(ask.seed).sample(given.questions, len(given.questions))
        asked = order[ask.index % len(order)]
        evidence = given.articles[asked.article][asked.paragraph]
        near = [text for text in given.articles[asked.article] if text != evidence]
        far = [text for number, each in enumerate(given.articles) for text in each if number != asked.article]
        random.shuffle(near)
        random.shuffle(far)
        return _Puzzle(asked.text, asked.answers, [_line(evidence)], (_line(text).split(" ") for text in near + far))


def _cut(documents: Iterator[list[str]], size: int) -> list[str]:
    """Documents of `size` pieces in all, the last one cut short."""
    taken: list[str] = []
    while size > 0 and (document := next(documents, None)):
        taken.append(" ".join(document[:size]))
        size -= len(document)
    return taken


def _line(text: str) -> str:
    return " ".join(text.split())


def _likeness(question: str) -> Callable[[str], int]:
    words = set(re.findall(r"\w{3,}", question.lower()))
    return lambda document: len(words & set(re.findall(r"\w{3,}", document.lower())))


TASKS = {"ruler/qa_1": Qa(), "ruler/qa_2": Qa(hops=2)}
