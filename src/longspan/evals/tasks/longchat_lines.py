"""Lines and registers: the number on one of many named lines."""

from __future__ import annotations

import re
from dataclasses import dataclass
from random import Random
from string import ascii_uppercase
from typing import ClassVar, Literal

from longspan.evals.ask import Ask, fit
from longspan.evals.metrics.retrieval import BRACKETED_NUMBER
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.words import distinct, pair, unique_id

_LINE = re.compile(r"^line (\S+): its register holds <(\d+)>$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class LongChatLines:
    """LongChat's line retrieval: tell the number that a named line holds. https://lmsys.org/blog/2023-06-29-longchat/

    also: Giraffe's forms with other names of lines, https://arxiv.org/abs/2308.10882
    """

    index: Literal["words", "numbers", "shuffled", "letters", "uuids"] = "words"
    """What names a line: an adjective and a noun (LongChat), its number, a number in no order, letters, or an id."""
    highest: int = 50_000
    """Registers hold 1 to this."""

    rule: ClassVar[Rule] = BRACKETED_NUMBER

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="tell the number that a named line of a long record holds",
            ability="retrieval",
            scope="low",
            diffusion="high",
            paper="https://lmsys.org/blog/2023-06-29-longchat/"
            if self.index == "words"
            else "https://arxiv.org/abs/2308.10882",
            tokens=64,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; the line asked for lies at the depth asked for."""
        return fit(ask, lambda size: self._build(ask, size), guess=ask.length // 20)

    def solve(self, sample: Sample) -> str:
        """The number on the line of the question."""
        (name,) = re.findall(r"line (\S+) of", sample.after)
        return f"<{dict(_LINE.findall(sample.context))[name]}>"

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        names = self._names(random, size + 1)
        numbers = [str(random.randint(1, self.highest)) for _ in names]
        lines = [f"line {name}: its register holds <{n}>" for name, n in zip(names, numbers, strict=True)]
        at = round(ask.depth * size)
        first = sum(len(line) + 1 for line in lines[:at])
        context = "\n".join(lines)
        return ask.sample(
            before="Each line of the record below has a name and a register that holds a number. Remember them.\n\n",
            context=context,
            after=f"\n\nWhich number does the register of line {names[at]} of the record above hold? "
            "Give the number between < and >.",
            start=f"The register of line {names[at]} holds",
            answers=(numbers[at],),
            max_tokens=self.card.tokens,
            depth=first / len(context),
            spans=((first, first + len(lines[at])),),
        )

    def _names(self, random: Random, n: int) -> list[str]:
        if self.index == "numbers":
            return [str(index) for index in range(1, n + 1)]
        if self.index == "shuffled":
            return [str(index) for index in random.sample(range(1, n + 1), n)]
        draw = {"words": pair, "letters": _letters, "uuids": unique_id}[self.index]
        return distinct(random, draw, n)


def _letters(random: Random) -> str:
    return "".join(random.choices(ascii_uppercase, k=5))


TASKS = {
    "longchat_lines": LongChatLines(),
    "longchat_lines/numbers": LongChatLines(index="numbers"),
    "longchat_lines/shuffled": LongChatLines(index="shuffled"),
    "longchat_lines/letters": LongChatLines(index="letters"),
    "longchat_lines/uuids": LongChatLines(index="uuids"),
}
