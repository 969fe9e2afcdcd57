"""LongEval: one of many lines, or the first of many topics of a talk. https://lmsys.org/blog/2023-06-29-longchat/

A record of predictions is a line of the official `*_response.txt` as JSON, `{"Label": "...", "Predict": "..."}`, which
`response` makes of the text.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import require
from longspan.evals.data import json_lines
from longspan.evals.metrics.longchat import LAST_NUMBER, NAMES_TOPIC
from longspan.evals.task import Card, Published, Sample

LINES = (200, 300, 400, 500, 600, 680, 700, 800, 900, 1000, 1100, 1200, 1350)
TOPICS = (1, 5, 10, 15, 20, 25, 30)
TOKENS = {"lines": 100, "topics": 50}
"""Tokens a reply may take, as in the official code."""
_RESPONSE = re.compile(r"Label: (.*?), Predict: (.*?)(?:, Parsed: -?\d+)?, prompt length: -?\d+", re.DOTALL)


def response(line: str) -> dict[str, str]:
    """A line of an official response file as a record; ValueError where it is none, as the last one is."""
    found = _RESPONSE.fullmatch(line.strip())
    if found is None:
        raise ValueError(f"not a line of a response file: {line[:80]!r}")
    return {"Label": found[1], "Predict": found[2]}


def load(folder: Path, *, name: str, kind: str, size: int) -> Iterator[Sample]:
    """The 50 cases of `lines_200.jsonl`, in the repository `200_lines.jsonl`; InputError naming a line that is none."""
    file, alias = f"{kind}_{size}.jsonl", f"{size}_{kind}.jsonl"
    path = require(folder, alias, file)
    for number, row in json_lines(path):
        try:
            prompt = str(row["prompt"])
            label = str(row["expected_number"] if kind == "lines" else row["topics"][0])
            evidence = (
                str(row["correct_line"]).strip() if kind == "lines" else f"discuss the topic of {label[0].lower()}"
            )
        except (KeyError, TypeError, IndexError) as error:
            raise InputError(f"{path}, line {number}: not a case of {kind} ({error})") from error
        yield _sample(name, str(number), kind, label, _parts(prompt, evidence))


def _parts(prompt: str, evidence: str) -> tuple[str, str, str, int]:
    """What a prompt has before, in and after its record, and where in that the evidence is first (-1: not found)."""
    start = re.search(r"[Nn]ow the record start[:.]\s*", prompt)
    end = re.search(r"\s*Now the record (is over|ends)\b", prompt)
    first, last = (start.end() if start else 0), (end.start() if end else len(prompt))
    context = prompt[first:last]
    return prompt[:first], context, prompt[last:], context.find(evidence)


def _sample(name: str, number: str, kind: str, label: str, parts: tuple[str, str, str, int]) -> Sample:
    before, context, after, at = parts
    return Sample(
        task=name,
        id=number,
        before=before,
        context=context,
        after=after,
        answers=(label,),
        max_tokens=TOKENS[kind],
        depth=at / max(1, len(context)) if at >= 0 else None,
        data={"prompt": "official"},
    )


def read(record: Mapping[str, Any], *, name: str, kind: str) -> tuple[str, Sample]:
    """A record of predictions to its reply and sample."""
    return str(record["Predict"]), _sample(name, "", kind, str(record["Label"]), ("", "", "", -1))


def _published(name: str, kind: str, size: int) -> Published:
    lines = kind == "lines"
    card = Card(
        about=f"tell the number on one of {size} lines" if lines else f"tell the first of {size} topics of a talk",
        ability="retrieval",
        scope="low",
        diffusion="high" if lines else "low",
        paper="https://lmsys.org/blog/2023-06-29-longchat/",
        source="DachengLi1/LongChat",
        licence="Apache-2.0",
        tokens=TOKENS[kind],
    )
    samples = partial(load, name=name, kind=kind, size=size)
    rule = LAST_NUMBER if lines else NAMES_TOPIC
    return Published(card, rule, samples, partial(read, name=name, kind=kind), "longchat")


TASKS = {
    name: _published(name, kind, size)
    for kind, sizes in {"lines": LINES, "topics": TOPICS}.items()
    for size in sizes
    for name in [f"longchat/{kind}_{size}" + ("_ours" if kind == "topics" else "")]
}
