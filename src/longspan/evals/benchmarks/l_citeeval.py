"""L-CiteEval: eleven tasks over numbered passages whose replies cite them, read from its files.

Files: `L-CiteEval-Data/TASK.json`, a list each; with `prompt/TASK_default.json` of its repository beside them, the
official prompts and their worked example are used. A prediction record is an entry of the official result files,
`{"answer": ..., "generation": [...]}`, with `docs` and `length` of the data file added where the scripts look them up
(counting stars, all citations). Citations of the other nine tasks want `entailments` besides: for every set of passages
that the rule asks about `{"sentence": 1, "passages": [2, 3], "entails": true}`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.evals.benchmarks.reading import field, find, json_file, official_record, require, short_id, texts
from longspan.evals.metrics import l_citeeval as rules
from longspan.evals.task import Ability, Card, Published, Rule, Sample

STAR = re.compile(r"The little penguin counted (\d+) ★")
QA = ("narrativeqa", "natural_questions", "hotpotqa", "2wikimultihopqa", "locomo", "dialsim")
SUMMARIES = ("gov_report", "multi_news", "qmsum")
TOKENS = {**dict.fromkeys(QA, 200), **dict.fromkeys(SUMMARIES, 800), "niah": 128, "counting_stars": 128}
TOKENS["narrativeqa"] = 800  # the official script's list of short replies misspells its name
CITE = (
    "End every sentence with the numbers of one to three passages that support it, each in its own brackets, such as "
    "[2][5], and cite no more than it needs."
)
PROMPTS = {
    "qa": f"Answer the question from the passages above alone, accurately and briefly. {CITE}",
    "summary": f"Summarize the passages above, concisely and neutrally. {CITE}",
    "counting_stars": "The little penguin counts stars in some of the passages above. Reply with the right counts and "
    'with the numbers of the passages that tell them, as JSON: {"little_penguin": [x, ...], "passage_id": [y, ...]}',
}


def load(task: str, cites: bool, folder: Path) -> Iterator[Sample]:
    """Samples of a task; those whose citations a model judges carry their passages in `data["docs"]`."""
    path = require(folder, f"L-CiteEval-Data/{task}.json", f"{task}.json")
    names = {"2wikimultihopqa": "2WikiMultihopQA"}
    prompt = find(folder, f"prompt/{names.get(task, task)}_default.json")
    theirs = json_file(prompt, dict) if prompt else None
    for number, row in enumerate(json_file(path, list)):
        docs = field(row, "docs", f"{path}, row {number}")
        field(row, "answer", f"{path}, row {number}")
        before, after = _official(theirs, row) if theirs else ("", _ours(task, row))
        style = str(theirs["doc_prompt"]) if theirs else "Passage [{ID}]: {P}\n"
        with official_record(f"{path}, row {number}"):
            data = _data(task, row, cites)
        yield Sample(
            task=f"l_citeeval/{task}",
            id=short_id("l_citeeval", task, str(number), str(row.get("question"))),
            before=before,
            context="".join(_passage(doc, index, style) for index, doc in enumerate(docs)),
            after=after,
            answers=texts(field(row, "answer", f"{path}, row {number}")),
            max_tokens=TOKENS[task],
            data={"prompt": "official" if theirs else "longspan", **data},
        )


def read(task: str, cites: bool, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """A reply, the first of `generation`, with its references, `answer`."""
    generation = record["generation"] if isinstance(record["generation"], list) else [record["generation"]]
    if not generation:
        raise ValueError("generation holds no reply")
    sample = Sample(
        task=f"l_citeeval/{task}",
        id=short_id("l_citeeval", task, str(record.get("id")), str(record.get("question"))),
        before="",
        context="",
        after="",
        answers=texts(record["answer"]),
        max_tokens=0,
        data=_data(task, record, cites),
    )
    return str(generation[0]), sample


def _data(task: str, row: Mapping[str, Any], cites: bool) -> dict[str, Any]:
    """What scoring needs: the passages to cite or their texts, and the length."""
    data: dict[str, Any] = {"length": int(row["length"])} if "length" in row else {}
    if task == "counting_stars":
        found = [(index, STAR.search(_text(doc))) for index, doc in enumerate(row["docs"])]
        data["gold"] = [index for index, star in found if star]
        data["counts"] = [int(star[1]) for _, star in found if star]
        if not data["gold"]:
            raise ValueError("docs: no passage counts stars")
    elif task == "niah" and cites:
        data["gold"] = [index for index, doc in enumerate(row["docs"]) if texts(row["answer"])[0] in _text(doc)][:1]
    elif cites:
        data["docs"] = list(row["docs"])
        if "entailments" in row:
            data["entailments"] = list(row["entailments"])
    return data


def _text(doc: Any) -> str:
    return str(doc["text"]) if isinstance(doc, dict) else str(doc)


def _passage(doc: Any, index: int, style: str) -> str:
    """A passage behind its number; a title that its text repeats is dropped, as officially."""
    text = _text(doc)
    if isinstance(doc, dict):
        text = text.strip("\n").removeprefix(f"{doc['title']}\n") if "title" in doc else text.strip("\n")
    return style.replace("{ID}", str(index + 1)).replace("{P}", text)


def _ours(task: str, row: Mapping[str, Any]) -> str:
    kind = "summary" if task in SUMMARIES else task if task in PROMPTS else "qa"
    question = row.get("question")
    asked = f"\n{'Query' if kind == 'summary' else 'Question'}: {question}" if question else ""
    role = f" You are {row['role']} in these conversations." if row.get("role") else ""
    return f"\n{PROMPTS[kind]}{role}{asked}\n{'Summary' if kind == 'summary' else 'Answer'}:"


def _official(prompt: dict[str, Any], row: Mapping[str, Any]) -> tuple[str, str]:
    """The worked example before the passages, and the question after them, in the official words."""
    demo = dict(prompt["demos"][0])
    passages = "".join(_passage(doc, index, prompt["doc_prompt"]) for index, doc in enumerate(demo["docs"]))
    shown = _fill(prompt, demo, str(prompt.get("demo_role", ""))).replace("{D}", passages)
    answer = demo["answer"]
    told = "\n" + "\n".join(answer) if isinstance(answer, list) else str(answer)
    before, _, after = _fill(prompt, row, str(row.get("role", ""))).partition("{D}")
    return shown + told + str(prompt["demo_sep"]) + before, after


def _fill(prompt: dict[str, Any], row: Mapping[str, Any], role: str) -> str:
    instruction = str(prompt["instruction"]).replace("<<<chatbox>>>", role)
    text = str(prompt["demo_prompt"]).replace("{INST}", instruction).replace("{A}", "")
    return text.replace("{Q}", str(row.get("question"))).rstrip()


def _rule(task: str) -> Rule:
    if task in QA:
        return rules.F1
    return rules.ROUGE_L if task in SUMMARIES else {"niah": rules.ROUGE_1, "counting_stars": rules.STARS}[task]


def _citations(task: str, measure: rules.Measure) -> Rule:
    if task == "niah":
        return rules.citation_rule(measure, rules.needle_citations, of="needle_")
    if task == "counting_stars":
        return rules.citation_rule(measure, rules.star_citations, of="star_")
    return rules.citation_rule(measure, rules.judged_citations(None))


def _task(task: str, rule: Rule, cites: bool) -> Published:
    ability: Ability = "understanding" if task in SUMMARIES else "retrieval"
    what = "summarize passages" if task in SUMMARIES else "answer from passages"
    return Published(
        card=Card(
            about=f"{what} and cite them{', scored by the citations' if cites else ', scored by what is said'}",
            ability="trust" if cites else ability,
            scope="high" if task in (*SUMMARIES, "counting_stars") else "low",
            diffusion="low" if task == "niah" else "high",
            paper="https://arxiv.org/abs/2410.02115",
            source="ZetangForward/L-CITEEVAL: eleven public sets cut into passages; -Length and -Hardness are not read",
            licence="none given",
            tokens=TOKENS[task],
            judged=cites and task not in ("niah", "counting_stars"),
        ),
        rule=rule,
        load=partial(load, task, cites),
        read=partial(read, task, cites),
        folder="l_citeeval",
        hub="Jonaszky123/L-CiteEval",
    )


MEASURES: tuple[rules.Measure, ...] = ("recall", "precision", "f1")
TASKS = {
    **{f"l_citeeval/{task}": _task(task, _rule(task), False) for task in TOKENS},
    **{
        f"l_citeeval/{task}_citation_{measure}": _task(task, _citations(task, measure), True)
        for task in TOKENS
        for measure in MEASURES
    },
}
