"""Put a program's description into code line by line, as in LongProc's pseudocode to code."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, ClassVar

from longspan.evals.ask import Ask, fit
from longspan.evals.haystack import plant
from longspan.evals.metrics.program import PROGRAM_OUTPUT, run
from longspan.evals.task import Card, Rule, Sample
from longspan.evals.tasks.longproc.room import PAPER, lines, notes, room

NAMES = ("a", "b", "c", "d", "e", "f")
Form = tuple[str, str]
FORMS: tuple[Form, ...] = (
    ("let {x} become the remainder of {y} times {n} divided by 97", "{x} = {y} * {n} % 97"),
    ("let {x} become the remainder of {y} plus {z} divided by 89", "{x} = ({y} + {z}) % 89"),
    ("let {x} become the remainder of {y} minus {z} divided by 83", "{x} = ({y} - {z}) % 83"),
    ("add {n} to {x}", "{x} += {n}"),
    ("take {n} from {x}", "{x} -= {n}"),
    ("print {x}", "print({x})"),
)
"""A line in words and in code; values stay small whatever the order."""
OPENINGS: tuple[Form, ...] = (
    ("if {x} is larger than {y}:", "if {x} > {y}:"),
    ("if {x} is not {n}:", "if {x} != {n}:"),
    ("do this {n} times:", "for _ in range({n}):"),
)
STEPS = 50
"""Steps that a line takes at most, on average: nine rounds of three lines of seven are 189 for four lines."""
LINE = re.compile(r"^\d+\. ( *)(.*)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class PseudoToCode:
    """LongProc pseudocode to code: write each line of a description as code; the result is run (in Python's place, a
    small machine of our own)."""

    share: float = 0.3
    """Part of the length that the reply may take."""
    runs: int = 3
    """Starting values that the code is run from."""

    rule: ClassVar[Rule] = PROGRAM_OUTPUT

    @property
    def card(self) -> Card:
        """What it is."""
        return Card(
            about="put a long description into code line by line, so that it runs and prints the right numbers",
            ability="long generation",
            scope="high",
            diffusion="low",
            paper=PAPER,
            shortest=512,
        )

    def make(self, ask: Ask) -> Sample:
        """One sample: the length sets the number of lines, and notes of real text between them fill what is left."""
        random = ask.random()
        program = _program(random, lines(ask, self.share, "    a = (b + c) % 89"))
        code = "\n".join(written for _, written in program)
        given = [{name: random.randint(1, 80) for name in NAMES} for _ in range(self.runs)]
        steps = 1000 + STEPS * len(program)
        data = {"given": given, "printed": [run(code, start, steps) for start in given], "steps": steps}
        most = room(ask, f"```python\n{code}\n```")

        build = partial(self._build, ask, program, most, data)
        return fit(ask, build, guess=ask.length // 4)

    def solve(self, sample: Sample) -> str:
        """Each numbered line as code."""
        code = [indent + _coded(line) for indent, line in LINE.findall(sample.context)]
        return "```python\n" + "\n".join(code) + "\n```"

    def _build(self, ask: Ask, program: list[Form], most: int, data: dict[str, Any], size: int) -> Sample:
        random = ask.random()
        between = notes(ask, random, size)
        told = [f"{number}. {line}" for number, (line, _) in enumerate(program, 1)]
        places = sorted(random.randint(0, len(between)) for _ in told)
        context, spans = plant(between, told, places, joint="\n")
        return ask.sample(
            before="A program is described below, line by line. Indented lines belong to the line above them that "
            f"ends with a colon. The variables {', '.join(NAMES)} hold whole numbers from the start.\n\n",
            context=context,
            after="\n\nNotes are no part of the program. Write it in Python, one line of code for each numbered line, "
            "in the same order and with four spaces for each step of indentation. Use only =, +=, -=, +, -, *, %, "
            "comparisons, if, for _ in range(...) and print(...). Fence the code with ```python and ```, and write "
            "nothing else.",
            answers=("\n".join(written for _, written in program),),
            max_tokens=most,
            spans=spans,
            data=data,
        )


def _program(random: Random, count: int) -> list[Form]:
    """`count` lines in words and in code, the last one a print."""
    program: list[Form] = []
    while len(program) < count - 1:
        inner = min(random.randint(1, 3), count - 2 - len(program))
        if random.random() < 0.2 and inner > 0:
            program.append(_filled(random, random.choice(OPENINGS)))
            program += [_filled(random, random.choice(FORMS), "    ") for _ in range(inner)]
        else:
            program.append(_filled(random, random.choice(FORMS)))
    return [*program, _filled(random, FORMS[-1])]


def _filled(random: Random, form: Form, indent: str = "") -> Form:
    x, y, z = random.sample(NAMES, 3)
    number = random.randint(2, 9)
    words, code = (indent + text.format(x=x, y=y, z=z, n=number) for text in form)
    return words, code


def _coded(line: str) -> str:
    """A line in words as code."""
    for pattern, code in PATTERNS:
        if found := pattern.fullmatch(line):
            return code(**found.groupdict())
    raise ValueError(f"not a line of a program: {line}")


def _pattern(words: str) -> re.Pattern[str]:
    return re.compile(re.sub(r"\\{(\w)\\}", r"(?P<\1>\\w+)", re.escape(words)))


PATTERNS: tuple[tuple[re.Pattern[str], Callable[..., str]], ...] = tuple(
    (_pattern(words), code.format) for words, code in (*FORMS, *OPENINGS)
)

TASKS = {"longproc/pseudo_to_code": PseudoToCode()}
