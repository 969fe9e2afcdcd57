"""What the readers of official files share: JSON files, official prompts where they are present, short ids."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from longspan.archive.digest import digest_of
from longspan.core.errors import InputError
from longspan.evals.data import official


def find(folder: Path, *names: str) -> Path | None:
    """The first of several possible names of a file that the folder has."""
    return next((folder / name for name in names if (folder / name).is_file()), None)


def require(folder: Path, *names: str) -> Path:
    """The first of several possible names of a file, its sha256 compared where known; InputError without any."""
    path = find(folder, *names)
    return official(folder, path.relative_to(folder).as_posix() if path else names[0])


def json_file(path: Path, kind: type[Any]) -> Any:
    """What a JSON file holds, a `kind` (dict or list); InputError naming the file where it holds anything else."""
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except ValueError as error:
        raise InputError(f"{path}: not JSON ({error}). Get the official file anew.") from None
    if not isinstance(value, kind):
        raise InputError(f"{path}: a JSON {kind.__name__} is wanted, not {type(value).__name__}. Get it anew.")
    return value


def field(record: dict[str, Any], name: str, where: str) -> Any:
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


def short_id(*parts: str) -> str:
    """An id that is the same in every process for the same parts."""
    return digest_of(*parts)[:16]


def lettered(options: Iterable[str], letters: str = "ABCDEFGH") -> str:
    """Options one a line, each behind its letter."""
    return "\n".join(f"{letter}: {option}" for letter, option in zip(letters, options, strict=False))
