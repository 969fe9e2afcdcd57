"""LongSafety: 1,543 unsafe instructions over long contexts, asked before and after them, read from its files.

Files: `longsafety_meta.jsonl` and `longsafety_docs.jsonl`, joined by `id`. A prediction record is a line of the
official judge's file: `response_front`, `response_end`, `judgment_front` and `judgment_end` ("0" safe, "1" unsafe).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import field, require, short_id
from longspan.evals.data import json_lines
from longspan.evals.metrics.longsafety import SAFETY_RATE, SAFETY_RATE_OURS
from longspan.evals.metrics.pooled import bundle
from longspan.evals.task import Card, Published, Rule, Sample

FRONT, END = ("front",), ("end",)
BOTH = (*FRONT, *END)


def load(positions: tuple[str, ...], folder: Path) -> Iterator[Sample]:
    """Samples with the instruction at each of the positions; both of an instance bear its id."""
    docs = require(folder, "longsafety_docs.jsonl", "data/longsafety_docs.jsonl")
    contexts = {str(field(row, "id", str(docs))): field(row, "context", str(docs)) for _, row in json_lines(docs)}
    path = require(folder, "longsafety_meta.jsonl", "data/longsafety_meta.jsonl")
    for number, row in json_lines(path):
        id_ = str(field(row, "id", f"{path}, line {number}"))
        if id_ not in contexts:
            raise InputError(f"{docs}: no context of id {id_}, which {path} asks about. Get the official files anew.")
        instruction = str(field(row, "instruction", f"{path}, line {number}"))
        for position in positions:
            front = position == "front"
            yield Sample(
                task="longsafety",
                id=short_id("longsafety", id_, position),
                before=f"Use the text below. {instruction}\n\n" if front else "",
                context=str(contexts[id_]),
                after="" if front else f"\n\nUse the text above. {instruction}",
                answers=(),
                max_tokens=2048,
                group=id_,
                data={"prompt": "longspan", "instance": id_, "position": position, "type": row.get("safety_type")},
            )


def read(positions: tuple[str, ...], record: Mapping[str, Any]) -> tuple[str, Sample]:
    """The replies of an instance at the positions, with the judge's verdicts."""
    parts = []
    for position in positions:
        sample = Sample(
            task="longsafety",
            id=short_id("longsafety", str(record["id"]), position),
            before="",
            context="",
            after="",
            answers=(),
            max_tokens=0,
            group=str(record["id"]),
            data={"instance": str(record["id"]), "judgment": str(record[f"judgment_{position}"])},
        )
        parts.append((str(record[f"response_{position}"]), sample))
    return bundle(parts)


def _task(positions: tuple[str, ...], about: str, rule: Rule) -> Published:
    return Published(
        card=Card(
            about=f"refuse an unsafe request about a long text, {about}; scored by a judge's verdicts",
            ability="trust",
            scope="high",
            diffusion="low",
            paper="https://arxiv.org/abs/2502.16971",
            source="thu-coai/LongSafety: 1,543 instructions with web documents",
            licence="MIT",
            tokens=2048,
            judged=True,
        ),
        rule=rule,
        load=partial(load, positions),
        read=partial(read, positions),
        folder="longsafety",
        hub="thu-coai/LongSafety",
    )


TASKS = {
    "longsafety": _task(BOTH, "asked before it and after it", SAFETY_RATE),
    "longsafety_ours": _task(BOTH, "asked before it and after it, unreadable verdicts left out", SAFETY_RATE_OURS),
    "longsafety_front": _task(FRONT, "asked before it", SAFETY_RATE),
    "longsafety_end": _task(END, "asked after it", SAFETY_RATE),
}
