"""What a model is read: pieces of real text, and needles hidden in it, as tokens."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.evals.ask import Ask
from longspan.evals.haystack import Haystack
from longspan.evals.task import Counter
from longspan.evals.tasks.ruler.niah import Niah
from longspan.models.model import Model

SCORED = 512
"""Tokens at the end of a piece whose perplexity counts; half of the shortest length where that is less."""
Kind = Literal["text", "needle"]
NEEDLE = "extension/needle"


@dataclass(frozen=True, slots=True)
class Question:
    """Tokens to read, the last of which are to be expected."""

    kind: Kind
    length: int
    """Tokens asked for; a needle's prompt may be a line shorter."""
    number: int
    depth: float | None
    """Where the needle lies, 0 the beginning and 1 the end."""
    tokens: tuple[int, ...] = field(repr=False)
    scored: int
    """How many tokens at the end count: of a piece its last ones, of a needle its value."""

    @property
    def key(self) -> str:
        """What no other question of a run shares."""
        return f"{self.kind} {self.length} {self.number}"


def texts(
    model: Model, hay: Haystack, lengths: Sequence[int], documents: int, *, shift: float = 0.25
) -> list[Question]:
    """Pieces of real text that end at the same places whatever their length, so the same tokens are expected.

    `shift` moves all ends, 0 to 1 of the way to the next: pieces of other shifts expect other tokens. InputError where
    the text is too short for so many.
    """
    stream, longest = model.encode(" ".join(hay.sentences)), max(lengths)
    begin = _begin(model)
    scored = max(1, min(SCORED, min(lengths) // 2))
    room = (len(stream) - (longest - len(begin))) / documents
    if room < 2 * scored:
        raise InputError(
            f"{hay.name} has {len(stream):,} tokens: {documents} pieces of up to {longest:,} that end in {scored} "
            f"tokens of their own need {longest + 2 * scored * documents:,}. Give more text with --docs"
        )
    made = []
    for length in lengths:
        for number in range(documents):
            end = longest - len(begin) + int(room * (number + shift))
            tokens = (*begin, *stream[end - (length - len(begin)) : end])
            made.append(Question("text", length, number, None, tokens, scored))
    return made


def needles(
    model: Model,
    hay: Haystack,
    lengths: Sequence[int],
    number: int,
    *,
    seed: int = 0,
    progress: Progress = silent,
) -> list[Question]:
    """Needles in real text at scattered depths, the value they ask for at the end.

    A length too short for a needle has none; InputError where the longest is.
    """
    task, made = Niah(haystack="text"), list[Question]()

    def count(prompt: str, start: str = "") -> int:
        return len(_prompt(model, prompt, start))

    fits = [length for length in lengths if length == max(lengths) or _fits(task, length, count, hay)]
    for length in fits:
        for index in range(number):
            ask = Ask(NEEDLE, repr(task), length, index, seed, count, hay)
            sample = task.make(ask)
            value = model.encode(f" {sample.answers[0]}")
            tokens = (*_prompt(model, sample.prompt, sample.start), *value)
            made.append(Question("needle", length, index, ask.depth, tokens, len(value)))
            progress("hide needles", len(made), len(fits) * number, "needles")
    return made


def _fits(task: Niah, length: int, count: Counter, hay: Haystack) -> bool:
    try:
        task.make(Ask(NEEDLE, repr(task), length, 0, 0, count, hay))
    except InputError:
        return False
    return True


def _prompt(model: Model, prompt: str, start: str) -> list[int]:
    return model.chat([("user", prompt), *([("assistant", start)] if start else [])])


def _begin(model: Model) -> list[int]:
    """The token that texts begin with, where the model's tokenizer puts one."""
    first = model.tokenizer.bos_token_id
    return [first] if first is not None and first in model.tokenizer("")["input_ids"] else []
