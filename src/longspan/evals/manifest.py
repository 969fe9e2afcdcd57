"""What a run is, as a file: enough to make it again and to see that it came out the same."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields
from pathlib import Path
from typing import Any, Self

from longspan.core.errors import InputError
from longspan.evals.row import Row

FILE = "manifest.json"
OUTCOME = "predictions.jsonl"


@dataclass(frozen=True, slots=True, kw_only=True)
class Manifest:
    """Everything a run's replies depend on."""

    model: str
    """A known name, a folder, a GGUF file, a hub id, or a server's address."""
    digest: str = ""
    """sha256 of the weights; empty for a server."""
    methods: tuple[str, ...] = ("",)
    """Method strings; the first is what the others are compared with."""
    tasks: tuple[str, ...]
    lengths: tuple[int, ...]
    samples: int
    """Samples of every task and length."""
    seed: int = 0
    cut: str = ""
    """Where contexts that do not fit are cut: middle, left, right, or empty for never."""
    agnostic: bool = False
    """Contexts are read before the question is known, so that what a method gives up is chosen without it."""
    device: str = ""
    docs: str = ""
    """Folder of a person's own documents that samples are made of."""
    asker: str = ""
    """Model that wrote questions about them; the questions lie in questions.jsonl."""
    text: str = ""
    """Name and digest of the text that things are hidden in."""
    data: str = ""
    """Folder of official files."""
    versions: dict[str, str] = field(default_factory=dict)

    def same_work(self, other: Manifest) -> bool:
        """Whether two runs ask the same of the same model, on whatever machine and with whatever versions."""
        return {**asdict(self), "versions": 0, "device": 0} == {**asdict(other), "versions": 0, "device": 0}

    @classmethod
    def read(cls, path: Path) -> tuple[Self, str]:
        """The manifest of a file and the sha256 of the outcome it records (empty: the run did not end)."""
        try:
            record: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"))
            known = {each.name for each in fields(cls)}
            values: dict[str, Any] = {
                name: tuple(value) if isinstance(value, list) else value for name, value in record.items()
            }
            outcome = str(record.get("outcome_sha256", ""))
            return cls(**{name: value for name, value in values.items() if name in known}), outcome
        except OSError as error:
            raise InputError(f"cannot read the manifest {path}: {error.strerror}") from error
        except (ValueError, TypeError, AttributeError) as error:
            raise InputError(f"{path} is not a manifest of longspan measure: {error}") from error

    def write(self, folder: Path, outcome: str = "") -> None:
        """Write it into a run's folder, with the digest of the outcome when the run is complete."""
        text = json.dumps({**asdict(self), "outcome_sha256": outcome}, ensure_ascii=False, indent=1)
        part = folder / f"{FILE}.part"
        part.write_text(text + "\n", encoding="utf-8")
        part.replace(folder / FILE)


def write_outcome(folder: Path, rows: Sequence[Row]) -> str:
    """Write what must come out the same when a run is made again, and return its sha256."""
    text = "".join(json.dumps(row.outcome(), ensure_ascii=False) + "\n" for row in rows)
    (folder / OUTCOME).write_text(text, encoding="utf-8")
    return hashlib.sha256(text.encode()).hexdigest()


def write_rows(folder: Path, rows: Sequence[Row]) -> list[str]:
    """Write all columns as rows.jsonl, and as rows.parquet where pyarrow is installed; the names written."""
    (folder / "rows.jsonl").write_text("".join(row.text() + "\n" for row in rows), encoding="utf-8")
    try:
        from pyarrow import Table, parquet
    except ImportError:
        return ["rows.jsonl"]
    parquet.write_table(Table.from_pylist([asdict(row) for row in rows]), folder / "rows.parquet")
    return ["rows.jsonl", "rows.parquet"]
