"""Many classes learnt from examples in the prompt."""

from __future__ import annotations

import re
from collections import Counter
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Literal

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.labels import EXACT_LABEL
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import adjectives, distinct, nouns

TOKENS = 10
ROUND = 24
"""Tokens of an example, about: the number of classes follows from it."""
EXAMPLE = re.compile(r"^Text: (.+) Label: (\S+)$", re.MULTILINE)
FORMS = (
    "I want to {verb} my {noun} before {day}",
    "could somebody {verb} the {noun} on {day}",
    "is there a way to {verb} a {noun} since {day}",
    "the {noun} that I tried to {verb} failed on {day}",
    "please {verb} this {noun} by {day}",
)
DAYS = ("Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday")
VERBS = (
    "activate",
    "archive",
    "borrow",
    "cancel",
    "check",
    "clean",
    "collect",
    "compare",
    "complain",
    "cover",
    "deliver",
    "design",
    "exchange",
    "extend",
    "finance",
    "forward",
    "insure",
    "install",
    "lend",
    "locate",
    "move",
    "order",
    "paint",
    "postpone",
    "print",
    "refund",
    "register",
    "renew",
    "rent",
    "repair",
    "replace",
    "reserve",
    "return",
    "review",
    "sell",
    "ship",
    "suspend",
    "swap",
    "track",
    "transfer",
    "translate",
    "update",
    "upgrade",
    "verify",
)


@dataclass(frozen=True, slots=True)
class LabelIcl:
    """Label learning: tell the class of a text from many labelled examples. https://arxiv.org/abs/2404.02060

    A class is an action on a thing; every round of the examples shows each class once, in other words. Shuffled
    numbers as labels are HELMET's form (https://arxiv.org/abs/2410.02694): nothing is known of them beforehand.
    """

    labels: Literal["words", "numbers"] = "words"
    classes: int = 0
    """Classes; 0: a third of the examples that fit, 77 at most (as BANKING77)."""

    rule: ClassVar[Rule] = EXACT_LABEL

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=f"tell the class of a text from examples labelled with {self.labels}",
            ability="in-context learning",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2404.02060",
            shortest=max(400, ROUND * self.classes * 3 // 2),
            tokens=TOKENS,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: rounds of examples, as many as fit, then a new text of one of the classes."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // ROUND)

    def solve(self, sample: Sample) -> str:
        """The label that the examples with most words in common with the text have."""
        (text,) = re.findall(r"^Text: (.+)$", sample.after, re.MULTILINE)
        votes: Counter[str] = Counter()
        for example, label in EXAMPLE.findall(sample.context):
            votes[label] = max(votes[label], len(_content(example) & _content(text)))
        return votes.most_common(1)[0][0]

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        count = self.classes or max(4, min(77, ask.length // ROUND // 3))
        classes = self._classes(random, count)
        names = list(classes)
        asked = random.choice(names)
        form = random.randrange(len(FORMS))
        examples: list[str] = []
        drawn = Random(f"{ask.id} examples")
        while len(examples) < max(size, count):
            order = drawn.sample(names, count)
            examples += [f"Text: {_say(drawn, classes[name])} Label: {name}" for name in order]
        examples = examples[: max(size, count)]
        text = _say(random, classes[asked], form)
        return ask.sample(
            before="Each text below has a label. Learn from them how texts are labelled.\n\n",
            context="\n".join(examples),
            after=f"\n\nNow label this text. Answer with its label alone.\n\nText: {text}\n",
            start="Label:",
            answers=[asked],
            max_tokens=TOKENS,
        )

    def _classes(self, random: Random, count: int) -> dict[str, tuple[str, str]]:
        """An action and a thing by label; no two classes share a thing, so that one example tells a class."""
        things = distinct(random, lambda draw: f"{draw.choice(adjectives())} {draw.choice(nouns())}", count)
        pairs = [(random.choice(VERBS), thing) for thing in things]
        if self.labels == "words":
            return {f"{verb}_{thing.replace(' ', '_')}": (verb, thing) for verb, thing in pairs}
        numbers = random.sample(range(count), count)
        return {str(number): pair for number, pair in zip(numbers, pairs, strict=True)}


def _say(random: Random, pair: tuple[str, str], form: int | None = None) -> str:
    verb, noun = pair
    chosen = FORMS[random.randrange(len(FORMS)) if form is None else form]
    return chosen.format(verb=verb, noun=noun, day=random.choice(DAYS))


def _content(text: str) -> set[str]:
    """The words that tell a class: those of no form."""
    common = {word for form in (*FORMS, *DAYS) for word in re.findall(r"[a-z]+", form.lower())}
    return set(re.findall(r"[a-z-]+", text.lower())) - common


TASKS = {
    "label_icl/words": LabelIcl(),
    "label_icl/numbers": LabelIcl(labels="numbers"),
    # As many classes as GoEmotions, BANKING77 and Discovery have.
    "label_icl/words_28": LabelIcl(classes=28),
    "label_icl/words_77": LabelIcl(classes=77),
    "label_icl/words_174": LabelIcl(classes=174),
}
