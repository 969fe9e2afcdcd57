"""HelloBench: long replies, checked point by point by a judge. https://arxiv.org/abs/2409.16191

Files: `TASK.jsonl` in the folder, its `main_data/` or its `data/main_data/`. A prediction record is a row of an
official judgement file: `id`, `response`, `checklist_wise_evaluation`; the category, which sets the weights, comes
from the record or, by its id, from the official files. Replies made here are judged with `judge`, by our prompts and
in three steps (official: GPT-4o, its prompts and five steps).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from functools import cache, partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import require
from longspan.evals.data import json_lines, locate
from longspan.evals.judges.checklist import WORTH, Answer, check
from longspan.evals.judges.judge import Judge, Verdict
from longspan.evals.metrics.judged import CHECKLIST, weights
from longspan.evals.task import Card, Published, Sample

FOLDERS = ("data/main_data/", "main_data/", "")
MAX_TOKENS = 16_384


def load(folder: Path, *, task: str) -> Iterator[Sample]:
    """Samples of a task; the prompt is the official instruction."""
    path = _file(folder, task)
    for line, row in json_lines(path):
        try:
            points = [str(point) for point in row["checklists"]]
            if len(points) != len(weights()[row["category"]]):
                raise ValueError(f"{len(points)} points")
            yield Sample(
                task=f"hellobench/{task}",
                id=str(row["id"]),
                before="",
                context=str(row["instruction"]),
                after="",
                answers=(),
                max_tokens=MAX_TOKENS,
                data={"category": row["category"], "points": points, "judged": None, "prompt": "official"},
            )
        except (KeyError, TypeError, ValueError) as error:
            raise InputError(f"{path}, line {line}: no sample of HelloBench ({error!r}). Get it anew.") from None


def read(record: Mapping[str, Any], *, task: str) -> tuple[str, Sample]:
    """A judged reply; verdicts that are not one number from 0 to 1 for each point are none, and officially left out."""
    name = str(record["id"])
    category = record["category"] if "category" in record else _categories(str(locate("hellobench")), task).get(name)
    if category not in weights():
        raise ValueError(f"{name} has no known category: give it one, or the official files that have the id")
    shares = [_share(each) for each in record["checklist_wise_evaluation"]]
    whole = None not in shares and len(shares) == len(weights()[category])
    sample = Sample(
        task=f"hellobench/{task}",
        id=name,
        before="",
        context=str(record.get("instruction", "")),
        after="",
        answers=(),
        max_tokens=0,
        data={"category": category, "judged": shares if whole else None},
    )
    return str(record["response"]), sample


async def judge(by: Judge, sample: Sample, reply: str) -> tuple[Sample, Verdict[tuple[Answer, ...]]]:
    """The sample with a judge's verdicts on a reply, ready for the rule, and the verdicts with their cost."""
    verdict = await check(by, task=sample.prompt, reply=reply, points=sample.data["points"])
    shares = None if verdict.value is None else [WORTH[answer] for answer in verdict.value]
    return replace(sample, data={**sample.data, "judged": shares}), verdict


def _share(verdict: Any) -> float | None:
    try:
        share = float(verdict["evaluation_score"])
    except (KeyError, TypeError, ValueError):
        return None
    return share if 0 <= share <= 1 else None


@cache
def _categories(folder: str, task: str) -> dict[str, str]:
    return {str(row.get("id")): str(row.get("category")) for _, row in json_lines(_file(Path(folder), task))}


def _file(folder: Path, task: str) -> Path:
    return require(folder, *(f"{place}{task}.jsonl" for place in FOLDERS))


def _published(task: str, about: str) -> Published:
    card = Card(
        about=about,
        ability="long generation",
        scope="high",
        diffusion="low",
        paper="https://arxiv.org/abs/2409.16191",
        source="Quehry/HelloBench",
        licence="MIT",
        tokens=MAX_TOKENS,
        judged=True,
    )
    return Published(card, CHECKLIST, partial(load, task=task), partial(read, task=task), "hellobench")


TASKS = {
    f"hellobench/{task}": _published(task, about)
    for task, about in {
        "open_ended_qa": "answer an open question at length",
        "chat": "do what a user of a chat asked for, at length",
        "text_completion": "go on with a text, or rewrite it",
        "heuristic_text_generation": "write an essay, a story or a play",
        "summarization": "sum up a long text",
    }.items()
}
