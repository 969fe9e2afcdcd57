"""LongICLBench: six sets of 28 to 174 labels, after one to five rounds of examples. https://arxiv.org/abs/2404.02060

Files are those of the repository's `processed_data`; GoEmotions, BANKING77 and Discovery, which it takes from the hub,
are `NAME_train.jsonl` and `NAME_test.jsonl` with the columns of the hub's sets and, where their labels are numbers,
`NAME_labels.json`, the list of their names. The official prompts are code, so all wording is ours.

A record of predictions is an entry of the official result files: `{"label": ..., "pred": ...}` and whatever else; for
Few-NERD, whose files have no labels, `{"entities": {reference}, "pred": {reply}}`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import json_file
from longspan.evals.data import json_lines, official
from longspan.evals.metrics import longicl as rules
from longspan.evals.task import Card, Published, Rule, Sample

Row = Mapping[str, Any]
TESTS = 500
"""Samples of each set, as in the official scripts; of DialogRE, relations."""
TOKENS = 100
"""Tokens a reply may take, as in the official code."""
FEWNERD = (57, 114, 170, 224, 281)
"""Examples of Few-NERD that make one to five rounds."""
DIALOGRE = (34, 67, 99, 131, 163)
"""Relations of DialogRE that make one to five rounds."""


@dataclass(frozen=True, slots=True)
class Form:
    """How the rows of a set become a prompt."""

    about: str
    rule: Rule
    instruction: str
    ask: Callable[[Row], str]
    """A row without its answer, ending with `cue`."""
    tell: Callable[[Row], str]
    """Its answer."""
    cue: str
    echo: Callable[[Row], str]
    """The part of the question that a model may repeat."""
    train: Callable[[Path, int], Sequence[Row]]
    """Examples of so many rounds."""
    test: Callable[[Path], Sequence[Row]]
    answers: Callable[[Row], tuple[str, ...]]


def in_rounds(rows: Sequence[Row], rounds: int) -> list[Row]:
    """One row of each label a round, labels in the order they first occur. Quirk kept: for a label that has run out,
    the next later one that has not gives a row more."""
    by_label: dict[str, list[Row]] = {}
    for row in rows:
        by_label.setdefault(row["label"], []).append(row)
    left = [iter(each) for each in by_label.values()]
    chosen: list[Row] = []
    for _ in range(rounds):
        for first in range(len(left)):
            found = next((row for rest in left[first:] for row in [next(rest, None)] if row is not None), None)
            chosen += [found] if found is not None else []
    return chosen


def in_turns(rows: Sequence[Row], turns: int) -> list[Row]:
    """TACRED's examples: rows in their order, each relation once until all have occurred, then again."""
    chosen: list[Row] = []
    seen: set[str] = set()
    for row in rows:
        if row["relation"] in rules.labels("tacred") - seen:
            chosen.append(row)
            seen.add(row["relation"])
        if seen == rules.labels("tacred"):
            turns, seen = turns - 1, set()
            if not turns:
                break
    return chosen


def _array(folder: Path, name: str) -> Any:
    return json_file(official(folder, name), list)


def _labelled(name: str, folder: Path, part: str) -> list[Row]:
    """Rows of a set of the hub with the name of their label; of GoEmotions only those with one label."""
    rows = [row for _, row in json_lines(official(folder, f"{name}_{part}.jsonl"))]
    rows = [
        {**row, "label": row["labels"][0]} if "labels" in row else row
        for row in rows
        if len(row.get("labels", "1")) == 1
    ]
    if not any(isinstance(row["label"], int) for row in rows):
        return list(rows)
    names = _array(folder, f"{name}_labels.json")
    return [{**row, "label": names[row["label"]]} for row in rows]


def _first(name: str, folder: Path, rounds: int) -> list[Row]:
    return in_rounds(_labelled(name, folder, "train"), rounds)


def _tested(name: str, turns: int, folder: Path) -> list[Row]:
    return in_rounds(_labelled(name, folder, "test"), turns)[:TESTS]


def _tacred_test(folder: Path) -> list[Row]:
    """The first 20 rows of each relation, the first 500 of them."""
    count = dict.fromkeys(rules.labels("tacred"), 0)
    chosen: list[Row] = []
    for row in _array(folder, "test_tacred.json"):
        if count.get(row["relation"], 20) < 20:
            count[row["relation"]] += 1
            chosen.append(row)
    return chosen[:TESTS]


def _dialogues(folder: Path, rounds: int) -> list[Row]:
    """The first relations of the training file, put together by dialogue."""
    merged: dict[str, list[Row]] = {}
    for row in _array(folder, "train_dialogueRE_processed.json")[: DIALOGRE[rounds - 1]]:
        merged.setdefault(row["dialogue"], []).append(row)
    return [{"dialogue": dialogue, "relations": rows} for dialogue, rows in merged.items()]


def _dialogue_tests(folder: Path) -> list[Row]:
    chosen: list[Row] = []
    left = TESTS
    for row in _array(folder, "test_dialogueRE.json"):
        chosen.append({**row, "relations": row["relations"][:left]})
        left -= len(chosen[-1]["relations"])
        if left <= 0:
            break
    return chosen


def _relations(row: Row) -> tuple[str, ...]:
    return tuple(each["relation"] for each in row["relations"])


def _pairs(row: Row) -> str:
    pairs = "; ".join(f"{each['subject_entity']} and {each['object_entity']}" for each in row["relations"])
    return f"Dialogue:\n{row['dialogue']}\nPairs: {pairs}\nRelations:"


def _entities(row: Row) -> str:
    return "".join(f"\n{name}: {kind}" for name, kind in row["entities"].items())


def _label(row: Row) -> tuple[str, ...]:
    return (str(row["label"]),)


