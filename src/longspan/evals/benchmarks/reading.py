"""What the readers of official files share: files under one of several names, JSON, archives, prompts, short ids."""

from __future__ import annotations

import json
import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from functools import cache
from importlib import resources
from io import TextIOWrapper
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from longspan.archive.digest import digest_of
from longspan.core.errors import InputError
from longspan.evals.data import json_lines, official


def find(folder: Path, *names: str) -> Path | None:
    """The first of several possible names of a file that the folder has."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def require(folder: Path, *names: str) -> Path:
    """The first of several possible names of a file, its sha256 compared where known; InputError without any."""
    path = find(folder, *names)
    if path is None:
        raise InputError(f"{folder / ' or '.join(names)} is missing: get the official files of the benchmark anew")
    return official(folder, path.relative_to(folder).as_posix())


def json_file(path: Path, kind: type[Any]) -> Any:
    """What a JSON file holds, a `kind` (dict or list); InputError naming the file where it holds anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}). Get the official file anew.") from None
    if not isinstance(value, kind):
        raise InputError(f"{path}: a JSON {kind.__name__} is wanted, not {type(value).__name__}. Get it anew.")
    return value


def json_list(path: Path) -> list[dict[str, Any]]:
    """The objects of a file that is one JSON list; InputError naming the first that is none."""
    found: list[dict[str, Any]] = json_file(path, list)
    for number, record in enumerate(found, 1):
        if not isinstance(record, dict):
            raise InputError(
                f"{path}, sample {number}: a JSON object is wanted, not {type(record).__name__}. Get it anew."
            )
    return found


def records(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Number, from 1, and object of each record of a file that is one JSON list or has an object a line."""
    with path.open(encoding="utf-8") as file:
        whole = file.read(1) == "["
    yield from enumerate(json_list(path), 1) if whole else json_lines(path)


def rows(folder: Path, name: str, *, archive: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and object of each line of a file in the folder, in its `data/`, or in a zip file's `data/`."""
    path = require(folder, name, f"data/{name}", *([archive] if archive else []))
    if path == folder / archive:
        yield from _zipped(path, f"data/{name}")
        return
    for number, record in json_lines(path):
        yield f"{path}, line {number}", record


def field(record: Mapping[str, Any], name: str, where: str) -> Any:
    """A field of an official record; InputError that says which is missing where."""
    if name not in record:
        raise InputError(
            f"{where}: no field {name!r}, only {', '.join(map(repr, record))}. Get the official file anew."
        )
    return record[name]


@contextmanager
def official_record(where: str) -> Iterator[None]:
    """Turns what a malformed official record raises into an InputError that says where it is."""
    try:
        yield
    except (KeyError, TypeError, ValueError, AttributeError) as error:
        raise InputError(f"{where}: not as the benchmark has it ({error!r}). Get the official file anew.") from None


def pieces(template: str, values: Mapping[str, str], *, context: str) -> tuple[str, str]:
    """What stands before and after the mark `context` of a prompt's template, the other marks replaced by values."""
    before, _, after = template.partition(context)
    return _filled(before, values), _filled(after, values)


@cache
def our_prompts(benchmark: str) -> Mapping[str, str]:
    """Our wordings by data set, which hold the marks of the official ones, from `prompts/`."""
    path = resources.files("longspan.evals.benchmarks") / "prompts" / f"{benchmark}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def short_id(*parts: object) -> str:
    """An id that is the same in every process for the same parts."""
    return digest_of(*map(str, parts))[:16]


def texts(value: Any) -> tuple[str, ...]:
    """References as texts, of a list or of a single one."""
    return tuple(map(str, value)) if isinstance(value, list) else (str(value),)


def lettered(options: Iterable[str], letters: str = "ABCDEFGH") -> str:
    """Options one a line, each behind its letter."""
    return "\n".join(f"{letter}: {option}" for letter, option in zip(letters, options, strict=False))


def _filled(text: str, values: Mapping[str, str]) -> str:
    if not values:
        return text
    return re.sub("|".join(map(re.escape, values)), lambda mark: values[mark[0]], text)


def _zipped(path: Path, name: str) -> Iterator[tuple[str, dict[str, Any]]]:
    try:
        with ZipFile(path) as archive, archive.open(name) as member:
            for number, line in enumerate(TextIOWrapper(member, encoding="utf-8"), 1):
                where = f"{path}/{name}, line {number}"
                if line.strip():
                    record = json.loads(line)
                    if not isinstance(record, dict):
                        raise ValueError(f"line {number} is no object")
                    yield where, record
    except (BadZipFile, KeyError, ValueError) as error:
        raise InputError(f"{path}: cannot read {name} in it ({error}): get the official file anew") from None
