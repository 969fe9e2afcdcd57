"""NoCha: pairs of a true and a false claim about a whole novel, read from the public sample of four classics.

Files: `data_sample.json`, and the novels as `classic_books.pkl` or as `TITLE.txt` each (TITLE as in `book_title`). A
prediction record is a row of `data_sample.json` with one field `response` or `response-MODEL`; SKIPPED marks a claim
that was not asked.
"""

from __future__ import annotations

import pickletools
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError
from longspan.evals.benchmarks.reading import field, find, json_file, official_record, require, short_id
from longspan.evals.metrics.nocha import PAIR_ACCURACY, PAIR_ACCURACY_OURS
from longspan.evals.task import Card, Published, Sample

PROMPT = (
    "Here is a whole book:\n\n<context>{}</context>\n\n<statement>{}</statement>\n\nIs the statement TRUE or FALSE? "
    "It is TRUE only where the book bears out every part of it, and FALSE where any part is wrong. Explain in one "
    "paragraph at most, then decide:\n<explanation>YOUR EXPLANATION</explanation>\n<answer>YOUR ANSWER</answer>"
)


def load(folder: Path) -> Iterator[Sample]:
    """Samples of all claims, the two of a pair bearing the same `data["pair"]`."""
    path = require(folder, "data_sample.json", "data_sample/data_sample.json")
    books = _books(folder)
    prompt = _prompt(folder)
    for number, row in enumerate(json_file(path, list)):
        where = f"{path}, row {number}"
        title = str(field(row, "book_title", where))
        if title not in books:
            raise InputError(f"{folder}: no text of {title}: put classic_books.pkl or {title}.txt beside the claims")
        before, between, after = prompt
        claim = str(field(row, "claim", where))
        with official_record(where):
            label = _label(row["type"])
        yield Sample(
            task="nocha",
            id=short_id("nocha", title, claim),
            before=before,
            context=books[title],
            after=between + claim + after,
            answers=(label,),
            max_tokens=800,
            group=title,
            data={
                "pair": f"{title}/{field(row, 'index', where)}",
                "prompt": "longspan" if prompt is OURS else "official",
            },
        )


def read(record: Mapping[str, Any]) -> tuple[str, Sample]:
    """A claim with the one model's reply; ValueError where there are several."""
    names = [name for name in record if name == "response" or name.startswith("response-")]
    if len(names) != 1:
        raise ValueError(f"one field response or response-MODEL is wanted, not {len(names)}: keep the model's to score")
    title, claim = str(record["book_title"]), str(record.get("claim", ""))
    sample = Sample(
        task="nocha",
        id=short_id("nocha", title, claim),
        before="",
        context="",
        after="",
        answers=(_label(record["type"]),),
        max_tokens=0,
        group=title,
        data={"pair": f"{title}/{record['index']}"},
    )
    return str(record[names[0]]), sample


def _label(value: Any) -> str:
    label = str(value).upper()
    if label not in ("TRUE", "FALSE"):
        raise ValueError(f"type {value!r} is neither true nor false")
    return label


def _books(folder: Path) -> dict[str, str]:
    """Novels by title."""
    books = {path.stem: path.read_text(encoding="utf-8") for path in sorted(folder.rglob("*.txt"))}
    if path := find(folder, "classic_books.pkl", "data_sample/classic_books.pkl"):
        books |= _texts(path)
    return books


def _texts(path: Path) -> dict[str, str]:
    """A pickled dictionary of texts, read as data: its strings in turn are titles and novels, and nothing is run."""
    try:
        with path.open("rb") as file:
            found = [str(value) for code, value, _ in pickletools.genops(file) if code.name.endswith("UNICODE")]
    except ValueError as error:
        raise InputError(f"{path}: {error}. Get the official file anew.") from None
    return dict(zip(found[::2], found[1::2], strict=False))


def _prompt(folder: Path) -> tuple[str, str, str]:
    """What comes before the book, between it and the claim, and after that: the official words where they are."""
    path = find(folder, "prompts/prompt.txt", "prompt.txt")
    if not path:
        return OURS
    before, _, rest = path.read_text(encoding="utf-8").partition("[book_text]")
    between, _, after = rest.partition("[claim]")
    return before, between, after


_parts = PROMPT.split("{}")
OURS = (_parts[0], _parts[1], _parts[2])
CARD = Card(
    about="tell true from false claims about a novel; both claims of a pair have to be right",
    ability="understanding",
    scope="high",
    diffusion="high",
    paper="https://arxiv.org/abs/2406.16264",
    source="marzenakrp/nocha: the public sample, 63 pairs over four classic novels",
    licence="MIT",
    tokens=800,
)
TASKS = {
    "nocha": Published(CARD, PAIR_ACCURACY, load, read, "nocha"),
    "nocha_ours": Published(CARD, PAIR_ACCURACY_OURS, load, read, "nocha"),
}
