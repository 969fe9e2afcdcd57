"""LongBench-Write and LongWrite-Ruler: texts of a length that is asked for. https://arxiv.org/abs/2408.07055

A record of predictions is a line of LongWriter's `pred.jsonl`: `{"prompt", "length", "response"}`. The quality score,
which a model judges, is not part of these tasks.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.data import json_lines, official
from longspan.evals.metrics.longwriter import LENGTH_SCORE
from longspan.evals.task import Card, Published, Sample

MOST = 32768
"""Tokens a reply may take at most, as in LongWriter's `pred.py`."""
EACH = 8
"""Tokens allowed for each word asked for: at two tokens a word, a reply that fills them scores 0 with more, too."""


def load(folder: Path, *, name: str, file: str) -> Iterator[Sample]:
    """Samples of a file; InputError naming a line that has no prompt and length."""
    path = official(folder, file)
    for number, row in json_lines(path):
        try:
            yield _sample(row, name, str(number))
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}, line {number}: not a prompt and a length ({error})") from error


def read(record: Mapping[str, Any], *, name: str) -> tuple[str, Sample]:
    """A line of predictions to its reply and sample."""
    return str(record["response"]), _sample(record, name, "")


def _sample(row: Mapping[str, Any], name: str, number: str) -> Sample:
    length = int(row["length"])
    if length < 1:
        raise ValueError(f"a length of {length} words")
    return Sample(
        task=name,
        id=number,
        before="",
        context="",
        after=str(row["prompt"]),
        answers=(),
        max_tokens=min(MOST, EACH * length),
        data={"length": length, "type": row.get("type", ""), "prompt": "official"},
    )


def _published(name: str, about: str) -> Published:
    card = Card(
        about=about,
        ability="long generation",
        scope="low",
        diffusion="low",
        paper="https://arxiv.org/abs/2408.07055",
        source="THUDM/LongWriter",
        licence="Apache-2.0",
    )
    file = f"{name.partition('/')[2]}.jsonl"
    return Published(card, LENGTH_SCORE, partial(load, name=name, file=file), partial(read, name=name), "longwriter")


TASKS = {
    name: _published(name, about)
    for name, about in {
        "longwriter/longbench_write": "write a text of a kind and length that people asked for",
        "longwriter/longwrite_ruler": "write a text of 1,000 to 30,000 words",
    }.items()
}
