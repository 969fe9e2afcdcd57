"""BABILong: bAbI facts scattered in books, as its authors published them. https://arxiv.org/abs/2406.10149

Files: `data/qa1/0k.json` and so on, below the folder or a folder of it, as JSON lines or one array, with `input`,
`question` and `target`. A prediction record is a row of the authors' CSV files: `target`, `output`, `question`.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import records, short_id
from longspan.evals.metrics.babilong import COMPARE_ANSWERS, COMPARE_WORDS, LABELS
from longspan.evals.task import Card, Level, Published, Rule, Sample

MAX_TOKENS = 20
LARGEST = 2**20
"""Bytes up to which a file of prompts is read."""


def load(folder: Path, *, name: str, labels: str) -> Iterator[Sample]:
    """Samples of one task, the short lengths first."""
    files = sorted(folder.glob(f"**/{labels}/*.json"), key=lambda path: (_tokens(path.stem), path))
    if not files:
        raise InputError(f"{folder}: no {labels}/LENGTH.json, such as data/{labels}/4k.json: get the official files")
    prompt = official_prompt(folder, labels)
    before = prompt or OURS.format(answers=", ".join(LABELS[labels]), several=SEVERAL.get(labels, "one"))
    for path in files:
        for number, row in records(path):
            if not all(isinstance(row.get(key), str) for key in ("input", "question", "target")):
                raise InputError(f"{path}, sample {number}: input, question and target are wanted. Get it anew.")
            yield Sample(
                task=name,
                id=short_id(name, path.stem, str(number)),
                before=f"{before}\n\n<context>\n",
                context=row["input"].strip(),
                after=f"\n</context>\n\nQuestion: {row['question']}",
                answers=(row["target"],),
                max_tokens=MAX_TOKENS,
                data={
                    "question": row["question"],
                    "labels": list(LABELS[labels]),
                    "config": path.stem,
                    "prompt": "official" if prompt else "longspan",
                },
            )


def read(record: Mapping[str, Any], *, name: str, labels: str) -> tuple[str, Sample]:
    """A row of the authors' prediction files; an output that is empty there (not a text) is an empty reply."""
    question, target = record["question"], record["target"]
    if not isinstance(question, str) or not isinstance(target, str):
        raise TypeError("question and target are texts")
    output = record["output"]
    sample = Sample(
        task=name,
        id=short_id(name, question, target),
        before="",
        context="",
        after=question,
        answers=(target,),
        max_tokens=0,
        data={"question": question, "labels": list(LABELS[labels])},
    )
    return output if isinstance(output, str) else "", sample


def official_prompt(folder: Path, labels: str) -> str:
    """Instruction, examples and form of a task where the authors' `prompts.py` is in the folder, else nothing."""
    found = sorted(folder.glob("**/prompts.py"))
    if not found:
        return ""
    try:
        if found[0].stat().st_size > LARGEST:
            raise ValueError("too large")
        tree = ast.parse(found[0].read_text(encoding="utf-8"))
        values = [
            node.value
            for node in tree.body
            if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "DEFAULT_PROMPTS"
        ]
        parts = ast.literal_eval(values[0])[labels]
        return "\n\n".join(str(parts[key]) for key in ("instruction", "examples", "post_prompt"))
    except (ValueError, SyntaxError, IndexError, KeyError, TypeError, RecursionError) as error:
        raise InputError(f"{found[0]}: no prompts of {labels} in it ({error}). Get it anew, or remove it.") from None


def _tokens(config: str) -> int:
    """`4k` and `1M` as numbers; what is neither comes last."""
    unit = {"k": 1_000, "M": 1_000_000}.get(config[-1:], 0)
    return int(config[:-1]) * unit if unit and config[:-1].isdigit() else 10**12


def _published(task: str, rule: Rule, ours: bool = False) -> Published:
    name = f"babilong_official/{task}{'_ours' * ours}"
    about, scope = ABOUT[task]
    card = Card(
        about=f"{about}, from facts scattered in a book",
        ability="reasoning",
        scope=scope,
        diffusion="high",
        paper="https://arxiv.org/abs/2406.10149",
        source="RMT-team/babilong: bAbI in PG-19",
        licence="Apache-2.0; bAbI BSD-3-Clause",
        tokens=MAX_TOKENS,
    )
    loading, reading = partial(load, name=name, labels=task), partial(read, name=name, labels=task)
    return Published(card, rule, loading, reading, "babilong", "RMT-team/babilong")


OURS = """Between other text, the passage below states simple facts about people, things and places, in the order in \
which they happened. Answer the question after it from these facts alone. Later facts overrule earlier ones. Reply \
with {several} of the following and nothing else: {answers}."""
SEVERAL = {"qa8": "all that apply, separated by commas,"}
ABOUT: dict[str, tuple[str, Level]] = {
    "qa1": ("tell where a person is", "low"),
    "qa2": ("tell where a thing is, from two facts", "low"),
    "qa3": ("tell where a thing was before, from three facts", "low"),
    "qa4": ("tell which place lies beside which", "low"),
    "qa5": ("tell who gave what to whom", "low"),
    "qa6": ("tell whether a person is somewhere", "low"),
    "qa7": ("count what a person carries", "high"),
    "qa8": ("list what a person carries", "high"),
    "qa9": ("tell whether a person is somewhere, with negations", "low"),
    "qa10": ("tell whether a person may be somewhere", "low"),
    "qa11": ("tell where a person is, with pronouns", "low"),
    "qa12": ("tell where a person is, of two together", "low"),
    "qa13": ("tell where a person is, of two called they", "low"),
    "qa14": ("tell where a person was before, from times of day", "low"),
    "qa15": ("tell what an animal fears, by its kind", "low"),
    "qa16": ("tell the colour of an animal, by its kind", "low"),
    "qa17": ("tell whether one thing lies beside another", "low"),
    "qa18": ("tell which of two things is larger", "low"),
    "qa19": ("find the way between two places", "low"),
    "qa20": ("tell why a person goes somewhere", "low"),
}
INSIDE = ("qa6", "qa7", "qa9", "qa10", "qa17", "qa18")
"""Tasks with labels so short that they occur inside other words."""

TASKS = {
    **{f"babilong_official/{task}": _published(task, COMPARE_ANSWERS) for task in ABOUT},
    **{f"babilong_official/{task}_ours": _published(task, COMPARE_WORDS, ours=True) for task in INSIDE},
}
