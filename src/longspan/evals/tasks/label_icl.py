"""Very many classes learnt from examples in the prompt, as LongICLBench and HELMET ask."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import accumulate, product
from random import Random
from typing import ClassVar, Literal

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.label_icl import LABEL
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.templates import pattern, read

EXAMPLE = re.compile(r"^Message: (.*) \| label: (\S+)$", re.MULTILINE)
PIECE = 40
"""Tokens of an example, at most about."""
GREETINGS = ("", "Hello. ", "Good morning. ", "Hi there. ", "To whom it may concern. ", "Quick question. ")


@dataclass(frozen=True, slots=True)
class LabelICL:
    """Extreme-label in-context learning: label a message as the examples do. https://arxiv.org/abs/2404.02060

    also: HELMET's form with numbers as labels, https://arxiv.org/abs/2410.02694
    Differs from the papers: messages to a help desk are made from templates; a class is what is wanted of which thing.
    """

    classes: int = 77
    """Labels to learn; each has an example in every round."""
    labels: Literal["words", "numbers"] = "words"
    """What labels look like: words that fit, or numbers that were dealt out at random."""
    order: Literal["scattered", "grouped"] = "scattered"
    """Whether the classes are shuffled in each round, or all examples of a class stand together."""

    rule: ClassVar[Rule] = LABEL

    @property
    def card(self) -> Card:
        """What it is."""
        dealt = " that say nothing" if self.labels == "numbers" else ""
        return Card(
            about=f"label a message with one of {self.classes} {self.labels}{dealt}, learnt from examples",
            ability="in-context learning",
            scope="low",
            diffusion="high",
            paper="https://arxiv.org/abs/2404.02060",
            shortest=PIECE * self.classes + 128,
            tokens=20,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: whole rounds of all classes and a part of one more; InputError where one round is too long."""
        return fit(ask, lambda size: self._build(ask, size), guess=max(1, ask.length // PIECE - self.classes))

    def solve(self, sample: Sample) -> str:
        """The label of any example whose template and thing are of the same class as the message's."""
        wanted = classify(sample.after)
        return next(match[2] for match in EXAMPLE.finditer(sample.context) if classify(match[1]) == wanted)

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        every = list(product(read("label_icl.txt")["topics"], ACTIONS))
        classes = random.sample(every, k=self.classes)
        numbers = random.sample(range(self.classes), k=self.classes)
        asked = random.randrange(self.classes)
        core = random.choice(cores(classes[asked]))
        query = dress(random, core)
        if self.order == "grouped":
            at = round(ask.depth * (self.classes - 1))
            classes[at], classes[asked], asked = classes[asked], classes[at], at
        taught = self._rounds(random, self.classes + size)
        if self.order == "grouped":
            taught.sort()
        lines, mine = [], []
        for number in taught:
            choices = [text for text in cores(classes[number]) if text != core]
            name = self._name(classes[number], numbers[number])
            lines.append(f"Message: {dress(random, random.choice(choices))} | label: {name}")
            mine.append(number == asked)
        ends = accumulate((len(line) + 1 for line in lines), initial=0)
        spans = tuple((start, start + len(line)) for start, line, own in zip(ends, lines, mine, strict=False) if own)
        context = "\n".join(lines)
        return ask.sample(
            before="Messages to a help desk are followed by their labels. Learn from them which label a message gets: "
            "it depends on what somebody wants and on the thing that this is about.\n\n",
            context=context,
            after=f"\n\nWhich label does this message get? Answer with the label alone.\nMessage: {query}",
            start="label:",
            answers=[self._name(classes[asked], numbers[asked])],
            max_tokens=self.card.tokens,
            depth=spans[0][0] / len(context) if self.order == "grouped" else None,
            spans=spans,
        )

    def _rounds(self, random: Random, examples: int) -> list[int]:
        """Classes of so many examples: all of them in each round, in a new order."""
        taught: list[int] = []
        while len(taught) < examples:
            taught += random.sample(range(self.classes), k=self.classes)
        return taught[:examples]

    def _name(self, of: tuple[str, str], number: int) -> str:
        topic, action = of
        return str(number) if self.labels == "numbers" else f"{action}_{topic.split('|')[0].replace(' ', '_')}"


ACTIONS = tuple(section for section in read("label_icl.txt") if section != "topics")


def cores(of: tuple[str, str]) -> list[str]:
    """All sentences that a class, a topic and an action, can be put in."""
    topic, action = of
    return [line.format(topic=noun) for line in read("label_icl.txt")[action] for noun in topic.split("|")]


def dress(random: Random, core: str) -> str:
    """A sentence with a greeting, or the number of a customer, which say nothing about its class."""
    closing = random.choice(["", " Thank you.", f" My customer number is {random.randint(1000, 99999)}."])
    return f"{random.choice(GREETINGS)}{core}{closing}"


def classify(message: str) -> tuple[str, str]:
    """Topic and action of a message."""
    return next(_classes(message))


def _classes(message: str) -> Iterator[tuple[str, str]]:
    nouns = {noun: topic for topic in read("label_icl.txt")["topics"] for noun in topic.split("|")}
    for action in ACTIONS:
        for line in read("label_icl.txt")[action]:
            match = pattern(line).search(message)
            if match and match["topic"] in nouns:
                yield nouns[match["topic"]], action


TASKS = {
    **{f"label_icl/words_{classes}": LabelICL(classes) for classes in (28, 77, 174)},
    **{f"label_icl/numbers_{classes}": LabelICL(classes, labels="numbers") for classes in (28, 77, 174)},
    "label_icl/grouped_77": LabelICL(77, order="grouped"),
}
