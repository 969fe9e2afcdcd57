"""SCBench: several questions over one long context, turn after turn. https://arxiv.org/abs/2412.10319

Files: `scbench_TASK.jsonl` in the folder or its `data/`, with `context` and `multi_turns`. Every turn is a sample; as
in the official runs, the turns before it are shown with their right answers. A prediction record is a row of the
official files: `id`, `turn_idx`, `prediction`, `ground_truth`, and `task`, `repo`, `func_name` where the task has them.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import require, short_id, texts
from longspan.evals.data import json_lines
from longspan.evals.metrics.scbench import GRADERS, MANY_SHOT_OURS, rule
from longspan.evals.task import Ability, Card, Level, Published, Rule, Sample

LETTERS = "ABCD"
SEVERAL = ("summary_with_needles", "repoqa_and_kv")
"""Tasks whose turns are of two kinds, each told by its own `task`."""
WORDS = ("vt", "qa_eng", "qa_chn", "many_shot", "choice_eng")
"""Tasks whose references are texts."""
TOKENS = {
    "choice_eng": 40,
    "qa_eng": 40,
    "qa_chn": 40,
    "kv": 150,
    "mf": 5,
    "prefix_suffix": 150,
    "passkey": 15,
    "repoqa": 1024,
    "summary": 200,
    "vt": 30,
    "many_shot": 10,
}


def load(folder: Path, *, task: str, name: str) -> Iterator[Sample]:
    """Samples of a task, all turns of a context one after the other."""
    file = f"scbench_{task}.jsonl"
    path = require(folder, f"data/{file}", file)
    for line, row in json_lines(path):
        where = f"{path}, line {line}"
        try:
            context, turns = row["context"] if "context" in row else row["input"], row["multi_turns"]
            text = context if isinstance(context, str) else ", ".join(map(str, context))
            so_far = ""
            for number, turn in enumerate(turns):
                subtask = _subtask(task, turn)
                question = _question(subtask, turn)
                yield Sample(
                    task=name,
                    id=short_id(name, str(line), str(number)),
                    before=BEFORE[task] + "\n\n",
                    context=text,
                    after=f"\n\n{so_far}{question}",
                    answers=texts(_label(subtask, turn)),
                    max_tokens=800 if task == "summary_with_needles" and subtask == "summary" else TOKENS[subtask],
                    group=str(row.get("id", line)),
                    data={
                        "task": subtask,
                        "turn": number,
                        "label": _label(subtask, turn),
                        "repo": row.get("repo", ""),
                        "name": turn.get("name", ""),
                        "prompt": "longspan",
                    },
                )
                so_far += f"{question} {turn['answer']}\n\n"
        except (KeyError, TypeError, ValueError, AttributeError) as error:
            raise InputError(f"{where}: no sample of {file} ({error!r}). Get the official file anew.") from None


def read(record: Mapping[str, Any], *, task: str, name: str) -> tuple[str, Sample]:
    """A row of an official prediction file."""
    reply = record["prediction"] if "prediction" in record else record["pred"]
    label = record["ground_truth"] if "ground_truth" in record else record["label"]
    subtask = _subtask(task, record)
    if not isinstance(label, str | int | float | list):
        raise ValueError(f"ground_truth is a text, a number or a list, not {label!r}")
    items = label if isinstance(label, list) else [label]
    if subtask in WORDS and not all(isinstance(item, str) for item in items):
        raise ValueError(f"ground_truth of {subtask} is text, not {label!r}")
    if subtask == "repoqa" and not {"repo", "func_name"} <= record.keys():
        raise KeyError("repo and func_name")
    sample = Sample(
        task=name,
        id=f"{record.get('id', '')}/{record.get('turn_idx', 0)}/{subtask}",
        before="",
        context="",
        after="",
        answers=texts(label),
        max_tokens=0,
        group=str(record.get("id", "")),
        data={
            "task": subtask,
            "turn": record.get("turn_idx", 0),
            "label": label,
            "repo": record.get("repo", ""),
            "name": record.get("func_name", ""),
        },
    )
    return str(reply), sample


def _subtask(task: str, turn: Mapping[str, Any]) -> str:
    kind = str(turn["task"]).removeprefix("scbench_") if task in SEVERAL else task
    if kind not in GRADERS:
        raise ValueError(f"unknown task {kind!r}")
    return kind


def _question(task: str, turn: Mapping[str, Any]) -> str:
    asked = str(turn["input"])
    if task != "choice_eng":
        return QUESTION.get(task, "{}").format(asked)
    options = "\n".join(f"{letter}. {option}" for letter, option in zip(LETTERS, turn["options"], strict=True))
    return f"Question: {asked}\n{options}\nLetter of the right answer:"


def _label(task: str, turn: Mapping[str, Any]) -> Any:
    answer = turn["answer"]
    if task == "choice_eng":
        return [answer, LETTERS[list(turn["options"]).index(answer)]]
    return [answer] if task == "qa_eng" else answer


def _published(task: str, grading: Rule, suffix: str = "") -> Published:
    name = f"scbench/{task}{suffix}"
    about, ability, scope, diffusion = ABOUT[task]
    card = Card(
        about=f"{about}; several questions over one context",
        ability=ability,
        scope=scope,
        diffusion=diffusion,
        paper="https://arxiv.org/abs/2412.10319",
        source="microsoft/SCBench",
        licence="MIT",
        tokens=TOKENS.get(task, 0),
    )
    loading, reading = partial(load, task=task, name=name), partial(read, task=task, name=name)
    return Published(card, grading, loading, reading, "scbench", "microsoft/SCBench")


KEYS = "The JSON object below maps keys to values. Questions ask for the value of a key: reply with it alone."
BOOK = "Questions follow on the book below. Reply as briefly as possible."
BEFORE = {
    "kv": KEYS,
    "prefix_suffix": "Below are many strings. Questions ask for the one with a given beginning and end.",
    "vt": "Variables are assigned values and one another in the text below. Questions ask which hold a value.",
    "repoqa": "Below is the code of a repository. Questions describe a function: repeat it exactly, between ``` marks.",
    "qa_eng": BOOK,
    "qa_chn": "下面是一本书，随后是关于它的问题。请尽量简短地回答。",
    "choice_eng": BOOK,
    "many_shot": "Tasks with their right answers follow, and then one without. Answer it as the others are answered.",
    "mf": "Below is a list of numbers. Questions ask for one of them or for a figure about them: reply with a number.",
    "summary": "Documents follow. Questions ask for a summary of one of them.",
    "summary_with_needles": "Documents follow. Questions ask for a summary of one, or for a key hidden among them.",
    "repoqa_and_kv": "Code and keys with values follow. Repeat the function described, or tell the value of a key.",
}
QUESTION = {"qa_eng": "Question: {}\nAnswer:", "qa_chn": "问题：{}\n回答："}
ABOUT: dict[str, tuple[str, Ability, Level, Level]] = {
    "kv": ("tell the value of a key among random ones", "retrieval", "low", "high"),
    "prefix_suffix": ("find the string with a beginning and an end", "retrieval", "low", "high"),
    "vt": ("name the variables that hold a value", "tracing", "low", "high"),
    "repoqa": ("repeat the function that a description fits", "retrieval", "low", "high"),
    "qa_eng": ("answer questions on a novel", "understanding", "low", "high"),
    "qa_chn": ("answer questions on a Chinese novel", "understanding", "low", "high"),
    "choice_eng": ("choose answers to questions on a novel", "understanding", "high", "high"),
    "many_shot": ("answer like hundreds of examples", "in-context learning", "high", "low"),
    "mf": ("tell figures about a long list of numbers", "aggregation", "high", "low"),
    "summary": ("sum up one of several documents", "understanding", "low", "low"),
    "summary_with_needles": ("sum up a document or find a hidden key", "understanding", "low", "high"),
    "repoqa_and_kv": ("repeat a function or tell the value of a key", "retrieval", "low", "high"),
}
TASKS = {
    **{f"scbench/{task}": _published(task, rule(task)) for task in ABOUT},
    "scbench/many_shot_ours": _published("many_shot", MANY_SHOT_OURS, "_ours"),
}
