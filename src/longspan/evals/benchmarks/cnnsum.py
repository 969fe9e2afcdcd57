"""CNNSum: 695 excerpts of Chinese novels of 16k to 128k tokens to be summarized, read from its files.

Files: `data/cnnsum_L_16k.jsonl`, `cnnsum_XL_32k`, `cnnsum_XXL_64k` and `cnnsum_XXXL_128k`. With `prompts.json` of its
repository beside them every excerpt is asked with each of the official prompts, whose scores are averaged officially.
The official script stores replies without references; a record here is `{"prediction": "...", "summary": "..."}`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.evals.benchmarks.reading import field, find, json_file, require, short_id
from longspan.evals.data import json_lines
from longspan.evals.metrics.cnnsum import ROUGE_L_ZH
from longspan.evals.task import Card, Published, Sample

SIZES = {"16k": ("L", 400), "32k": ("XL", 400), "64k": ("XXL", 500), "128k": ("XXXL", 500)}
"""Names of the sizes in the files, and tokens of a reply."""
OURS = {"longspan": "阅读这段小说,用一段话概括其内容,只写概括。\n\n{}\n\n概括:"}


def load(size: str, folder: Path) -> Iterator[Sample]:
    """Samples of a size, one for every excerpt and prompt."""
    name, tokens = SIZES[size]
    path = require(folder, f"data/cnnsum_{name}_{size}.jsonl", f"cnnsum_{name}_{size}.jsonl")
    theirs = find(folder, "prompts.json")
    prompts: dict[str, str] = json_file(theirs, dict) if theirs else OURS
    for number, row in json_lines(path):
        for prompt, template in prompts.items():
            before, _, after = template.partition("{}")
            yield Sample(
                task=f"cnnsum/{size}",
                id=short_id("cnnsum", size, str(number), prompt),
                before=before,
                context=str(field(row, "context", f"{path}, line {number}")),
                after=after,
                answers=(str(field(row, "summary", f"{path}, line {number}")),),
                max_tokens=tokens,
                group=f"{size}/{number}",
                data={"prompt": "official" if theirs else "longspan", "template": prompt},
            )


def read(size: str, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """A reply, `prediction`, with its reference, `summary`."""
    sample = Sample(
        task=f"cnnsum/{size}",
        id=short_id("cnnsum", size, str(record["summary"])),
        before="",
        context="",
        after="",
        answers=(str(record["summary"]),),
        max_tokens=0,
    )
    return str(record["prediction"]), sample


TASKS = {
    f"cnnsum/{size}": Published(
        card=Card(
            about=f"summarize {size} tokens of a Chinese novel",
            ability="understanding",
            scope="high",
            diffusion="high",
            paper="https://arxiv.org/abs/2412.02819",
            source="CxsGhost/CNNSum: excerpts of Chinese web novels, summaries by people",
            licence="CC0 1.0",
            tokens=tokens,
        ),
        rule=ROUGE_L_ZH,
        load=partial(load, size),
        read=partial(read, size),
        folder="cnnsum",
        hub="CxsGHost/CNNSum",
    )
    for size, (_, tokens) in SIZES.items()
}
