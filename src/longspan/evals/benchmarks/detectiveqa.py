"""DetectiveQA: multiple choice over detective novels in English and Chinese, with clues to be put together.

Files: `anno_data_en/{human_anno,AIsup_anno}/*.json` with `novel_id` and `questions`, and `novel_data_en/ID-*.txt`, the
same with `_zh`. A question comes with the novel's paragraphs before the one that answers it (`answer_position`), so
that the text does not give the answer away. The official script and the layout of predictions were not at hand; a
record here is a question of the annotations, with the reply in `prediction`, and for the steps `contained`, how many of
the steps of `reasoning` a judge finds in the reply.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial
from pathlib import Path
from typing import Any, Literal

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import field, json_file, official_record, short_id
from longspan.evals.metrics.choices import grade
from longspan.evals.task import Card, Published, Rule, Sample

Language = Literal["en", "zh"]
ORIGIN = "https://arxiv.org/abs/2409.02465; the official script is not known"
ASK = {
    "en": "Reason step by step from the clues of the novel above, then end with 'The answer is' and the letter.\n\n",
    "zh": "根据以上小说中的线索逐步推理,最后写出“答案是”和选项字母。\n\n",
}


def steps(prediction: str, sample: Sample) -> float:
    """The share of the reference's steps that a judge finds in the reply (`data["contained"]`)."""
    if sample.data.get("contained") is None:
        raise InputError(f"{sample.task} is scored by a judge: put how many steps the reply has into `contained`")
    return min(1.0, max(0, int(sample.data["contained"])) / max(1, int(sample.data["steps"])))


def load(language: Language, folder: Path) -> Iterator[Sample]:
    """Samples of all annotated questions in a language."""
    novels = {
        path.name.split("-")[0].removesuffix(".txt"): path for path in folder.glob(f"novel_data_{language}/*.txt")
    }
    files = sorted(folder.glob(f"anno_data_{language}/*/*.json"))
    if not files:
        raise InputError(
            f"{folder}/anno_data_{language} has no annotations: get the official files of the benchmark anew"
        )
    for path in files:
        notes = json_file(path, dict)
        novel = str(field(notes, "novel_id", str(path)))
        if novel not in novels:
            raise InputError(f"{folder}/novel_data_{language}: no novel {novel}, which {path.name} asks about")
        paragraphs = novels[novel].read_text(encoding="utf-8").split("\n")
        for index, question in enumerate(field(notes, "questions", str(path))):
            name = f"{path.parent.name}/{path.stem}/{index}"
            with official_record(f"{path}, question {index}"):
                sample = _sample(language, name, question, paragraphs[: _position(question, len(paragraphs))], novel)
            yield sample


def read(language: Language, record: Mapping[str, Any]) -> tuple[str, Sample]:
    """A reply, `prediction`, with the question as annotated."""
    return str(record["prediction"]), _sample(language, str(record["question"]), record, [], "")


def _position(question: Mapping[str, Any], last: int) -> int:
    """How many paragraphs come before the one that tells the answer; all where that is not known."""
    position = question.get("answer_position")
    return position - 1 if isinstance(position, int) and 1 < position <= last else last


def _sample(language: Language, name: str, question: Mapping[str, Any], paragraphs: list[str], novel: str) -> Sample:
    options = {str(letter): str(text) for letter, text in dict(question["options"]).items()}
    answer = str(question["answer"]).strip()
    if answer not in options:
        raise ValueError(f"answer is {answer!r}, which is none of the options")
    steps_ = list(question.get("reasoning", ()))
    return Sample(
        task=f"detectiveqa/{language}",
        id=short_id("detectiveqa", language, name),
        before="",
        context="\n".join(paragraphs),
        after=f"\n\n{ASK[language]}{question['question']}\n"
        + "\n".join(f"{key}: {text}" for key, text in options.items()),
        answers=(answer,),
        max_tokens=1024,
        group=novel,
        data={
            "prompt": "longspan",
            "options": list(options.values()),
            "steps": len(steps_),
            **({"contained": record_steps} if (record_steps := question.get("contained")) is not None else {}),
        },
    )


def _task(language: Language, about: str, rule: Rule) -> Published:
    return Published(
        card=Card(
            about=about,
            ability="reasoning",
            scope="high",
            diffusion="high",
            paper="https://arxiv.org/abs/2409.02465",
            source="Phospheneser/DetectiveQA: layout as its readers describe it; we cut novels before the answer",
            licence="Apache-2.0; the novels belong to their authors",
            tokens=1024,
            judged=rule is STEPS,
        ),
        rule=rule,
        load=partial(load, language),
        read=partial(read, language),
        folder="detectiveqa",
        hub="Phospheneser/DetectiveQA",
    )


CHOICE = Rule("longspan.detectiveqa_accuracy", grade, ORIGIN)
STEPS = Rule("longspan.detectiveqa_steps", steps, ORIGIN)
LANGUAGES: dict[Language, str] = {"en": "an English", "zh": "a Chinese"}
TASKS = {
    f"detectiveqa/{language}{suffix}": _task(language, f"{about} {article} detective novel{how}", rule)
    for language, article in LANGUAGES.items()
    for suffix, about, how, rule in (
        ("", "choose the answer to a question about", "", CHOICE),
        ("_steps", "reason about", ", scored by the steps that a judge finds", STEPS),
    )
}
