"""Questions and paragraphs from a file in the format of SQuAD 2.0."""

from __future__ import annotations

import json
from dataclasses import dataclass
from functools import cache
from pathlib import Path

from longspan.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Question:
    """A question that one paragraph answers."""

    text: str
    answers: tuple[str, ...]
    """Different ones, as they stand in the paragraph."""
    article: int
    paragraph: int


@dataclass(frozen=True, slots=True)
class Squad:
    """A file of questions."""

    articles: tuple[tuple[str, ...], ...]
    """Paragraphs of every article."""
    questions: tuple[Question, ...]
    """Those that have an answer."""


@cache
def read(path: str) -> Squad:
    """Read a file; InputError where it is missing, has another format or no question with an answer."""
    try:
        rows = json.loads(Path(path).read_text(encoding="utf-8"))["data"]
        articles = tuple(tuple(str(each["context"]) for each in row["paragraphs"]) for row in rows)
        questions = tuple(
            Question(str(asked["question"]), _different(asked["answers"]), article, paragraph)
            for article, row in enumerate(rows)
            for paragraph, each in enumerate(row["paragraphs"])
            for asked in each["qas"]
            if asked["answers"]
        )
    except OSError as error:
        raise InputError(f"cannot read the questions in {path}: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(
            f"{path} is not in the format of SQuAD 2.0 (data, paragraphs, qas, answers): {error!r}"
        ) from error
    if not questions:
        raise InputError(f"{path} has no question with an answer: give one that has")
    return Squad(articles, questions)


def _different(answers: list[dict[str, str]]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(answer["text"] for answer in answers))
