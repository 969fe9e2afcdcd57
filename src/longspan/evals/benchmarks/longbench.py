"""LongBench and LongBench-E: 21 tasks in English and Chinese, of 5,000 to 15,000 words, from its official files.

Files: `NAME.jsonl` and `NAME_e.jsonl`, in the folder, in its `data/`, or in `data.zip` as the hub has it; with
`config/dataset2prompt.json` of its repository beside them, the official prompts are used. A record of its prediction
files is `{"pred", "answers", "all_classes", "length"}`.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import field, our_prompts, pieces, rows, short_id
from longspan.evals.metrics import longbench as rules
from longspan.evals.task import Ability, Card, Level, Published, Rule, Sample

PROMPTS = "config/dataset2prompt.json"


@dataclass(frozen=True, slots=True)
class Source:
    """One of the 21 data sets."""

    rule: Rule
    tokens: int
    """Tokens of a reply."""
    about: str
    ability: Ability = "understanding"
    scope: Level = "low"
    extended: bool = False
    """Part of LongBench-E too."""


SOURCES = {
    "narrativeqa": Source(rules.QA_F1, 128, "answer a question about a book or film script"),
    "qasper": Source(rules.QA_F1, 128, "answer a question about a paper, or say that it has no answer", extended=True),
    "multifieldqa_en": Source(rules.QA_F1, 64, "answer a question about a text of one of many fields", extended=True),
    "multifieldqa_zh": Source(rules.QA_F1_CHINESE, 64, "answer a question about a Chinese text of one of many fields"),
    "hotpotqa": Source(rules.QA_F1, 32, "answer a question that takes two of ten articles", "reasoning", extended=True),
    "2wikimqa": Source(rules.QA_F1, 32, "answer a question that takes up to five articles", "reasoning", extended=True),
    "musique": Source(rules.QA_F1, 32, "answer a question that takes two to four articles in turn", "reasoning"),
    "dureader": Source(rules.ROUGE_CHINESE, 128, "answer a Chinese question from several web pages"),
    "gov_report": Source(rules.ROUGE, 512, "summarize a government report", "aggregation", "high", extended=True),
    "qmsum": Source(rules.ROUGE, 512, "summarize what a meeting said about a question", "aggregation", "high"),
    "multi_news": Source(rules.ROUGE, 512, "summarize several news articles", "aggregation", "high", extended=True),
    "vcsum": Source(rules.ROUGE_CHINESE, 512, "summarize a Chinese meeting", "aggregation", "high"),
    "trec": Source(
        rules.CLASSIFICATION_FIRST, 64, "name a question's type after examples", "in-context learning", extended=True
    ),
    "triviaqa": Source(
        rules.QA_F1_FIRST, 32, "answer a question about a passage after examples", "in-context learning", extended=True
    ),
    "samsum": Source(rules.ROUGE_FIRST, 128, "summarize a chat after examples", "in-context learning", extended=True),
    "lsht": Source(
        rules.CLASSIFICATION_FIRST, 64, "name a Chinese news article's class after examples", "in-context learning"
    ),
    "passage_count": Source(
        rules.COUNT, 32, "count the different paragraphs among repeated ones", "aggregation", "high", extended=True
    ),
    "passage_retrieval_en": Source(
        rules.RETRIEVAL, 32, "find the paragraph that a summary is of", "retrieval", extended=True
    ),
    "passage_retrieval_zh": Source(rules.RETRIEVAL, 32, "find the Chinese paragraph that a summary is of", "retrieval"),
    "lcc": Source(rules.CODE, 64, "write the next line of a file of code", extended=True),
    "repobench-p": Source(rules.CODE, 64, "write the next line of code, given a repository", extended=True),
}


def load(task: str, name: str, source: Source, folder: Path) -> Iterator[Sample]:
    """Samples of the file `name`.jsonl."""
    template, origin = _prompt(folder, name.removesuffix("_e"))
    for where, record in rows(folder, f"{name}.jsonl", archive="data.zip"):
        before, after = pieces(template, {"{input}": str(field(record, "input", where))}, context="{context}")
        yield Sample(
            task=task,
            id=str(field(record, "_id", where)),
            before=before,
            context=str(field(record, "context", where)),
            after=after,
            answers=tuple(map(str, field(record, "answers", where))),
            max_tokens=source.tokens,
            data=_data(record) | {"length": field(record, "length", where), "prompt": origin},
        )


def read(task: str, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """Reply and references of a record of the official prediction files."""
    answers = record["answers"]
    if not isinstance(record["pred"], str) or not isinstance(answers, list) or not answers:
        raise TypeError("`pred` must be a text and `answers` a list of texts")
    if not isinstance(record.get("all_classes"), list | None):
        raise TypeError("`all_classes` must be a list of texts or null")
    sample = Sample(
        task=task,
        id=short_id(task, *answers, record.get("length")),
        before="",
        context="",
        after="",
        answers=tuple(map(str, answers)),
        max_tokens=0,
        data=_data(record),
    )
    if task.startswith("longbench_e/") and "length" not in sample.data:
        raise ValueError("LongBench-E wants a number `length` in each record")
    return record["pred"], sample


def _data(record: Mapping[str, Any]) -> dict[str, Any]:
    data: dict[str, Any] = {"classes": [str(name) for name in record.get("all_classes") or ()]}
    if isinstance(record.get("length"), int):
        data["length"] = record["length"]
    return data


def _prompt(folder: Path, name: str) -> tuple[str, str]:
    path = folder / PROMPTS
    if not path.is_file():
        return our_prompts("longbench")[name], "longspan"
    try:
        return str(json.loads(path.read_text(encoding="utf-8"))[name]), "official"
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path} has no prompt of {name} ({error}): get the official file anew") from None


def _task(task: str, name: str, source: Source, rule: Rule) -> Published:
    card = Card(
        about=source.about,
        ability=source.ability,
        scope=source.scope,
        diffusion="high" if source.ability in ("reasoning", "aggregation") else "low",
        paper="https://arxiv.org/abs/2308.14508",
        source="THUDM/LongBench",
        licence="MIT, and the terms of the data sets that it is made of",
        tokens=source.tokens,
    )
    return Published(card, rule, partial(load, task, name, source), partial(read, task), "longbench", "THUDM/LongBench")


def _extended(rule: Rule) -> Rule:
    return Rule(f"{rule.name}_by_length", rule.grade, rule.origin, rules.mean_by_length, parts=rules.by_length)


TASKS = {
    **{f"longbench/{name}": _task(f"longbench/{name}", name, source, source.rule) for name, source in SOURCES.items()},
    **{
        f"longbench_e/{name}": _task(f"longbench_e/{name}", f"{name}_e", source, _extended(source.rule))
        for name, source in SOURCES.items()
        if source.extended
    },
    **{
        f"longbench/{name}_ours": _task(f"longbench/{name}_ours", name, SOURCES[name], rules.ROUGE_CHINESE_UNLIMITED)
        for name in ("dureader", "vcsum")
    },
}
