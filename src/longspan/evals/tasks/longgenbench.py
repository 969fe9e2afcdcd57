"""Long replies: LongGenBench's texts with requirements, and its many questions answered at once."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.longgenbench import ANSWERED, BY_NUMBER, CR, DIVIDER, STIC_1, STIC_2
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.templates import pattern, read
from longspan.evals.words import distinct, names

Scenario = Literal["diary", "menu", "floors", "blocks"]
SCENARIOS: dict[Scenario, tuple[str, str, str, str]] = {
    "diary": ("Week", "the diary of a year, week by week", "go to the", "an entry for each week"),
    "menu": ("Menu Week", "the menus of a restaurant, week by week", "serve the", "a menu for each week"),
    "floors": ("Floor", "the plan of a tower, floor by floor", "have room for the", "a plan of each floor"),
    "blocks": ("Block", "the plan of a town, block by block", "have space for the", "a plan of each block"),
}
"""What a part is called, what is written, how a requirement is put, and what a part is."""
TOKENS_PER_WORD = 1.6
"""What a reply may take for each word asked for."""
MOST = 1000
"""Parts that have a requirement of their own, at most: one in ten."""
FIRST = 2
"""Number of the first question to answer; an example is number 1."""
ONCE = re.compile(r"^- Only .+? (\d+) has to .+? the (.+)\.$", re.MULTILINE)
RANGE = re.compile(r"^- Each from .+? (\d+) to .+? (\d+) has to .+? the (.+)\.$", re.MULTILINE)
PERIODIC = re.compile(r"^- From .+? (\d+) on, every (\w+) one has to .+? the (.+)\.$", re.MULTILINE)
STEPS = {"third": 3, "fourth": 4, "fifth": 5, "sixth": 6, "seventh": 7}
ORDINALS = {step: ordinal for ordinal, step in STEPS.items()}
COUNT = re.compile(r"exactly (\d+) parts")


@dataclass(frozen=True, slots=True)
class GoldenThread:
    """LongGenBench (SGT): write a long text of numbered parts, some with something to mention. https://arxiv.org/abs/2409.02076

    Differs from the paper: a requirement is met when its words stand in the part, where the original asks a model; it
    is put in words that no other has; the number of parts and requirements follows the length.
    """

    scenario: Scenario
    """What is written."""
    measure: Literal["met", "met_where_written", "completed"] = "met"
    """Requirements met of all (STIC-2) or of those whose part is there (STIC-1), or parts that are there (CR)."""
    words: int = 100
    """Words that each part is to have; the paper's shorter set asks for 200."""

    @property
    def rule(self) -> Rule:
        """The rule of the measure."""
        return {"met": STIC_2, "met_where_written": STIC_1, "completed": CR}[self.measure]

    @property
    def card(self) -> Card:
        """What it is; `tokens` is 0, as a reply may take all that the short prompt leaves of the length."""
        return Card(
            about=f"write {SCENARIOS[self.scenario][1]}, and mention certain things in certain parts",
            ability="long generation",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2409.02076",
            shortest=480 + round(3 * TOKENS_PER_WORD * self.words),
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; almost all of the length is the reply's."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """The parts, each with nothing but its heading and what it has to mention."""
        (number,) = COUNT.findall(sample.after)
        unit = SCENARIOS[self.scenario][0]
        told = [(int(at), keyword) for at, keyword in ONCE.findall(sample.context)]
        for first, last, keyword in RANGE.findall(sample.context):
            told += [(at, keyword) for at in range(int(first), int(last) + 1)]
        for first, step, keyword in PERIODIC.findall(sample.context):
            told += [(at, keyword) for at in range(int(first), int(number) + 1, STEPS[step])]
        return "\n".join(
            f"{DIVIDER} {unit} {at}: {', '.join(keyword for other, keyword in told if other == at)}"
            for at in range(1, int(number) + 1)
        )

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        unit, written, put, part = SCENARIOS[self.scenario]
        tokens = round(TOKENS_PER_WORD * self.words)
        number = 3 + size // tokens
        keywords = distinct(random, self._keyword, 2 + min(MOST, max(1, number // 10)))
        first, span, start, step = random.random(), random.randint(2, 4), random.randint(1, 3), random.randint(3, 7)
        low = 1 + int(first * max(1, number - span))
        high = min(number, low + span - 1)
        once = sorted(random.sample(range(1, number + 1), k=len(keywords) - 2))
        lines = [
            *(f"- Only {unit} {at} has to {put} {keyword}." for at, keyword in zip(once, keywords[2:], strict=True)),
            f"- Each from {unit} {low} to {unit} {high} has to {put} {keywords[0]}.",
            f"- From {unit} {start} on, every {ORDINALS[step]} one has to {put} {keywords[1]}.",
        ]
        checks = list(zip(once, keywords[2:], strict=True))
        checks += [(at, keywords[0]) for at in range(low, high + 1)]
        checks += [(at, keywords[1]) for at in range(start, number + 1, step)]
        return ask.sample(
            before=f"{random.choice(names('first names'))} asks you for {written}. This has to be mentioned, in these "
            "very words:\n",
            context="\n".join(lines),
            after=f"\n\nWrite {part}, about {self.words} words long, from {unit} 1 to {unit} {number}: exactly "
            f"{number} parts, none left out. Begin each with {DIVIDER} and its name, such as {DIVIDER} {unit} 1: and "
            "mention in it what is due there.",
            answers=[f"{at}: {keyword}" for at, keyword in checks],
            max_tokens=3 * tokens + size,
            data={"unit": unit, "number": number},
        )

    def _keyword(self, random: Random) -> str:
        listed = read("longgenbench.txt")
        return f"{' '.join(random.sample(listed['qualities'], k=2))} {random.choice(listed[self.scenario])}"


@dataclass(frozen=True, slots=True)
class ManyQuestions:
    """LongGenBench: answer many word problems in one reply, in order. https://arxiv.org/abs/2410.04199

    Differs from the paper: problems are made from templates, where the original takes GSM8K's; one answered example
    comes before, where there are eight.
    """

    by: Literal["order", "number"] = "order"
    """The original's rule, or ours: answers by their numbers, where questions left out are wrong."""
    tokens: int = 96
    """Tokens that an answer may take, step by step."""

    @property
    def rule(self) -> Rule:
        """The rule chosen."""
        return ANSWERED if self.by == "order" else BY_NUMBER

    @property
    def card(self) -> Card:
        """What it is; `tokens` is 0, as a reply may take `tokens` for every question."""
        return Card(
            about="answer many word problems in one reply, in order",
            ability="long generation",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2410.04199",
            shortest=320 + self.tokens,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; about two thirds of the length are the reply's."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 2)

    def solve(self, sample: Sample) -> str:
        """Each problem by the formula of the template that it was made from."""
        found = re.findall(r"^Question_(\d+): (.+)$", sample.context, re.MULTILINE)
        return "\n\n".join(f"Answer_{number}:\nThe answer is {_result(problem)}." for number, problem in found)

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        problems = [_problem(random) for _ in range(1 + size // self.tokens)]
        lines = [f"Question_{number}: {text}" for number, (text, _) in enumerate(problems, FIRST)]
        last = FIRST + len(lines) - 1
        return ask.sample(
            before="Solve all of the numbered problems below in one reply, one after the other and step by step. Begin "
            "each solution with its label and a line break, end it with the result as a number, and leave an empty "
            "line after it, like this:\n\nQuestion_1: A hall has 12 rows of 8 chairs, and 5 chairs are broken. How "
            "many chairs are whole?\n\nAnswer_1:\nThere are 12 * 8 = 96 chairs, and 96 - 5 = 91. The answer is 91.\n\n"
            "The problems:\n\n",
            context="\n".join(lines),
            after=f"\n\nGive the solutions from Answer_{FIRST} to Answer_{last}.",
            answers=[str(result) for _, result in problems],
            max_tokens=self.tokens + size,
            data={"first": FIRST},
        )


Formula = Callable[[int, int, int], int]
PROBLEMS: tuple[tuple[str, Formula], ...] = (
    (
        "{name} buys {a} boxes with {b} {item} each and gives {c} of them away. How many {item} are left?",
        lambda a, b, c: a * b - c,
    ),
    (
        "A bus sets off with {a} passengers. At each of {b} stops {c} more get on. How many ride at the end?",
        lambda a, b, c: a + b * c,
    ),
    (
        "{name} earns {a} coins an hour and works {b} hours on each of {c} days. How many coins does that make?",
        lambda a, b, c: a * b * c,
    ),
    (
        "{name} is {a} years old. A brother is {b} years older and a sister {c} years younger than {name}. How old are "
        "the three together?",
        lambda a, b, c: 3 * a + b - c,
    ),
    (
        "A hall has {a} tables for {b} guests each, and {c} more chairs along the wall. How many guests can sit?",
        lambda a, b, c: a * b + c,
    ),
    (
        "{name} reads {a} pages on Monday, twice as many on Tuesday, and {b} pages on each of the next {c} days. How "
        "many pages is that?",
        lambda a, b, c: 3 * a + b * c,
    ),
    (
        "{name} has {a}0 coins and buys {b} {item} for {c} coins each. How many coins are left?",
        lambda a, b, c: 10 * a - b * c,
    ),
    (
        "A shop sells {a} {item} in the morning and {b} times as many in the afternoon, but {c} are brought back. How "
        "many {item} stay sold?",
        lambda a, b, c: a + a * b - c,
    ),
)


def _problem(random: Random) -> tuple[str, int]:
    """A word problem and its result, a whole number above 0."""
    text, formula = random.choice(PROBLEMS)
    a, b, c = random.randint(20, 99), random.randint(2, 9), random.randint(2, 12)
    name, item = random.choice(names("first names")), random.choice(read("longgenbench.txt")["items"])
    return text.format(name=name, item=item, a=a, b=b, c=c), formula(a, b, c)


def _result(problem: str) -> int:
    for text, formula in PROBLEMS:
        if match := pattern(text).fullmatch(problem):
            return formula(int(match["a"]), int(match["b"]), int(match["c"]))
    raise ValueError(f"no template says {problem!r}")


TASKS = {
    **{f"longgenbench/{scenario}": GoldenThread(scenario) for scenario in SCENARIOS},
    "longgenbench/diary_written": GoldenThread("diary", measure="met_where_written"),
    "longgenbench/diary_completed": GoldenThread("diary", measure="completed"),
    "longgenbench/questions": ManyQuestions(),
    "longgenbench/questions_by_number": ManyQuestions(by="number"),
}
