"""LongBench v2: 503 hard four-option questions over 8,000 to 2 million words, from its official file.

File: `data.json`; with `prompts/0shot.txt` of its repository beside it, the official prompt is used. A record of its
prediction files is the question's own with `response` and `pred` in it; questions that the model did not reply to are
missing in them, and count for nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.evals.benchmarks.reading import field, json_list, pieces, require
from longspan.evals.metrics.longbench2 import CHOICE, COMPENSATED
from longspan.evals.task import Card, Published, Rule, Sample

PROMPT = (
    "Read the text. A question about it follows.\n\n<text>\n$DOC$\n</text>\n\n$Q$\n(A) $C_A$\n(B) $C_B$\n(C) $C_C$\n"
    '(D) $C_D$\n\nReply with "The correct answer is (X)", where X is the letter of the right option.'
)
MARKS = {"$Q$": "question", "$C_A$": "choice_A", "$C_B$": "choice_B", "$C_C$": "choice_C", "$C_D$": "choice_D"}


def load(task: str, folder: Path) -> Iterator[Sample]:
    """Samples of `data.json`."""
    path = require(folder, "data.json")
    official = folder / "prompts/0shot.txt"
    template = official.read_text(encoding="utf-8") if official.is_file() else PROMPT
    for number, record in enumerate(json_list(path), 1):
        where = f"{path}, question {number}"
        values = {mark: str(field(record, name, where)).strip() for mark, name in MARKS.items()}
        before, after = pieces(template, values, context="$DOC$")
        yield Sample(
            task=task,
            id=str(field(record, "_id", where)),
            before=before,
            context=str(field(record, "context", where)).strip(),
            after=after,
            answers=(str(field(record, "answer", where)),),
            max_tokens=128,
            data=_data(record) | {"prompt": "official" if official.is_file() else "longspan"},
        )


def read(task: str, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """Reply and right letter of a record of the official prediction files, with or without chain of thought."""
    prediction, answer = record["response"], record["answer"]
    if not isinstance(prediction, str) or answer not in ("A", "B", "C", "D"):
        raise TypeError("`response` must be a text and `answer` one of A, B, C, D")
    sample = Sample(
        task=task,
        id=str(record["_id"]),
        before="",
        context="",
        after="",
        answers=(answer,),
        max_tokens=0,
        data=_data(record),
    )
    return prediction, sample


def _data(record: Mapping[str, Any]) -> dict[str, Any]:
    return {"difficulty": record["difficulty"], "length": record["length"], "domain": record.get("domain")}


def _task(task: str, rule: Rule) -> Published:
    card = Card(
        about="choose one of four answers to a question that takes thought over long documents",
        ability="reasoning",
        scope="high",
        diffusion="high",
        paper="https://arxiv.org/abs/2412.15204",
        source="THUDM/LongBench-v2",
        licence="Apache-2.0",
        tokens=128,
    )
    return Published(card, rule, partial(load, task), partial(read, task), "longbench_v2", "THUDM/LongBench-v2")


TASKS = {
    "longbench_v2": _task("longbench_v2", CHOICE),
    "longbench_v2_compensated": _task("longbench_v2_compensated", COMPENSATED),
}
