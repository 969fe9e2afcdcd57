"""LongHealth: 400 questions of five options over the letters of twenty fictional patients, read from its file.

File: `benchmark_v5.json`. Task 1: the patient's letters. Task 2: the letters that hold the answer among ten of other
patients. Task 3: ten of other patients alone, to be refused by a sixth option, which task 2 has too. Which letters of
others, and the order of all, follow from the question's id. A prediction record is a question of an official result
file, `{"correct": "...", "answer_0": "..."}` (or `prediction` for the reply), with `answer_a` to `answer_e` of the
benchmark added, by which letters are told apart.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from random import Random
from typing import Any

from longspan.evals.benchmarks.reading import field, json_file, lettered, official_record, require, short_id
from longspan.evals.metrics.choices import LETTERS, grade
from longspan.evals.task import Card, Published, Rule, Sample

REFUSAL = "Question cannot be answered with provided documents"
"""The sixth option, in the benchmark's words, by which its result files name the right answer of task 3."""
OTHERS = 10
RULE = Rule(
    "longspan.longhealth_accuracy", grade, "https://arxiv.org/abs/2401.14490; the official script is not known", scale=1
)


def load(task: int, folder: Path) -> Iterator[Sample]:
    """Samples of a task, one a question."""
    path = require(folder, "benchmark_v5.json", "data/benchmark_v5.json")
    patients: dict[str, Any] = json_file(path, dict)
    for patient, case in patients.items():
        others = [text for name, other in patients.items() if name != patient for text in other["texts"].values()]
        for number, question in enumerate(field(case, "questions", f"{path}, {patient}")):
            id_ = short_id("longhealth", str(task), patient, str(number))
            with official_record(f"{path}, {patient}, question {number}"):
                letters, held = _letters(task, case["texts"], (question, others), Random(id_))
                sample = _sample(task, id_, question, letters, held, patient)
            yield sample


def read(task: int, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """A reply, `prediction` or the first of the official runs, `answer_0`, with the text of the right option."""
    reply = record["prediction"] if "prediction" in record else record["answer_0"]
    sample = _sample(task, short_id("longhealth", str(task), str(record.get("question"))), record, [], [], "")
    return str(reply), sample


def _letters(
    task: int, own: dict[str, str], asked: tuple[dict[str, Any], list[str]], random: Random
) -> tuple[list[str], list[str]]:
    """Letters in the order shown, and those among them that hold the answer."""
    question, others = asked
    places = question.get("answer_location") or {}
    held = [text for name, text in own.items() if name in places]
    strangers = random.sample(others, min(OTHERS, len(others)))
    shown = {1: list(own.values()), 2: [*held, *strangers], 3: strangers}[task]
    random.shuffle(shown)
    return shown, [] if task == 3 else held


def _sample(
    task: int, id_: str, question: Mapping[str, Any], letters: list[str], held: list[str], patient: str
) -> Sample:
    options = [str(question[f"answer_{letter}"]) for letter in "abcde"] + [REFUSAL] * (task > 1)
    correct = REFUSAL if task == 3 else str(question["correct"])
    if correct not in options:
        raise ValueError(f"correct is {correct!r}, which is none of the options")
    context = "".join(f"Letter {number}:\n{text}\n\n" for number, text in enumerate(letters, 1))
    starts = [context.index(text) for text in held]
    return Sample(
        task=f"longhealth/task_{task}",
        id=id_,
        before="Letters from hospitals:\n\n",
        context=context,
        after=f"{question.get('question', '')}\n{lettered(options)}\n\nReply in one sentence that begins with "
        "'The correct answer is', then the option's letter, a colon and its text.",
        answers=(LETTERS[options.index(correct)],),
        max_tokens=128,
        spans=tuple((start, start + len(text)) for start, text in sorted(zip(starts, held, strict=True))),
        group=patient,
        data={"prompt": "longspan", "options": options},
    )


def _task(task: int, about: str) -> Published:
    return Published(
        card=Card(
            about=about,
            ability="trust" if task == 3 else "retrieval",
            scope="high" if task == 1 else "low",
            diffusion="high",
            paper="https://arxiv.org/abs/2401.14490",
            source="kbressem/LongHealth: layout as its data/README says; letters of others are drawn by us, seeded",
            licence="Apache-2.0",
            tokens=128,
        ),
        rule=RULE,
        load=partial(load, task),
        read=partial(read, task),
        folder="longhealth",
    )


TASKS = {
    "longhealth/task_1": _task(1, "choose what a patient's letters say"),
    "longhealth/task_2": _task(2, "choose what a patient's letters say among those of others"),
    "longhealth/task_3": _task(3, "notice that the letters of other patients do not answer the question"),
}
