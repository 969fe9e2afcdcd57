"""LooGLE: questions over documents of more than 24,000 tokens, with short and long dependencies, read from its files.

Files: `shortdep_qa.jsonl`, `longdep_qa.jsonl`, `longdep_summarization.jsonl` and `shortdep_cloze.jsonl`; with
`config/task2prompt.json` of its repository beside them, the official prompts are used. A record of its prediction
files is a document: `{"llm_output": [...], "output": [...], "qa_pairs": [...]}`. The judge's tasks want `verdict`
besides: "True" or "False" for each answer, a mark from 0 to 100 for each summary.
"""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import field, find, json_file, require, short_id
from longspan.evals.data import json_lines
from longspan.evals.metrics import reorder
from longspan.evals.metrics.loogle import CLOZE_EXACT, CLOZE_PARTIAL, JUDGED_ANSWER, JUDGED_SUMMARY, TEXT
from longspan.evals.metrics.pooled import bundle
from longspan.evals.task import Ability, Card, Published, Rule, Sample

TOKENS = {"shortdep_qa": 300, "longdep_qa": 500, "longdep_summarization": 500, "shortdep_cloze": 50}
TIMELINE = "timeline_reorder"
PROMPTS = {
    "shortdep_qa": "Read the text and answer the question at its end.\n\n{input}\n\nQuestion: {Q}\nAnswer:",
    "longdep_qa": "Read the text and answer the question at its end.\n\n{input}\n\nQuestion: {Q}\nAnswer:",
    "longdep_summarization": "Read the paper and summarize it.\n\n{input}\n\nSummary:",
    "shortdep_cloze": "Read the text. In the passage after it, names of people, places and organizations are replaced "
    "by <mask-0>, <mask-1> and so on, the same name by the same mask. Reply with a dictionary that has the name for "
    "each mask, such as {{'<mask-0>': 'Ada', '<mask-1>': 'Turin'}}, alone.\n\n{input}\n\nPassage: {Q}\nNames:",
    TIMELINE: "Read the text and put the events after it into the order in which they happened. Reply with their "
    "numbers alone, such as II,I,III.\n\n{input}\n\n{Q}\nOrder:",
}


def load(source: str, kind: str, folder: Path) -> Iterator[Sample]:
    """Samples of the file `source`, one a question; of kind `timeline_reorder` the questions of that type alone."""
    path = require(folder, f"{source}.jsonl", f"LooGLE-testdata/{source}.jsonl", f"data/{source}.jsonl")
    before, after, origin = _prompt(folder, kind)
    for number, record in json_lines(path):
        where = f"{path}, line {number}"
        for index, pair in enumerate(_questions(record, where)):
            if kind == TIMELINE and pair.get("type") != TIMELINE:
                continue
            question = _romanized(pair.get("Q", "")) if kind == TIMELINE else pair.get("Q", "")
            answers, data = _reference(kind, pair["A"])
            yield Sample(
                task=f"loogle/{kind}",
                id=short_id(kind, str(record.get("title", number)), str(index), question),
                before=before,
                context=str(field(record, "input", where)),
                after=after.replace("{Q}", question),
                answers=answers,
                max_tokens=TOKENS[source],
                group=str(record.get("title", number)),
                data={"prompt": origin, **data},
            )


