"""LongBench Pro: 25 tasks in English and Chinese over natural documents of 8,000 to 256,000 tokens, from its file.

File: `longbench_pro.json`, whose records hold the official questions; of the two forms, the one without thinking is
used, with 1,024 tokens for a reply. A record of its prediction files is a sample's own with `bon_idx`, which run over
the question it is, and `prediction`. For the two summary tasks our rule takes ROUGE-L alone (see the rules).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from longspan.evals.benchmarks.reading import field, json_list, require
from longspan.evals.metrics import longbench_pro as rules
from longspan.evals.task import Ability, Card, Level, Published, Rule, Sample

KEPT = ("language", "token_length", "contextual_requirement", "difficulty", "primary_task", "secondary_task")


@dataclass(frozen=True, slots=True)
class Source:
    """One of the 25 tasks."""

    rule: Rule
    about: str
    ability: Ability
    scope: Level = "low"
    """High where the benchmark calls the requirement full."""


SOURCES = {
    "T1.1": Source(rules.NDCG, "rank what bears on a question in the whole text", "retrieval", "high"),
    "T1.2": Source(rules.NDCG, "rank the passages that answer a question", "retrieval"),
    "T2.1": Source(rules.PAIRWISE, "put the events of the whole text in order", "tracing", "high"),
    "T2.2": Source(rules.PAIRWISE, "put causes and effects of one matter in order", "tracing"),
    "T3.1": Source(rules.ACCURACY, "answer a question from several documents", "reasoning", "high"),
    "T3.2": Source(rules.ACCURACY, "answer a question from one fact", "retrieval"),
    "T4.1": Source(rules.SUMMARY, "summarize everything within limits", "aggregation", "high"),
    "T4.2": Source(rules.SUMMARY, "summarize what bears on a question", "aggregation"),
    "T5.1": Source(rules.F1, "cite the source of every sentence", "trust", "high"),
    "T5.2": Source(rules.F1, "cite the sources of a key statement", "trust"),
    "T6.1": Source(rules.LINES, "group many documents", "aggregation", "high"),
    "T6.2": Source(rules.F1, "find the documents of one group", "aggregation"),
    "T6.3": Source(rules.PAIRWISE, "order things by how often they occur", "aggregation", "high"),
    "T7.1": Source(rules.F1, "find what contradicts itself", "trust", "high"),
    "T7.2": Source(rules.F1, "find what breaks a given rule", "trust"),
    "T7.3": Source(rules.F1, "find every error", "trust", "high"),
    "T8.1": Source(rules.LINES, "check figures across several sources", "reasoning", "high"),
    "T8.2": Source(rules.LINES, "calculate from the figures of one source", "reasoning"),
    "T8.3": Source(rules.LINES, "follow a state through a long procedure", "tracing", "high"),
    "T9.1": Source(rules.F1, "tell what a change of version affects", "reasoning", "high"),
    "T9.2": Source(rules.F1, "find changes of an interface", "retrieval"),
    "T10.1": Source(rules.LINES, "infer rules from many examples", "in-context learning", "high"),
    "T10.2": Source(rules.LINES, "infer a rule from some examples", "in-context learning"),
    "T11.1": Source(rules.ACCURACY, "follow people and promises through a long dialogue", "tracing", "high"),
    "T11.2": Source(rules.ACCURACY, "tell what is meant or holds at one place of a dialogue", "understanding"),
}


def load(code: str, folder: Path) -> Iterator[Sample]:
    """Samples of `longbench_pro.json` that belong to a task."""
    path = require(folder, "longbench_pro.json")
    for number, record in enumerate(json_list(path), 1):
        where = f"{path}, sample {number}"
        if str(field(record, "secondary_task", where)).split(" ")[0] != code:
            continue
        name = str(field(record, "id", where))
        yield Sample(
            task=f"longbench_pro/{code}",
            id=name,
            before="",
            context=str(field(record, "context", where)),
            after="\n\n\n\n" + str(field(record, "question_nonthinking", where)),
            answers=tuple(map(str, field(record, "answer", where))),
            max_tokens=1024,
            group=name,
            data=_data(record) | {"prompt": "official"},
        )


def read(code: str, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """Reply and references of a record of the official prediction files; ValueError for one of another task."""
    prediction, answers, task = record["prediction"], record["answer"], str(record["secondary_task"])
    if not isinstance(prediction, str) or not isinstance(answers, list) or not answers:
        raise TypeError("`prediction` must be a text and `answer` a list of texts")
    if task.split(" ")[0] != code:
        raise ValueError(f"the record belongs to {task}, not to {code}")
    name = str(record["id"])
    sample = Sample(
        task=f"longbench_pro/{code}",
        id=f"{name}-{record['bon_idx']}",
        before="",
        context="",
        after="",
        answers=tuple(map(str, answers)),
        max_tokens=0,
        group=name,
        data=_data(record),
    )
    return prediction, sample


def _data(record: Mapping[str, Any]) -> dict[str, Any]:
    return {name: record[name] for name in KEPT if name in record}


def _task(code: str, source: Source) -> Published:
    card = Card(
        about=source.about,
        ability=source.ability,
        scope=source.scope,
        diffusion="high",
        paper="https://arxiv.org/abs/2601.02872",
        source="caskcsg/LongBench-Pro",
        licence="Apache-2.0",
        tokens=1024,
    )
    return Published(
        card, source.rule, partial(load, code), partial(read, code), "longbench_pro", "caskcsg/LongBench-Pro"
    )


TASKS = {f"longbench_pro/{code}": _task(code, source) for code, source in SOURCES.items()}
