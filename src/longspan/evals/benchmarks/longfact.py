"""LongFact: how many facts of a long reply are true. https://arxiv.org/abs/2403.18802

Files: the folder `longfact` of google-deepmind/long-form-factuality. Facts are counted elsewhere, officially by SAFE,
a model with a search engine: a prediction record is one of `per_prompt_data` of its results, `prompt` with the counts
of side 1, or the counts themselves beside `prompt` and `response`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import short_id
from longspan.evals.data import json_lines
from longspan.evals.metrics.judged import f1_at
from longspan.evals.task import Card, Published, Sample

COUNTS = ("Supported", "Not Supported")
SIDE = "side1"
KS = (64, 178)
"""Facts that make a reply complete, as in the paper: the median and the most of the replies seen."""


def load(folder: Path, *, name: str, kind: str) -> Iterator[Sample]:
    """Samples of a kind, topic by topic."""
    files = sorted(folder.glob(f"**/longfact-{kind}_*/*.jsonl")) or sorted(folder.glob(f"**/longfact-{kind}_*.jsonl"))
    if not files:
        raise InputError(f"{folder}: no longfact-{kind}_*/*.jsonl: get the official files")
    for path in files:
        for line, row in json_lines(path):
            if not isinstance(row.get("prompt"), str):
                raise InputError(f"{path}, line {line}: a text `prompt` is wanted. Get it anew.")
            yield Sample(
                task=name,
                id=short_id(name, row["prompt"]),
                before="",
                context=row["prompt"],
                after=f" {ASK}",
                answers=(),
                max_tokens=2048,
                group=path.stem.rpartition("_")[2],
                data={"judged": None, "prompt": "longspan"},
            )


def read(record: Mapping[str, Any], *, name: str) -> tuple[str, Sample]:
    """A reply whose facts are counted."""
    counted = record.get(f"{SIDE}_posthoc_eval_data", record)
    supported, not_supported = (counted[label] for label in COUNTS)
    if not all(isinstance(number, int) and number >= 0 for number in (supported, not_supported)):
        raise ValueError(f"{' and '.join(COUNTS)} are whole numbers from 0 on")
    prompt = str(record["prompt"])
    sample = Sample(
        task=name,
        id=short_id(name, prompt),
        before="",
        context=prompt,
        after="",
        answers=(),
        max_tokens=0,
        data={"judged": [supported, not_supported]},
    )
    return str(record.get("response", record.get(f"{SIDE}_response", ""))), sample


def _published(kind: str, k: int) -> Published:
    name = f"longfact/{kind}_{k}"
    card = Card(
        about=f"tell at length of {kind}, truly",
        ability="long generation",
        scope="low",
        diffusion="low",
        paper="https://arxiv.org/abs/2403.18802",
        source="google-deepmind/long-form-factuality",
        licence="CC-BY-4.0",
        tokens=2048,
        judged=True,
    )
    return Published(card, f1_at(k), partial(load, name=name, kind=kind), partial(read, name=name), "longfact")


ASK = "Go into detail: give names, numbers, dates, places and examples wherever you know them."
TASKS = {f"longfact/{kind}_{k}": _published(kind, k) for kind in ("concepts", "objects") for k in KS}
