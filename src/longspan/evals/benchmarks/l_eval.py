"""L-Eval: twenty tasks of 3,000 to 200,000 tokens with exam answers or texts, from its official files.

Files: `NAME.jsonl`, in `closed/` or `open/`, or in its repository's or the hub's own folders. Prompts are our wording:
the official ones stand in its programs. A record of its prediction files is `{"query", "gt", "MODEL_pred",
"evaluation"}`. Questions whose `evaluation` is people's or a model's judgement are left out, as in its own program.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from longspan.evals.benchmarks.reading import field, require, short_id
from longspan.evals.data import json_lines
from longspan.evals.metrics import l_eval as rules
from longspan.evals.task import Ability, Card, Level, Published, Rule, Sample

CLOSED = ("closed", "LEval-data/Closed-ended-tasks", "LEval/Exam")
OPEN = ("open", "LEval-data/Open-ended-tasks", "LEval/Generation")
TOKENS = 512
_CHOICE = "\n\nReply with the letter of the right option alone.\n{query}\nAnswer:"
_WRITE = "\n\n{query}\nWrite about {words} words.\nReply:"


@dataclass(frozen=True, slots=True)
class Source:
    """One of the twenty data sets."""

    rule: Rule
    evaluation: str
    """How its official program has it scored: `exam`, `f1` or `rouge`."""
    about: str
    after: str
    """Our question after the document; {query} is the data set's, {words} the words of its reference."""
    ability: Ability = "understanding"
    scope: Level = "low"


def _answering(about: str) -> Source:
    return Source(rules.F1, "f1", f"answer questions about {about}", _WRITE)


def _summarizing(about: str) -> Source:
    return Source(rules.ROUGE, "rouge", f"write {about}", _WRITE, "aggregation", "high")


SOURCES = {
    "coursera": Source(
        rules.SEVERAL,
        "exam",
        "choose one or more options about lectures",
        "\n\nOne or more options are right. Reply with their letters alone, such as A or BD.\n{query}\nAnswer:",
    ),
    "quality": Source(rules.CHOICE, "exam", "choose an option about a story", _CHOICE),
    "tpo": Source(rules.CHOICE, "exam", "choose an option about a lecture", _CHOICE),
    "gsm100": Source(
        rules.MATH,
        "exam",
        "solve an arithmetic problem after sixteen solved ones",
        '\n\nSolve the last one like those above. End with "The answer is " and the number.\n{query}',
        "in-context learning",
    ),
    "codeU": Source(
        rules.CODE,
        "exam",
        "tell what a call of functions of a long code base prints",
        '\n\n{query}\nEnd with "the final output is" and the output.',
        "reasoning",
    ),
    "sci_fi": Source(
        rules.JUDGEMENT,
        "exam",
        "tell what is true in a story and what is in the world",
        '\n\n{query}\nReply with "True" or "False" as the story has it, and with what is so in the real world behind '
        "it in brackets, like this: True [fact: False]\nReply:",
        "trust",
    ),
    "topic_retrieval_longchat": Source(
        rules.TOPIC, "exam", "name the first, second and third topic of a long conversation", "\n\n{query}", "retrieval"
    ),
    "financial_qa": _answering("a company's conference call"),
    "legal_contract_qa": _answering("a contract"),
    "multidoc_qa": _answering("several documents"),
    "narrative_qa": _answering("a book or film script"),
    "natural_question": _answering("encyclopaedia articles"),
    "scientific_qa": _answering("a paper"),
    "gov_report_summ": _summarizing("the summary of a government report"),
    "meeting_summ": _summarizing("what a meeting said about a question"),
    "news_summ": _summarizing("the summary of news articles"),
    "paper_assistant": _summarizing("the missing section of a paper"),
    "patent_summ": _summarizing("the summary of a patent"),
    "review_summ": _summarizing("what guests' reviews say about a question"),
    "tv_show_summ": _summarizing("the summary of a TV show's scene"),
}


def load(name: str, folder: Path) -> Iterator[Sample]:
    """Samples of the file `name`.jsonl, one for each instruction of each document."""
    source = SOURCES[name]
    path = require(folder, *(f"{place}/{name}.jsonl" for place in (CLOSED if source.evaluation == "exam" else OPEN)))
    for number, record in json_lines(path):
        where = f"{path}, line {number}"
        if field(record, "evaluation", where) != source.evaluation:
            continue
        document = str(field(record, "input", where))
        pairs = zip(field(record, "instructions", where), field(record, "outputs", where), strict=False)
        for index, (query, answer) in enumerate(pairs):
            yield Sample(
                task=f"l-eval/{name}",
                id=f"{name}-{number}-{index}",
                before="",
                context=document,
                after=source.after.format(query=query, words=len(str(answer).split())),
                answers=(str(answer),),
                max_tokens=TOKENS,
                group=f"{name}-{number}",
                data={"prompt": "longspan"},
            )


def read(name: str, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """Reply and reference of a record of the official prediction files; ValueError for one that is judged otherwise."""
    wanted = SOURCES[name].evaluation
    if record["evaluation"] != wanted:
        raise ValueError(f"`evaluation` must be {wanted!r}, not {record['evaluation']!r}: this rule is for no other")
    keys = [key for key in record if "_pred" in key]
    if not keys:
        raise KeyError("a field whose name ends in _pred")
    prediction, answer = record[keys[0]], record["gt"]
    if not isinstance(prediction, str) or not isinstance(answer, str):
        raise TypeError(f"`{keys[0]}` and `gt` must be texts")
    sample = Sample(
        task=f"l-eval/{name}",
        id=short_id(name, record["query"], answer),
        before="",
        context="",
        after="",
        answers=(answer,),
        max_tokens=0,
    )
    return prediction, sample


def _task(name: str, source: Source) -> Published:
    card = Card(
        about=source.about,
        ability=source.ability,
        scope=source.scope,
        diffusion="low",
        paper="https://arxiv.org/abs/2307.11088",
        source="OpenLMLab/LEval",
        licence="GPL-3.0",
        tokens=TOKENS,
    )
    return Published(card, source.rule, partial(load, name), partial(read, name), "l-eval", "L4NLP/LEval")


TASKS = {f"l-eval/{name}": _task(name, source) for name, source in SOURCES.items()}
