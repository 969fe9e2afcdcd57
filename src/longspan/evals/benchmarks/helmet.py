"""HELMET: the categories that need no judge. https://arxiv.org/abs/2410.02694

Files: the official archive as it unpacks, with or without its `data/`. A prediction record is one of `data` in an
official results file: `output`, `answer`, and `qrel`, `qa_pairs` or `answers` where the task has them. Prompts are
ours, without the two worked examples of the official ones except for json_kv; examples of in-context learning come
from the hub in the official code, so that of those tasks only predictions can be scored. The citation category is,
officially, the mean of the scores here and of `longspan.evals.metrics.alce`, which needs a model of entailment.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from math import log10
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import records, short_id
from longspan.evals.metrics.helmet import LABEL, NDCG, REC_TOP5, RECALL, STR_EM, SUBSTRING
from longspan.evals.task import Ability, Card, Level, Published, Rule, Sample

Row = Mapping[str, Any]
Parts = tuple[str, str, str]
"""Text before the context, the context, and what comes after it."""
KNOWN = 3
"""Power of ten of monthly views below which a subject of PopQA is little known and asked for."""
DEMOS = 2
VALUE = "Corresponding value:"


def load(folder: Path, *, name: str, kind: Kind) -> Iterator[Sample]:
    """Samples of all lengths that the folder has."""
    files = sorted(folder.glob(f"**/{kind.files}")) if kind.files else []
    files = [path for path in files if not any(part in path.name for part in ("_k3_", "_k10_"))]
    if not files:
        where = f"no {kind.files} in {folder}" if kind.files else "the official code takes its examples from the hub"
        raise InputError(f"{name}: {where}. Get the official files, or score predictions made with the official code.")
    for path in files:
        for number, row in records(path):
            try:
                if "popqa" in name and log10(row["s_pop"]) >= KNOWN:
                    continue
                before, context, after = kind.parts(row)
                yield Sample(
                    task=name,
                    id=short_id(name, path.name, str(number)),
                    before=before,
                    context=context,
                    after=after,
                    max_tokens=kind.tokens,
                    group=str(row.get("id", row.get("qid", row.get("question", "")))),
                    **_references(row, kind),
                )
            except (KeyError, TypeError, ValueError, IndexError) as error:
                raise InputError(f"{path}, sample {number}: no sample of {name} ({error!r}). Get it anew.") from None


def read(record: Row, *, name: str, kind: Kind) -> tuple[str, Sample]:
    """A record of an official results file."""
    sample = Sample(
        task=name,
        id=str(record.get("id", record.get("qid", ""))),
        before="",
        context="",
        after=str(record.get("question", "")),
        max_tokens=0,
        **_references(record, kind),
    )
    return str(record["output"] or ""), sample


@dataclass(frozen=True, slots=True)
class Kind:
    """What the tasks of a category have in common."""

    about: str
    ability: Ability
    diffusion: Level
    rule: Rule
    tokens: int
    parts: Callable[[Row], Parts]
    files: str = ""
    """Pattern of the official files; empty: there are none."""
    prefix: str = "Answer:"
    """What a reply begins with where it keeps to its form."""
    scope: Level = "low"


def _references(row: Row, kind: Kind) -> dict[str, Any]:
    data: dict[str, Any] = {"prefix": kind.prefix, "prompt": "longspan"}
    if kind.rule is NDCG:
        pairs = row["qrel"] if "qrel" in row else [(each["id"], each["label"]) for each in row["ctxs"]]
        data["qrel"] = [[str(one), int(relevance)] for one, relevance in pairs]
        best = sorted(data["qrel"], key=lambda pair: -pair[1])
        return {"answers": tuple(one for one, relevance in best if relevance > 0), "data": data}
    if kind.rule in (STR_EM, REC_TOP5):
        sets = [pair["short_answers"] for pair in row["qa_pairs"]] if kind.rule is STR_EM else row["answers"]
        data["sets"] = [[str(answer) for answer in answers] for answers in sets]
        return {"answers": tuple(answers[0] for answers in data["sets"] if answers), "data": data}
    answer = next((row[key] for key in ("answer", "answers", "outputs") if row.get(key) is not None), None)
    if not (answers := tuple(_flat(answer))):
        raise KeyError("answer")
    return {"answers": answers, "data": data}


def _flat(answer: Any) -> Iterator[str]:
    if isinstance(answer, list):
        for each in answer:
            yield from _flat(each)
    elif answer is not None:
        yield str(answer)


def _documents(row: Row) -> str:
    return "\n\n".join(f"Document (Title: {each['title']}): {each['text']}" for each in row["ctxs"])


def _pairs(row: Row) -> Parts:
    shown = "".join(f"Key: {key}\n{VALUE} {value}\n\n" for key, value in row["demos"][:DEMOS])
    asked = f"\n\nWhat value belongs to a key in the JSON object above?\n\n{shown}Key: {row['question']}"
    return "", row["context"], f"{asked}\n{VALUE}"


def _questions(row: Row) -> Parts:
    before = "Answer the question at the end in a few words, from these documents, in the form\nAnswer: [answer]\n\n"
    return before, _documents(row), f"\n\nQuestion: {row['question']}\nAnswer:"


def _ranked(row: Row) -> Parts:
    shown = "\n\n".join(f"[ID: {each['id']}] Document: {each['text']}" for each in row["ctxs"])
    before = "Rank all documents below by how well they answer the query, the best first, in the form\n"
    return f"{before}Ranking: ID3 > ID1 > ID2\n\n", shown, f"\n\nQuery: {row['query']}\nRanking:"


def _needles(row: Row) -> Parts:
    kind = row["type_needle_v"]
    before = f"Special magic {kind} are hidden in the text below. Remember them: you will be asked for some.\n"
    return (
        before,
        row["context"],
        f"\nWhich special magic {kind} for {row['query']} does the text above mention?\nAnswer:",
    )


def _sources(row: Row) -> Parts:
    shown = "\n\n".join(
        f"Document [{at}](Title: {each['title']}): {each['text']}" for at, each in enumerate(row["docs"], 1)
    )
    before = (
        "Answer the question from these documents alone. After every claim cite one to three documents that it rests "
        f"on, as [1] or [1][2].\n\nQuestion: {row['question']}\n\n"
    )
    return before, shown, f"\n\nQuestion: {row['question']}\n\nAnswer:"


def _unread(row: Row) -> Parts:
    raise KeyError("context")


def _published(task: str, kind: Kind) -> Published:
    name = f"helmet/{task}"
    card = Card(
        about=kind.about,
        ability=kind.ability,
        scope=kind.scope,
        diffusion=kind.diffusion,
        paper="https://arxiv.org/abs/2410.02694",
        source="princeton-nlp/HELMET",
        licence="MIT; the sources' own",
        tokens=kind.tokens,
    )
    loading, reading = partial(load, name=name, kind=kind), partial(read, name=name, kind=kind)
    return Published(card, kind.rule, loading, reading, "helmet")


def _niah(files: str, tokens: int) -> Kind:
    return Kind(
        "tell hidden values", "retrieval", "high", RECALL, tokens, _needles, f"ruler/{files}/validation_*.jsonl"
    )


def _rag(files: str) -> Kind:
    return Kind("answer from retrieved passages", "retrieval", "high", SUBSTRING, 20, _questions, f"kilt/{files}")


def _icl(about: str) -> Kind:
    return Kind(
        f"label {about} like thousands of examples", "in-context learning", "low", LABEL, 20, _unread, scope="high"
    )


def _cite(rule: Rule, files: str) -> Kind:
    return Kind("answer with citations", "trust", "high", rule, 300, _sources, f"alce/{files}")


KINDS = {
    "json_kv": Kind(
        "tell the value of a key",
        "retrieval",
        "high",
        SUBSTRING,
        100,
        _pairs,
        "json_kv/*.jsonl",
        VALUE,
    ),
    "ruler_niah_mk_2": _niah("niah_multikey_2", 50),
    "ruler_niah_mk_3": _niah("niah_multikey_3", 100),
    "ruler_niah_mv": _niah("niah_multivalue", 50),
    "kilt_nq": _rag("nq-dev-*.jsonl"),
    "kilt_triviaqa": _rag("triviaqa-dev-*.jsonl"),
    "kilt_hotpotqa": _rag("hotpotqa-dev-*.jsonl"),
    "kilt_popqa_3": _rag("popqa_test_*.jsonl"),
    "msmarco_rerank": Kind(
        "rank passages by relevance",
        "aggregation",
        "high",
        NDCG,
        200,
        _ranked,
        "msmarco/test_reranking_data_*.jsonl",
        "Ranking:",
        "high",
    ),
    "icl_trec_coarse": _icl("questions by 6 kinds"),
    "icl_trec_fine": _icl("questions by 50 kinds"),
    "icl_banking77": _icl("requests to a bank by 77 intents"),
    "icl_clinic150": _icl("requests by 151 intents"),
    "icl_nlu": _icl("requests by 68 intents"),
    "alce_asqa": _cite(STR_EM, "asqa_eval_*.json"),
    "alce_qampari": _cite(REC_TOP5, "qampari_eval_*.json"),
}
TASKS = {f"helmet/{task}": _published(task, kind) for task, kind in KINDS.items()}
