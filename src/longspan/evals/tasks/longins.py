"""An exam of very many short questions: LongIns' three settings."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from itertools import accumulate
from typing import Literal

from longspan.evals.ask import Ask, fit, tokens
from longspan.evals.metrics.longins import IN_LINES, NUMBER_F1
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.questions import KINDS

Form = Literal["gist", "list", "limt"]
LINE = re.compile(r"^(\d+)\. (?:\[(.+?)\] )?(.+?)(?: Answer: (.+))?$", re.MULTILINE)
WRONG = 0.1
"""Share of the answers that are wrong."""


@dataclass(frozen=True, slots=True)
class LongIns:
    """LongIns: find the questions that were answered wrongly. https://arxiv.org/abs/2406.17588

    Differs from the paper: questions are made here, of seven kinds, so that a program can tell which answers are wrong.
    """

    form: Form = "gist"
    """One kind of question and its instruction once, or with every question; or all kinds mixed, each instructed."""
    wanted: Literal["wrong", "answers"] = "wrong"
    """Numbers of the questions with a wrong answer, or the answers to all, in a reply that grows with them."""

    @property
    def rule(self) -> Rule:
        """F1 of the numbers, or the share of answers."""
        return NUMBER_F1 if self.wanted == "wrong" else IN_LINES

    @property
    def card(self) -> Card:
        """What it is; `tokens` is 0, as a reply takes more the more questions there are."""
        about = "tell which of many short questions are answered wrongly"
        return Card(
            about=about if self.wanted == "wrong" else "answer many short questions of one input at once",
            ability="understanding" if self.wanted == "wrong" else "long generation",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2406.17588",
            shortest=320,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample; one wrong answer stands at the depth asked for, the others anywhere."""
        sample = fit(ask, lambda size: self._build(ask, size), guess=ask.length // 40)
        room = ask.length - tokens(ask, sample) if self.wanted == "answers" else 0
        return replace(sample, max_tokens=sample.max_tokens + room)

    def solve(self, sample: Sample) -> str:
        """Every question answered by its kind's rule, and compared with the answer given."""
        instructions = {kind.instruction: kind for kind in KINDS.values()}
        found: list[str] = []
        for number, own, question, given in LINE.findall(sample.context):
            kind = next(
                kind for text, kind in instructions.items() if text == own or (not own and text in sample.before)
            )
            answer = kind.solve(question)
            if self.wanted == "answers":
                found.append(f"{number}. {answer}")
            elif answer != given:
                found.append(number)
        return "\n".join(found)

    def _build(self, ask: Ask, size: int) -> Sample:
        random = ask.random()
        one = random.choice(list(KINDS))
        least = round(ask.depth * size)
        lines, wrong, answers = list[str](), list[int](), list[str]()
        for index in range(size + 1):
            kind = KINDS[random.choice(list(KINDS)) if self.form == "limt" else one]
            question, right, false = kind.draw(random)
            instruction = "" if self.form == "gist" else f"[{kind.instruction}] "
            fails = random.random() < WRONG or index == least
            given = f" Answer: {false if fails else right}" if self.wanted == "wrong" else ""
            lines.append(f"{index + 1}. {instruction}{question}{given}")
            answers.append(right)
            wrong += [index] if fails else []
        ends = list(accumulate((len(line) + 1 for line in lines), initial=0))
        context = "\n".join(lines)
        asks_wrong = self.wanted == "wrong"
        return ask.sample(
            before=self._instruct(KINDS[one].instruction),
            context=context,
            after="\n\nWhich questions have a wrong answer? List their numbers, separated by commas, and no others."
            if asks_wrong
            else "\n\nAnswer every question, each on a line of its own: its number, a full stop and the answer alone.",
            answers=[str(index + 1) for index in wrong] if asks_wrong else answers,
            max_tokens=(48 if asks_wrong else 32) + len(lines) * (1 if asks_wrong else 8),
            spans=tuple((ends[index], ends[index] + len(lines[index])) for index in wrong) if asks_wrong else (),
        )

    def _instruct(self, instruction: str) -> str:
        """What comes before the questions: the instruction too where it is given once."""
        answered = "a pupil's answers, some of them wrong" if self.wanted == "wrong" else "no answers"
        task = (
            f"The task is the same for all: {instruction}"
            if self.form == "gist"
            else "Each says in brackets what to do."
        )
        return f"Below is an exam of numbered questions with {answered}. {task}\n\n"


TASKS = {
    **{f"longins/{form}": LongIns(form) for form in ("gist", "list", "limt")},
    "longins/gist_answers": LongIns("gist", wanted="answers"),
    "longins/limt_answers": LongIns("limt", wanted="answers"),
}