def read(kind: str, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """A document's replies, `llm_output`, with their references, `output`; both are one text where there is one."""
    replies, references = _listed(record["llm_output"]), _listed(record["output"])
    verdicts = _listed(record.get("verdict", [None] * len(replies)))
    group = short_id(*map(str, references), str(record.get("qa_pairs", record.get("question", ""))))
    parts: list[tuple[str, Sample]] = []
    for reply, reference, verdict in zip(replies, references, verdicts, strict=True):
        answers, data = _reference(kind, reference)
        judged = {} if verdict is None else {"verdict": str(verdict)}
        sample = Sample(
            task=f"loogle/{kind}",
            id=short_id(group, str(len(parts))),
            before="",
            context="",
            after="",
            answers=answers,
            max_tokens=0,
            group=group,
            data={**data, **judged},
        )
        parts.append((reply if isinstance(reply, str) else repr(reply), sample))
    return bundle(parts)


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _questions(record: dict[str, Any], where: str) -> list[dict[str, Any]]:
    """Questions of a document: a list, or one written as Python has it; a summary is a question without words."""
    pairs = field(record, "qa_pairs", where)
    if pairs == "none":
        return [{"A": field(record, "output", where)}]
    try:
        value = ast.literal_eval(pairs) if isinstance(pairs, str) else pairs
        return [{**pair, "A": pair["A"]} for pair in value]
    except (ValueError, SyntaxError, TypeError, KeyError, MemoryError, RecursionError):
        raise InputError(
            f"{where}: qa_pairs is no list of questions and answers. Get the official file anew."
        ) from None


def _reference(kind: str, answer: Any) -> tuple[tuple[str, ...], dict[str, Any]]:
    """Answers and data of a sample: entities by mask, the numerals of an order, or a text."""
    if kind == "shortdep_cloze":
        masks = {str(mask): str(entity) for mask, entity in dict(answer).items()}
        return tuple(masks.values()), {"masks": masks}
    if kind == TIMELINE:
        return tuple(reorder.roman(numeral.strip()) for numeral in str(answer).split(",")), {}
    return (str(answer),), {}


def _romanized(question: str) -> str:
    """Events numbered as the official predictions have them: the data set says 1., the script reads I. alone."""
    return re.sub(r"^(\d+)\.\s*", lambda found: f"{reorder.roman(found[1])}. ", question, flags=re.MULTILINE)


def _prompt(folder: Path, kind: str) -> tuple[str, str, str]:
    """What comes before the text, after it, and whose words these are."""
    path = find(folder, "config/task2prompt.json", "task2prompt.json")
    theirs = json_file(path, dict) if path else {}
    template = theirs.get("longdep_qa" if kind == TIMELINE else kind, PROMPTS[kind])
    before, _, after = (part.replace("{{", "{").replace("}}", "}") for part in template.partition("{input}"))
    return before, after, "official" if theirs else "longspan"


def _task(kind: str, source: str, about: str, *, rule: Rule) -> Published:
    return Published(
        card=Card(
            about=about,
            ability=ABILITY[kind],
            scope="high" if source.startswith("longdep") else "low",
            diffusion="high" if source.startswith("longdep") else "low",
            paper="https://arxiv.org/abs/2311.04939",
            source="bigai-nlco/LooGLE: Wikipedia, arXiv papers and scripts written after 2022",
            licence="MIT",
            tokens=TOKENS[source],
            judged=rule in (JUDGED_ANSWER, JUDGED_SUMMARY),
        ),
        rule=rule,
        load=partial(load, source, kind),
        read=partial(read, kind),
        folder="loogle",
        hub="bigainlco/LooGLE",
    )


ABILITY: dict[str, Ability] = {
    "shortdep_qa": "retrieval",
    "longdep_qa": "reasoning",
    "longdep_summarization": "understanding",
    "shortdep_cloze": "retrieval",
    TIMELINE: "reasoning",
}
ABOUT = {
    "shortdep_qa": "answer a question that one passage of a document answers",
    "longdep_qa": "answer a question that needs passages far apart",
    "longdep_summarization": "summarize a paper",
}
TASKS = {
    "loogle/shortdep_cloze": _task(
        "shortdep_cloze", "shortdep_cloze", "name masked entities, scored by the very name", rule=CLOZE_EXACT
    ),
    "loogle/shortdep_cloze_partial": _task(
        "shortdep_cloze", "shortdep_cloze", "name masked entities, scored by any word of the name", rule=CLOZE_PARTIAL
    ),
    **{
        f"loogle/{kind}" + ("" if rule == "rouge_l" else f"_{rule}"): _task(
            kind, kind, f"{about}, scored by {rule.replace('_', '-').upper()}", rule=TEXT[rule]
        )
        for kind, about in ABOUT.items()
        for rule in TEXT
    },
    **{
        f"loogle/{kind}_judged": _task(
            kind, kind, f"{about}, scored by a judge", rule=JUDGED_ANSWER if kind.endswith("qa") else JUDGED_SUMMARY
        )
        for kind, about in ABOUT.items()
    },
    **{
        f"loogle/{TIMELINE}_{name}": _task(
            TIMELINE, "longdep_qa", "order events; the official number, the same for every reply", rule=rule
        )
        for name, rule in reorder.OFFICIAL.items()
    },
    **{
        f"loogle/{TIMELINE}_{name}_ours": _task(
            TIMELINE, "longdep_qa", f"order events, 1 less the {name.upper()} distance as a share", rule=rule
        )
        for name, rule in reorder.OURS.items()
    },
}
