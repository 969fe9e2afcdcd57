"""CircularEval: a multiple-choice answer counts when it is right wherever it stands. https://arxiv.org/abs/2307.06281"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from string import ascii_uppercase

from longspan.core.errors import InputError
from longspan.evals.judges.judge import Judge, Verdict, added, labelled


@dataclass(frozen=True, slots=True)
class Question:
    """A question with options, one of which is right."""

    text: str
    """The question with all it is about."""
    options: tuple[str, ...]
    right: int
    """Number of the right option, from 0."""

    def __post_init__(self) -> None:
        if not (2 <= len(self.options) <= len(ascii_uppercase) and 0 <= self.right < len(self.options)):
            raise InputError(f"option {self.right} of {len(self.options)} is no choice: 2 to 26 options, one right")

    def rotations(self) -> tuple[Question, ...]:
        """The same question with its options moved on by 0, 1, ... places, so that each stands everywhere once."""
        n = len(self.options)
        return tuple(
            Question(self.text, self.options[by:] + self.options[:by], (self.right - by) % n) for by in range(n)
        )


@dataclass(frozen=True, slots=True)
class Circled:
    """How the rotations of a question went."""

    chosen: tuple[int | None, ...]
    """The option chosen in each rotation, by its number in the original order; None: unreadable."""
    right: int
    """Number of the right option."""

    @property
    def first(self) -> bool:
        """Right in the original order: the plain accuracy."""
        return self.chosen[0] == self.right

    @property
    def all(self) -> bool:
        """Right in every rotation: the circular accuracy. What could not be read is not right."""
        return all(option == self.right for option in self.chosen)

    @property
    def unparsable(self) -> int:
        """Rotations whose answer could not be read."""
        return self.chosen.count(None)


async def circle(model: Judge, question: Question) -> Verdict[Circled]:
    """Ask a question in all its rotations, one after the other."""
    chosen: list[int | None] = []
    parts: list[Verdict[int]] = []
    for by, rotated in enumerate(question.rotations()):
        part = await model.ask(prompt(rotated), reader(rotated.options), form=FORM)
        parts.append(part)
        chosen.append(None if part.value is None else (part.value + by) % len(question.options))
    replies = tuple(reply for part in parts for reply in part.replies)
    return Verdict(Circled(tuple(chosen), question.right), replies, added(part.usage for part in parts))


def prompt(question: Question) -> str:
    """The question as it is asked."""
    lines = "\n".join(f"{letter}. {option}" for letter, option in zip(ascii_uppercase, question.options, strict=False))
    return f"{question.text}\n\n{lines}\n\nExactly one of these is right. End with one line in this form:\n{FORM}"


def reader(options: Sequence[str]) -> Callable[[str], int | None]:
    """What tells the number of the option that a reply chooses; None where it names none or several."""
    letters = ascii_uppercase[: len(options)]

    def read(text: str) -> int | None:
        found = labelled(text, "answer", f"[{letters}]") or _alone(text, letters)
        return letters.index(found.upper()) if found else None

    return read


def _alone(text: str, letters: str) -> str | None:
    """A reply that is a letter and nothing else."""
    bare = text.strip().strip("().*").upper()
    return bare if len(bare) == 1 and bare in letters else None


FORM = "Answer: the letter"
