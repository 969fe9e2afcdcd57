"""What is measured: samples with references, the rule that scores a reply, and the card that says what a task is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol

Ability = Literal[
    "retrieval",
    "tracing",
    "aggregation",
    "reasoning",
    "in-context learning",
    "long generation",
    "understanding",
    "trust",
]
Level = Literal["low", "high"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Card:
    """What a task is, for people who choose one."""

    about: str
    """One clause in plain words: what the model has to do."""
    ability: Ability
    scope: Level
    """How much of the input an answer needs (https://arxiv.org/abs/2407.00402)."""
    diffusion: Level
    """How hard that is to find: scattered, hidden among alike (same paper, there "dispersion")."""
    paper: str = ""
    """Address of the paper."""
    source: str = "generated"
    """Where its data comes from."""
    licence: str = "generated here"
    """Terms of that data."""
    shortest: int = 256
    """Tokens below which no sample exists."""
    longest: int = 0
    """Tokens above which none exists; 0: no limit."""
    tokens: int = 0
    """Tokens a reply may take; 0: differs by sample."""
    judged: bool = False
    """Its rule needs a judge's verdict on each reply, so that predictions can be scored and no model be asked."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Sample:
    """One question over one long input. The prompt is `before + context + after`; only the context may be cut."""

    task: str
    id: str
    """The same in every process for the same task, settings, length, seed and number."""
    before: str
    context: str
    after: str
    answers: tuple[str, ...]
    """References, in the sense of the task's rule."""
    max_tokens: int
    """Tokens the reply may take."""
    start: str = ""
    """How the reply begins: put into the model's mouth, or after the question where that cannot be done."""
    length: int = 0
    """Tokens asked for, prompt and reply together; 0: as the data set has it."""
    depth: float | None = None
    """Where the evidence lies, 0 the beginning and 1 the end of the context; None: everywhere or unknown."""
    spans: tuple[tuple[int, int], ...] = ()
    """Characters of the context that the answer rests on."""
    group: str = ""
    """Samples over one document share it, and intervals are clustered by it; empty: by itself."""
    data: Mapping[str, Any] = field(default_factory=dict)
    """What scoring needs besides, as JSON has it."""

    @property
    def prompt(self) -> str:
        """The whole text a model is given, without `start`."""
        return self.before + self.context + self.after


@dataclass(frozen=True, slots=True)
class Graded:
    """A reply and its score."""

    sample: Sample
    prediction: str
    score: float
    """0 to 1."""


Grade = Callable[[str, Sample], float]
"""A reply and its sample to a score from 0 to 1."""


def mean(graded: Sequence[Graded]) -> float:
    """The plain average of the scores; 0 without any."""
    return sum(each.score for each in graded) / len(graded) if graded else 0.0


@dataclass(frozen=True, slots=True)
class Rule:
    """How replies become a number, under a name that no other rule has."""

    name: str
    """Origin and rule, such as `ruler.string_match_all`; a rule of our own begins with `longspan.`."""
    grade: Grade
    origin: str = "longspan"
    """Repository and commit, or paper, that the rule was taken from."""
    total: Callable[[Sequence[Graded]], float] = mean
    """Graded replies of one task to its score, 0 to 1."""
    scale: float = 100.0
    """What a score of 1 is called where the task comes from."""
    parts: Callable[[Sequence[Graded]], Mapping[str, float]] | None = None
    """Graded replies to the scores that the benchmark reports beside the whole, 0 to 1, by name."""
    lower: bool = False
    """A lower score is better: a distance."""


class Counter(Protocol):
    """Counts the tokens of a prompt as a model gets it, its chat format and the reply's beginning included."""

    def __call__(self, prompt: str, start: str = "") -> int:
        """Tokens of a prompt."""
        ...


class Task(Protocol):
    """A named way to measure: everything has a card and a rule; samples are made (Generator) or read (Published)."""

    @property
    def card(self) -> Card:
        """What it is."""
        ...

    @property
    def rule(self) -> Rule:
        """How it is scored."""
        ...


@dataclass(frozen=True, slots=True)
class Published:
    """A task whose samples are a data set's official files."""

    card: Card
    rule: Rule
    load: Callable[[Path], Iterator[Sample]]
    """Samples from the folder of official files; InputError naming a file that is missing or altered."""
    read: Callable[[Mapping[str, Any]], tuple[str, Sample]]
    """A record of the benchmark's own prediction format to the reply and a sample with its references; KeyError,
    TypeError or ValueError where the record is not one."""
    folder: str
    """Name of its folder of official files."""
    hub: str = ""
    """Name of the data set on the Hugging Face hub that has these files; empty: none."""