def _texts(name: str, turns: int, about: str, noun: str, cue: str) -> Form:
    """A set of texts with one label each."""
    return Form(
        about=about,
        rule=rules.ACCURACY,
        instruction=f"Say which {cue.lower()} a {noun.lower()} has, in the very words of these examples.\n\n",
        ask=lambda row: f"{noun}: {row['text']}\n{cue}:",
        tell=lambda row: f" {row['label']}",
        cue=f"{cue}:",
        echo=lambda row: str(row["text"]),
        train=partial(_first, name),
        test=partial(_tested, name, turns),
        answers=_label,
    )


FORMS = {
    "goemotion": _texts("goemotion", 25, "tell the emotion of a comment, one of 28", "Comment", "Emotion"),
    "banking77": _texts("banking77", 7, "tell what a customer of a bank wants, one of 77 intents", "Query", "Intent"),
    "tacred": Form(
        about="tell the relation of two entities in a sentence, one of 41",
        rule=rules.RELATION_F1,
        instruction="Say how subject and object of a sentence are related, in the very words of these examples.\n\n",
        ask=lambda row: (
            f"Sentence: {row['sentence']}\nSubject: {row['subject_entity']}\nObject: {row['object_entity']}\nRelation:"
        ),
        tell=lambda row: f" {row['relation']}",
        cue="Relation:",
        echo=lambda row: str(row["sentence"]),
        train=lambda folder, rounds: in_turns(_array(folder, "train_tacred.json"), rounds),
        test=_tacred_test,
        answers=lambda row: (str(row["relation"]),),
    ),
    "fewnerd": Form(
        about="find the named entities of a sentence and their types, of 66",
        rule=rules.ENTITY_F1,
        instruction="Find the named entities of a sentence and their types, one a line as in these examples.\n\n",
        ask=lambda row: f"Sentence: {row['sentence']}",
        tell=_entities,
        cue="",
        echo=lambda row: str(row["sentence"]),
        train=lambda folder, rounds: _array(folder, "fewnerd_train_10turns.json")[: FEWNERD[rounds - 1]],
        test=lambda folder: _array(folder, "fewnerd_test_1800.json")[:TESTS],
        answers=lambda row: tuple(f"{name}: {kind}" for name, kind in row["entities"].items()),
    ),
    "dialogre": Form(
        about="tell the relations of pairs in a dialogue, of 36",
        rule=rules.PAIRS_F1,
        instruction="Say how each pair of a dialogue is related, in the order of the pairs and with commas between, as "
        "in these examples.\n\n",
        ask=_pairs,
        tell=lambda row: " " + ", ".join(_relations(row)),
        cue="Relations:",
        echo=lambda row: str(row["dialogue"]),
        train=_dialogues,
        test=_dialogue_tests,
        answers=_relations,
    ),
    "discovery": Form(
        about="tell the word that joins two sentences, one of 174",
        rule=rules.MARKER_ACCURACY,
        instruction="Say which word belongs between two sentences, in the very words of these examples.\n\n",
        ask=lambda row: f"Sentences: {row['sentence1']} ( ) {row['sentence2']}\nWord:",
        tell=lambda row: f" {row['label']}",
        cue="Word:",
        echo=lambda row: str(row["sentence2"]),
        train=partial(_first, "discovery"),
        test=partial(_tested, "discovery", 4),
        answers=_label,
    ),
}


def load(folder: Path, *, name: str, form: Form, rounds: int) -> Iterator[Sample]:
    """Samples after so many rounds of examples; InputError where a file or a field of a row is missing."""
    try:
        context = "\n".join(form.ask(row) + form.tell(row) for row in form.train(folder, rounds))
        for number, row in enumerate(form.test(folder)):
            following = form.ask(row).split()[0] if form.rule is not rules.MARKER_ACCURACY else ""
            data = {"prompt": "longspan", "echo": form.echo(row), "cue": form.cue, "next": following}
            yield Sample(
                task=name,
                id=str(number),
                before=form.instruction,
                context=context,
                after="\n" + form.ask(row),
                answers=form.answers(row),
                max_tokens=TOKENS,
                data={**data, "entities": row["entities"]} if "entities" in row else data,
            )
    except (KeyError, TypeError, IndexError) as error:
        raise InputError(f"{folder}: a row for {name} lacks {error}; get the official files anew") from error


def read(record: Row, *, name: str) -> tuple[str, Sample]:
    """An entry of a result file to its reply and sample."""
    reply: Any = record["pred"]
    data: dict[str, Any] = {}
    if "fewnerd" in name:
        data = {"entities": dict(record["entities"])}
        reply = "\n".join(f"{entity}: {kind}" for entity, kind in reply.items()) if isinstance(reply, dict) else reply
        answers: tuple[str, ...] = ()
    else:
        label = str(record["label"])
        answers = tuple(part.strip() for part in label.split(",")) if "dialogre" in name else (label,)
    return str(reply), Sample(
        task=name, id="", before="", context="", after="", answers=answers, max_tokens=TOKENS, data=data
    )


def _published(name: str, form: Form, rounds: int) -> Published:
    card = Card(
        about=form.about,
        ability="in-context learning",
        scope="high",
        diffusion="high",
        paper="https://arxiv.org/abs/2404.02060",
        source="TIGER-AI-Lab/LongICLBench",
        licence="MIT",
        tokens=TOKENS,
    )
    samples = partial(load, name=name, form=form, rounds=rounds)
    return Published(card, form.rule, samples, partial(read, name=name), "longicl")


TASKS = {
    name: _published(name, form, rounds)
    for kind, form in FORMS.items()
    for rounds in range(1, 6)
    for name in [f"longicl/{kind}_{rounds}"]
}
