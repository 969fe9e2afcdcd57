"""What readers of official files share: files under one of several names, rows in archives, prompts in three pieces."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from functools import cache
from importlib import resources
from io import TextIOWrapper
from pathlib import Path
from typing import Any
from zipfile import BadZipFile, ZipFile

from longspan.archive.digest import digest_of
from longspan.core.errors import InputError
from longspan.evals.data import json_lines, official


def find(folder: Path, *names: str) -> Path:
    """The first file of these names, its sha256 compared where it is known; InputError where there is none."""
    for name in names:
        if (folder / name).is_file():
            return official(folder, name)
    wanted = " or ".join(names)
    raise InputError(f"{folder} has no {wanted}: get the official files of the benchmark anew")


def rows(folder: Path, name: str, *, archive: str = "") -> Iterator[tuple[str, dict[str, Any]]]:
    """Place and object of each line of a file in the folder, in its `data/`, or in a zip file's `data/`."""
    if archive and not any((folder / place).is_file() for place in (name, f"data/{name}")):
        yield from _zipped(find(folder, name, f"data/{name}", archive), f"data/{name}")
        return
    path = find(folder, name, f"data/{name}")
    for number, record in json_lines(path):
        yield f"{path}, line {number}", record


def json_list(path: Path) -> list[dict[str, Any]]:
    """The objects of a file that is one JSON list; InputError where it is anything else."""
    try:
        found = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error})") from None
    if not isinstance(found, list) or not all(isinstance(record, dict) for record in found):
        raise InputError(f"{path}: a JSON list of objects is wanted")
    return found


def pieces(template: str, values: Mapping[str, str], *, context: str) -> tuple[str, str]:
    """What stands before and after the mark `context` of a prompt's template, the other marks replaced by values."""
    before, _, after = template.partition(context)
    return _filled(before, values), _filled(after, values)


@cache
def our_prompts(benchmark: str) -> Mapping[str, str]:
    """Our wordings by data set, which hold the marks of the official ones, from `prompts/`."""
    path = resources.files("longspan.evals.benchmarks") / "prompts" / f"{benchmark}.json"
    return dict(json.loads(path.read_text(encoding="utf-8")))


def identity(*parts: object) -> str:
    """A name that the same parts give in every process."""
    return digest_of(*map(str, parts))[:16]


def field(record: Mapping[str, Any], name: str, where: str) -> Any:
    """A field of an official record; InputError naming the place where it is missing."""
    if name not in record:
        raise InputError(f"{where}: no field {name!r}: get the official file anew")
    return record[name]


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
