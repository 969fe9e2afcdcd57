"""Lost in the Middle: the value of one key among 75 or 140, at five places. https://arxiv.org/abs/2307.03172

A record of predictions is a line of the official scripts' output: `{"value": "...", "model_answer": "..."}`.
"""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.data import official
from longspan.evals.metrics.lost_in_the_middle import CONTAINS
from longspan.evals.task import Card, Published, Sample

PLACES = {75: (0, 24, 49, 74), 140: (0, 34, 69, 104, 139)}
"""Numbers of keys, and where among them the one asked for is moved to."""
PROMPT = (
    "These keys and values are one JSON object:\n\n{formatted_kv_records}\n\n"
    'Which value does the key "{key}" have? Answer with the value alone.'
)
"""Our wording, for a folder without the official `kv_retrieval.prompt`."""
TOKENS = 100
"""Tokens a reply may take, as in the official scripts."""


def load(folder: Path, *, name: str, keys: int, place: int) -> Iterator[Sample]:
    """The 500 cases with the key asked for at a place; InputError naming a line that is none."""
    path = official(folder, f"kv-retrieval-{keys}_keys.jsonl.gz")
    wording = folder / "kv_retrieval.prompt"
    prompt = wording.read_text(encoding="utf-8").rstrip("\n") if wording.is_file() else PROMPT
    with gzip.open(path, "rt", encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            try:
                row = json.loads(line)
                asked = [row["key"], row["value"]]
                pairs = [pair for pair in row["ordered_kv_records"] if pair != asked]
                pairs.insert(place, asked)
                yield _sample(name, f"{keys}-{number}-{place}", pairs, place, prompt)
            except (KeyError, TypeError, ValueError) as error:
                raise InputError(f"{path}, line {number}: not a case of key-value retrieval ({error})") from error


def read(record: Mapping[str, Any], *, name: str) -> tuple[str, Sample]:
    """A line of predictions to its reply and sample."""
    sample = _sample(name, "", [[str(record.get("key", "")), str(record["value"])]], 0, PROMPT)
    return str(record["model_answer"]), sample


def _sample(name: str, number: str, pairs: list[list[str]], place: int, prompt: str) -> Sample:
    rows = [f'"{key}": "{value}"' for key, value in pairs]
    start = sum(len(row) + 3 for row in rows[:place])
    key, value = pairs[place]
    before, _, after = prompt.partition("{formatted_kv_records}")
    return Sample(
        task=name,
        id=number,
        before=before + "{",
        context=",\n ".join(rows),
        after="}" + after.replace("{key}", key),
        answers=(value,),
        max_tokens=TOKENS,
        depth=place / max(1, len(pairs) - 1),
        spans=((start, start + len(rows[place])),),
        data={"prompt": "longspan" if prompt == PROMPT else "official"},
    )


def _published(name: str, keys: int, place: int) -> Published:
    card = Card(
        about=f"tell the value of a key, the {place + 1}. of {keys}",
        ability="retrieval",
        scope="low",
        diffusion="high",
        paper="https://arxiv.org/abs/2307.03172",
        source="nelson-liu/lost-in-the-middle",
        licence="MIT",
        tokens=TOKENS,
    )
    samples = partial(load, name=name, keys=keys, place=place)
    return Published(card, CONTAINS, samples, partial(read, name=name), "lost-in-the-middle")


TASKS = {
    name: _published(name, keys, place)
    for keys, places in PLACES.items()
    for place in places
    for name in [f"lost_in_the_middle/kv_{keys}_at_{place}"]
}
