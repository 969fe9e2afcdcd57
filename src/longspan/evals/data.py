"""Official files of published data sets: where they are, whether they are whole, and their rows."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from functools import cache
from importlib import resources
from pathlib import Path
from typing import Any

from longspan.archive.digest import digest_of_file
from longspan.core.errors import InputError

VARIABLE = "LONGSPAN_DATA"
"""Environment variable: the folder that holds a folder of official files per benchmark."""


def locate(benchmark: str, given: Path | None = None, *, hub: str = "") -> Path:
    """The folder of a benchmark's files: `given`, or below $LONGSPAN_DATA, or fetched from the hub's data set `hub`.

    `given` may hold the files or a folder of the benchmark's name. InputError, saying what to do, where there is none.
    """
    known = os.environ.get(VARIABLE)
    for folder in [given] if given else [Path(known)] if known else []:
        if (folder / benchmark).is_dir():
            return folder / benchmark
        if given is not None and folder.is_dir():
            return folder
    advice = f"pass --data DIR, or set {VARIABLE} to a folder that holds {benchmark}/"
    if given is not None or not hub:
        raise InputError(f"no files of {benchmark} in {given or 'a known place'}: {advice}")
    return _fetch(benchmark, hub, advice)


def official(folder: Path, name: str) -> Path:
    """A file of a benchmark's folder, its sha256 compared where `digests.txt` has it; InputError else."""
    path = folder / name
    if not path.is_file():
        raise InputError(f"{path} is missing: get the official files of the benchmark anew")
    wanted = digests().get(f"{folder.name}/{name}")
    if wanted and (found := digest_of_file(path)) != wanted:
        raise InputError(f"{path} is not the official file: its sha256 is {found}, not {wanted}. Get it anew.")
    return path


def json_lines(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Line number, from 1, and object of every line that is not empty; InputError naming a line that is no object."""
    with path.open(encoding="utf-8") as file:
        for number, line in enumerate(file, 1):
            if line.strip():
                try:
                    record = json.loads(line)
                except ValueError as error:
                    raise InputError(f"{path}, line {number}: not JSON ({error})") from None
                if not isinstance(record, dict):
                    raise InputError(f"{path}, line {number}: a JSON object is wanted, not {type(record).__name__}")
                yield number, record


@cache
def digests() -> dict[str, str]:
    """Known sha256 of official files by `benchmark/file`."""
    text = resources.files("longspan.evals").joinpath("digests.txt").read_text(encoding="utf-8")
    rows = (line.split(maxsplit=1) for line in text.splitlines() if line and not line.startswith("#"))
    return {name: digest for digest, name in rows}


def _fetch(benchmark: str, hub: str, advice: str) -> Path:
    from huggingface_hub import snapshot_download
    from huggingface_hub.errors import HfHubHTTPError, LocalEntryNotFoundError

    try:
        return Path(snapshot_download(hub, repo_type="dataset"))
    except (HfHubHTTPError, LocalEntryNotFoundError, OSError) as error:
        reason = str(error).strip().splitlines()[0]
        raise InputError(f"cannot fetch {benchmark} from the hub's data set {hub} ({reason}): {advice}") from error
