"""FailSafeQA: questions over annual reports, asked badly, over bad scans, and without an answer, read from its file.

File: `FAILSAFEQA_benchmark_data-FINAL.jsonl`. The layout of official predictions is not published; a record here is
`{"idx": 1, "variant": "error_query", "prediction": "...", "rating": 5}`, the rating a judge's from 1 to 6. Variants:
`query`, `error_query`, `incomplete_query`, `out-of-domain_query`, `ocr_context`, `missing_context` and
`out-of-scope_query`.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.evals.benchmarks.reading import field, require, short_id
from longspan.evals.data import json_lines
from longspan.evals.metrics.failsafeqa import (
    ANSWERABLE,
    COMPLIANCE,
    GROUNDING,
    ROBUSTNESS,
    TRADE_OFF,
    UNANSWERABLE,
)
from longspan.evals.task import Card, Published, Rule, Sample

FILE = "FAILSAFEQA_benchmark_data-FINAL.jsonl"
VARIANTS = (*ANSWERABLE, *UNANSWERABLE)
ASK = "Answer the question below from the document above alone. Where the document does not answer it, say so.\n\n"


def load(variants: tuple[str, ...], folder: Path) -> Iterator[Sample]:
    """Samples of every item in the variants; all of an item bear its number."""
    path = require(folder, FILE)
    for number, row in json_lines(path):
        where = f"{path}, line {number}"
        for variant in variants:
            query = str(field(row, variant if variant.endswith("query") else "query", where))
            held = field(row, "ocr_context" if variant == "ocr_context" else "context", where)
            refused = variant in UNANSWERABLE
            yield Sample(
                task="failsafeqa",
                id=short_id("failsafeqa", str(field(row, "idx", where)), variant),
                before="Document:\n",
                context="" if variant == "missing_context" else str(held),
                after=f"\n\n{ASK}Question: {query}\nAnswer:",
                answers=() if refused else (str(field(row, "answer", where)),),
                max_tokens=1024,
                group=str(row["idx"]),
                data={"prompt": "longspan", "item": row["idx"], "variant": variant},
            )


def read(variants: tuple[str, ...], record: Mapping[str, Any]) -> tuple[str, Sample]:
    """A reply with the judge's rating; ValueError for a variant that the task has not."""
    variant = record["variant"]
    if variant not in variants:
        raise ValueError(f"variant {variant!r} is not scored here, only {', '.join(variants)}")
    sample = Sample(
        task="failsafeqa",
        id=short_id("failsafeqa", str(record["idx"]), variant),
        before="",
        context="",
        after="",
        answers=(),
        max_tokens=0,
        group=str(record["idx"]),
        data={"item": record["idx"], "variant": variant, "rating": record["rating"]},
    )
    return str(record["prediction"]), sample


def _task(variants: tuple[str, ...], about: str, rule: Rule) -> Published:
    return Published(
        card=Card(
            about=f"{about}; scored by a judge's ratings",
            ability="trust",
            scope="low",
            diffusion="low",
            paper="https://arxiv.org/abs/2502.06329",
            source="Writer/FailSafeQA: 220 questions over 10-K reports; the layout of predictions is ours",
            licence="MIT",
            tokens=1024,
            judged=True,
        ),
        rule=rule,
        load=partial(load, variants),
        read=partial(read, variants),
        folder="failsafeqa",
        hub="Writer/FailSafeQA",
    )


TASKS = {
    "failsafeqa/baseline": _task(("query",), "answer questions over annual reports", COMPLIANCE),
    "failsafeqa/robustness": _task(
        ANSWERABLE, "answer them however badly they are put or the report is scanned", ROBUSTNESS
    ),
    "failsafeqa/grounding": _task(
        UNANSWERABLE, "refuse questions without a report, or that it does not answer", GROUNDING
    ),
    "failsafeqa/llmc": _task(VARIANTS, "do both, answer and refuse, as one number", TRADE_OFF),
}
