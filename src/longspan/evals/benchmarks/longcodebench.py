"""LongCodeQA of LongCodeBench: questions about a repository whose files are the input. https://arxiv.org/abs/2505.07897

Files: arrays of objects with `prompt` and `correct_letter` in any `.json` below the folder, or in the hub's
`LongCodeQA.zip`. A prediction record is one of `predictions` in a results file: `response` (or `text`) and
`correct_letter`. LongSWE-Bench is not here: its score is whether a repository's tests pass.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import short_id
from longspan.evals.metrics.longcodebench import ANY_LETTER, FINAL_LETTER
from longspan.evals.task import Card, Published, Sample

ASKED = ("\nYou are going to be provided", "\nQuestion:\n")
"""How the part of a prompt begins that comes after the repository, the first that occurs."""


def load(folder: Path) -> Iterator[Sample]:
    """Samples in the order of the files' names."""
    found = False
    for name, text in _files(folder):
        for number, row in enumerate(_array(name, text), 1):
            if not isinstance(row, dict) or "correct_letter" not in row:
                break
            found = True
            prompt, right = row.get("prompt"), row["correct_letter"]
            if not isinstance(prompt, str) or right not in ("A", "B", "C", "D"):
                raise InputError(
                    f"{name}, sample {number}: prompt and correct_letter (A to D) are wanted. Get it anew."
                )
            cut = _end_of_repository(prompt)
            yield Sample(
                task="longcodebench/codeqa",
                id=short_id("longcodebench", prompt),
                before="",
                context=prompt[:cut],
                after=prompt[cut:],
                answers=(right,),
                max_tokens=64,
                group=str(row.get("repo", "")),
                data={"prompt": "official"},
            )
    if not found:
        raise InputError(f"{folder}: no questions of LongCodeQA in its .json files or LongCodeQA.zip: get them anew")


def read(record: Mapping[str, Any]) -> tuple[str, Sample]:
    """One prediction of a results file."""
    reply = record["response"] if "response" in record else record["text"]
    right = record["correct_letter"]
    if right not in ("A", "B", "C", "D"):
        raise ValueError(f"correct_letter is A, B, C or D, not {right!r}")
    sample = Sample(
        task="longcodebench/codeqa",
        id=str(record.get("id", "")),
        before="",
        context="",
        after="",
        answers=(right,),
        max_tokens=0,
    )
    return reply if isinstance(reply, str) else "", sample


def _files(folder: Path) -> Iterator[tuple[str, bytes]]:
    for path in sorted(folder.glob("**/*.json")):
        yield str(path), path.read_bytes()
    for path in sorted(folder.glob("**/LongCodeQA*.zip")):
        with zipfile.ZipFile(path) as archive:
            for name in sorted(archive.namelist()):
                if name.endswith(".json") and "__MACOSX" not in name:
                    yield f"{path}:{name}", archive.read(name)


def _array(name: str, text: bytes) -> list[Any]:
    try:
        rows = json.loads(text)
    except ValueError as error:
        raise InputError(f"{name}: not JSON ({error}). Get it anew.") from None
    return rows if isinstance(rows, list) else []


def _end_of_repository(prompt: str) -> int:
    """Where the question begins; the end of a prompt that has the question first, which is then not told apart."""
    return next((at for mark in ASKED if (at := prompt.rfind(mark)) >= 0), len(prompt))


CARD = Card(
    about="choose the right answer to a question about a repository",
    ability="understanding",
    scope="low",
    diffusion="high",
    paper="https://arxiv.org/abs/2505.07897",
    source="Steefano/LCB: closed issues of public repositories",
    licence="of the repositories",
    tokens=64,
)
TASKS = {
    "longcodebench/codeqa": Published(CARD, FINAL_LETTER, load, read, "longcodebench", "Steefano/LCB"),
    "longcodebench/codeqa_ours": Published(CARD, ANY_LETTER, load, read, "longcodebench", "Steefano/LCB"),
}
