"""What longspan notes in a model folder that it made: where it came from and under which licence."""

import json
from dataclasses import asdict, dataclass
from pathlib import Path

FILE = "longspan.json"


@dataclass(frozen=True, slots=True)
class Record:
    """The origin of a model folder in the cache."""

    name: str
    source: str
    """Hub id and commit, the packages, or the path of a GGUF file."""
    sha256: str = ""
    """Of the file it was made from, where there was one."""
    licence: str = ""


def write_record(folder: Path, record: Record) -> None:
    """Write the record into its folder."""
    (folder / FILE).write_text(json.dumps(asdict(record), indent=2) + "\n", "utf-8")


def read_record(folder: Path) -> Record:
    """Return the record of a folder, or one with only its name when there is none that can be read."""
    try:
        return Record(**json.loads((folder / FILE).read_text("utf-8")))
    except (OSError, ValueError, TypeError):
        return Record(name=folder.name, source="")
