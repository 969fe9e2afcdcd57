"""LCFO: documents of 5,000 words to be summarized to 20, 10 and 5 % of their length, and summaries to be expanded.

File: `data/source_data.parquet`. Its columns besides `source` are not documented: the column of a summary is the only
one whose name has the number 20, 10 or 5, and InputError says which columns there are where that fails. Most sources
are left out of the file for their licences; their rows are passed over. The paper's scores are people's; the rule here
is ROUGE-L, one of its automatic metrics, under a name of ours. A record is `{"prediction": "...", "reference": "..."}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import require, short_id
from longspan.evals.metrics.rouge import distinct_rouge_l
from longspan.evals.task import Card, Published, Rule, Sample

PERCENT = (20, 10, 5)
SOURCE = "source"
RULE = Rule(
    "longspan.lcfo_rouge_l",
    lambda reply, sample: distinct_rouge_l(reply, sample.answers[0]).f,
    "https://arxiv.org/abs/2412.08268 names the metric; no script is published",
)


def load(percent: int, expands: bool, folder: Path) -> Iterator[Sample]:
    """Samples of all rows whose source is in the file: it to its summary, or the summary back to it."""
    path = require(folder, "data/source_data.parquet", "source_data.parquet")
    rows = _rows(path)
    if not rows:
        raise InputError(f"{path} has no rows. Get the official file anew.")
    summary = _column(path, list(rows[0]), percent)
    for number, row in enumerate(rows):
        long, short = str(row[SOURCE] or "").strip(), str(row[summary] or "").strip()
        if not long or not short:
            continue
        given, wanted = (short, long) if expands else (long, short)
        words = len(wanted.split())
        yield Sample(
            task="lcfo",
            id=short_id("lcfo", str(percent), str(expands), str(number)),
            before="",
            context=given,
            after=f"\n\nWrite {'the text that this summarizes' if expands else 'a summary of this text'} in about "
            f"{words:,} words.\n",
            answers=(wanted,),
            max_tokens=2 * words + 64,
            group=str(number),
            data={"prompt": "longspan", "words": words},
        )


def read(record: Mapping[str, Any]) -> tuple[str, Sample]:
    """A reply, `prediction`, with its `reference`."""
    reference = str(record["reference"])
    sample = Sample(
        task="lcfo",
        id=short_id("lcfo", reference),
        before="",
        context="",
        after="",
        answers=(reference,),
        max_tokens=0,
    )
    return str(record["prediction"]), sample


def _rows(path: Path) -> list[dict[str, Any]]:
    try:
        import pyarrow.parquet
    except ImportError as error:
        raise InputError("parquet files are read by pyarrow: pip install 'longspan[parquet]'") from error
    try:
        rows: list[dict[str, Any]] = pyarrow.parquet.read_table(path).to_pylist()
    except (ValueError, OSError) as error:
        raise InputError(f"{path}: {error}. Get the official file anew.") from None
    return rows


def _column(path: Path, names: list[str], percent: int) -> str:
    found = [name for name in names if re.search(rf"(?<!\d){percent}(?!\d)", name)]
    if SOURCE not in names or len(found) != 1:
        raise InputError(
            f"{path}: {SOURCE!r} and one column with {percent} in its name are wanted, not "
            f"{', '.join(map(repr, names))}. Get the official file anew."
        )
    return found[0]


TASKS = {
    f"lcfo/{'expand' if expands else 'summary'}_{percent}": Published(
        card=Card(
            about=f"expand a summary of {percent} % to the document"
            if expands
            else f"summarize a document to {percent} %",
            ability="long generation" if expands else "understanding",
            scope="high",
            diffusion="high",
            paper="https://arxiv.org/abs/2412.08268",
            source="facebook/LCFO: columns are found by their names, their layout is not documented; sources in part",
            licence="CC BY-NC 4.0",
        ),
        rule=RULE,
        load=partial(load, percent, expands),
        read=read,
        folder="lcfo",
        hub="facebook/LCFO",
    )
    for percent in PERCENT
    for expands in (False, True)
}
