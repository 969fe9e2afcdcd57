"""LoCoMo: questions over ten dialogues of 19 to 32 sessions, read from its files.

Files: `locomo10.zip`, as the repository has it (a JSON file per dialogue), or `locomo10.json`, the later form (a list
of dialogues). Where to look for images, only their captions are used, as officially. A prediction record is an entry
of `qa` with the reply in a field named `prediction` or ending in `_prediction`, or a whole dialogue with its `qa`.
"""

from __future__ import annotations

import json
import zipfile
from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import field, find, json_file, official_record, require, short_id
from longspan.evals.metrics.locomo import ADVERSARIAL, BY_CATEGORY, TEMPORAL
from longspan.evals.metrics.pooled import bundle
from longspan.evals.task import Ability, Card, Published, Sample

ABSENT = "It is not mentioned in the conversation"
CATEGORIES: dict[str, tuple[int | None, Ability, str]] = {
    "qa": (None, "retrieval", "answer questions of all five kinds about a long dialogue"),
    "multi_hop": (1, "reasoning", "answer what several sessions of a dialogue say together"),
    "temporal": (2, "reasoning", "say when something happened by the dates of a dialogue's sessions"),
    "open_domain": (3, "understanding", "infer what a dialogue implies with knowledge of the world"),
    "single_hop": (4, "retrieval", "answer what one session of a dialogue says"),
    "adversarial": (5, "trust", "notice that a dialogue does not answer the question"),
}


def load(category: int | None, folder: Path) -> Iterator[Sample]:
    """Samples of one category of question, or of all, one a question."""
    for name, dialogue in _dialogues(folder):
        talk = dialogue.get("conversation", dialogue)
        context, turns = _text(talk, name)
        for index, question in enumerate(field(dialogue, "qa", name)):
            if category in (None, question.get("category")):
                with official_record(f"{name}, question {index}"):
                    sample = _sample(name, index, question, (context, turns))
                yield sample


def read(category: int | None, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """The reply and reference of a question, or of all questions of a dialogue (`qa`) that are of the category."""
    if "qa" in record:
        asked = [question for question in record["qa"] if category in (None, question["category"])]
        return bundle([read(category, question) for question in asked])
    if category not in (None, record["category"]):
        raise ValueError(f"a question of category {record['category']}, where {category} is scored")
    names = [name for name in record if name == "prediction" or name.endswith("_prediction")]
    if len(names) != 1:
        raise ValueError(f"one field named prediction or ending in _prediction is wanted, not {names or 'none'}")
    stored = {key: value for key, value in record.items() if key != "adversarial_answer"}  # letters are resolved in it
    return str(record[names[0]]), _sample("", 0, stored, ("", {}))


def _sample(name: str, index: int, question: Mapping[str, Any], talk: tuple[str, dict[str, tuple[int, int]]]) -> Sample:
    context, turns = talk
    category = int(question["category"])
    answer = ABSENT if category == ADVERSARIAL else str(question["answer"])
    id_ = short_id("locomo", name, str(index), str(question["question"]))
    asked, options = _asked(question, category, id_)
    spans = tuple(sorted({turns[turn] for turn in question.get("evidence", ()) if turn in turns}))
    return Sample(
        task="locomo",
        id=id_,
        before="Two people talk over several sessions, each with its date.\n\n",
        context=context,
        after=f"\nAnswer in a short phrase, with words of the conversation where they fit.\nQuestion: {asked}\nAnswer:",
        answers=(answer,),
        max_tokens=32,
        spans=spans,
        depth=spans[0][0] / len(context) if len(spans) == 1 else None,
        group=name,
        data={"prompt": "longspan", "category": category, **({"options": options} if options else {})},
    )


def _asked(question: Mapping[str, Any], category: int, id_: str) -> tuple[str, dict[str, str]]:
    """The question as it is put; adversarial ones offer the wrong answer and a refusal, in an order set by the id."""
    text = str(question["question"])
    if category == TEMPORAL:
        return f"{text} Work out an approximate date from the dates of the sessions.", {}
    wrong = question.get("adversarial_answer")
    if category != ADVERSARIAL or wrong is None:
        return text, {}
    first, second = (ABSENT, str(wrong)) if int(id_, 16) % 2 else (str(wrong), ABSENT)
    return f"{text} Choose: (a) {first} (b) {second}", {"a": first, "b": second}


def _text(talk: dict[str, Any], where: str) -> tuple[str, dict[str, tuple[int, int]]]:
    """All sessions in their order, and where each turn lies by its id."""
    sessions = sorted(int(key.split("_")[1]) for key in talk if key.startswith("session_") and key.count("_") == 1)
    parts: list[str] = []
    turns: dict[str, tuple[int, int]] = {}
    length = 0
    for number in sessions:
        lines = talk[f"session_{number}"]
        if not lines:
            continue
        parts.append(f"Date: {field(talk, f'session_{number}_date_time', where)}\n")
        length += len(parts[-1])
        for turn in lines:
            image = f" [shares {turn['blip_caption']}]" if turn.get("blip_caption") else ""
            line = f'{field(turn, "speaker", where)}: "{field(turn, "text", where)}"{image}\n'
            turns[str(turn.get("dia_id"))] = (length, length + len(line) - 1)
            parts.append(line)
            length += len(line)
        parts.append("\n")
        length += 1
    return "".join(parts), turns


def _dialogues(folder: Path) -> Iterator[tuple[str, dict[str, Any]]]:
    if path := find(folder, "locomo10.json", "data/locomo10.json"):
        for dialogue in json_file(path, list):
            yield str(field(dialogue, "sample_id", str(path))), dialogue
        return
    path = require(folder, "locomo10.zip", "data/locomo10.zip")
    try:
        with zipfile.ZipFile(path) as archive:
            names = sorted(name for name in archive.namelist() if name.endswith(".json") and "__MACOSX" not in name)
            for name in names:
                yield Path(name).stem, json.loads(archive.read(name))
    except (zipfile.BadZipFile, ValueError) as error:
        raise InputError(f"{path}: {error}. Get the official file anew.") from None


TASKS = {
    f"locomo/{name}": Published(
        card=Card(
            about=about,
            ability=ability,
            scope="low" if category in (4, 5) else "high",
            diffusion="high" if category in (None, 1) else "low",
            paper="https://arxiv.org/abs/2402.17753",
            source="snap-research/locomo: ten dialogues written by models with personas, edited by people",
            licence="none given",
            tokens=32,
        ),
        rule=BY_CATEGORY,
        load=partial(load, category),
        read=partial(read, category),
        folder="locomo",
    )
    for name, (category, ability, about) in CATEGORIES.items()
}
