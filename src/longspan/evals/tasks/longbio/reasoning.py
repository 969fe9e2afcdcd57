"""Work out what biographies do not say outright: differences and orders of age, and facts told by way of others."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, pairwise
from random import Random
from typing import Literal

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.longbio import IN_ORDER, NUMBER, TWO_DIFF
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.longbio.people import (
    ATTRIBUTES,
    PAPER,
    Person,
    crowd,
    gather,
    people,
    question,
    tell,
    templates,
    where,
)
from longspan.evals.tasks.longbio.reading import answer, read

Kind = Literal["calculation", "rank", "multihop", "twodiff"]
AGED = ("age", *ATTRIBUTES[1:])
AGE = re.compile(r"(?<=[.:] )([^.:]+) is (\d+) years old\.")
SHOTS = 2
"""Questions about other people of the text that are shown with their answers."""
ABOUT: dict[Kind, str] = {
    "calculation": "tell how many years two people among many are apart",
    "rank": "put people among many in order of age",
    "multihop": "tell a fact that biographies give only by naming another person",
    "twodiff": "find two people whose ages differ by a number of years",
}
RULES: dict[Kind, Rule] = {"calculation": NUMBER, "rank": IN_ORDER, "multihop": IN_ORDER, "twodiff": TWO_DIFF}


@dataclass(frozen=True, slots=True)
class Asked:
    """A question about a group of people, how it is answered, and the references."""

    question: str
    worked: str
    answers: list[str]


@dataclass(frozen=True, slots=True)
class Reasoning:
    """LongBioBench reasoning: conclude from several biographies, after two examples. https://arxiv.org/abs/2506.02921"""

    kind: Kind = "calculation"
    """What is to be concluded."""
    needles: int = 2
    """People whose biographies an answer needs."""

    @property
    def rule(self) -> Rule:
        """How it is scored."""
        return RULES[self.kind]

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about=ABOUT[self.kind],
            ability="tracing" if self.kind == "multihop" else "reasoning",
            scope="low",
            diffusion="high",
            paper=PAPER,
            shortest=2500 if self.needles > 2 else 1024,
            tokens=64 * self.needles,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the people asked for and those of the examples lie anywhere."""
        sample = fit(ask, lambda size: self._build(ask, size), guess=ask.length // 16)
        return replace(sample, data={"ages": dict(AGE.findall(sample.context))} if self.kind == "twodiff" else {})

    def solve(self, sample: Sample) -> str:
        """The question of the last line, answered from what the text tells of everybody."""
        text = sample.after.rpartition("Question: ")[2]
        told = read(sample.context)
        if self.kind == "multihop":
            return answer(told, text)
        ages = {name: int(each.facts["age"]) for name, each in told.items() if "age" in each.facts}
        named = [name for name in ages if name in text]
        if self.kind == "rank":
            return ", ".join(sorted(named, key=ages.__getitem__))
        if self.kind == "calculation":
            return str(abs(ages[named[0]] - ages[named[1]]))
        apart = int(re.findall(r"\d+", text)[-1])
        return " and ".join(next((a, b) for a, b in combinations(ages, 2) if abs(ages[a] - ages[b]) == apart))

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        everybody = people(random)
        attribute = random.choice(ATTRIBUTES) if self.kind == "multihop" else "age"
        facts = ATTRIBUTES if self.kind == "multihop" else AGED
        groups = [_of_different_age(everybody, self.needles) for _ in range(1 + SHOTS)]
        bios = [bio for group in groups for bio in self._tell(random, group, attribute, facts)]
        others = crowd(random, everybody, size, facts)
        context, starts = gather(ask, random, bios, others, group=self.needles)
        this, *shown = (ASK[self.kind](group, attribute) for group in groups)
        examples = "".join(f"Question: {each.question}\nAnswer: {each.worked}\n\n" for each in shown)
        return ask.sample(
            before="Each line below tells about one person. Read all of them to answer what is asked at the end.\n\n",
            context=context,
            after=f"\n\nAnswer the last question as the examples before it are answered.\n\n{examples}"
            f"Question: {this.question}",
            start="Answer:",
            answers=this.answers,
            max_tokens=self.card.tokens,
            spans=[where(bio, attribute, start) for bio, start in zip(bios[: self.needles], starts, strict=False)],
        )

    def _tell(
        self, random: Random, group: Sequence[Person], attribute: str, facts: Sequence[str]
    ) -> list[dict[str, str]]:
        """The biographies of a group; those of a chain name the person before in place of the attribute."""
        like: list[Mapping[str, str]] = [{} for _ in group]
        if self.kind == "multihop":
            like[1:] = [{attribute: before.name} for before, _ in pairwise(group)]
        return [tell(random, person, facts, like=each) for person, each in zip(group, like, strict=True)]


def _of_different_age(everybody: Iterator[Person], n: int) -> list[Person]:
    found: dict[str, Person] = {}
    while len(found) < n:
        person = next(everybody)
        found.setdefault(person.facts["age"], person)
    return list(found.values())


def _state_ages(group: Sequence[Person]) -> str:
    told = [f"{person.name} is {person.facts['age']}" for person in group]
    return f"{', '.join(told[:-1])} and {told[-1]}."


def _calculation(group: Sequence[Person], attribute: str) -> Asked:
    first, second = group
    low, high = sorted(int(person.facts[attribute]) for person in group)
    return Asked(
        f"By how many years do the ages of {first.name} and {second.name} differ?",
        f"{_state_ages(group)} The difference is {high} - {low} = {high - low}.",
        [str(high - low)],
    )


def _rank(group: Sequence[Person], attribute: str) -> Asked:
    ranked = [person.name for person in sorted(group, key=lambda person: int(person.facts[attribute]))]
    names = ", ".join(person.name for person in group)
    return Asked(
        f"What is the order of these people from the youngest to the oldest: {names}?",
        f"{_state_ages(group)} From the youngest to the oldest: {', '.join(ranked)}.",
        ranked,
    )


def _multihop(group: Sequence[Person], attribute: str) -> Asked:
    label = templates("labels")[attribute][0]
    chain = [f"{person.name} has the same {label} as {before.name}" for before, person in pairwise(group)]
    value = group[0].facts[attribute]
    return Asked(
        question(attribute, group[-1].name),
        f"{', and '.join(reversed(chain))}. The {label} of {group[0].name} is {value}. So the answer is {value}.",
        [value],
    )


def _two_diff(group: Sequence[Person], attribute: str) -> Asked:
    first, second = group
    apart = abs(int(first.facts[attribute]) - int(second.facts[attribute]))
    return Asked(
        f"Which two people have ages that differ by exactly {apart}? Name one such pair.",
        f"{_state_ages(group)} So {first.name} and {second.name} are {apart} years apart.",
        [str(apart)],
    )


ASK: dict[Kind, Callable[[Sequence[Person], str], Asked]] = {
    "calculation": _calculation,
    "rank": _rank,
    "multihop": _multihop,
    "twodiff": _two_diff,
}

TASKS = {
    "longbio/calculation": Reasoning("calculation"),
    "longbio/rank_2": Reasoning("rank"),
    "longbio/rank_5": Reasoning("rank", 5),
    "longbio/multihop_2": Reasoning("multihop"),
    "longbio/multihop_5": Reasoning("multihop", 5),
    "longbio/twodiff": Reasoning("twodiff"),
}
