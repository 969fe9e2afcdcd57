"""The list of runs: what was asked for, when, and how it ended."""

import json
import sqlite3
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from longspan.archive import database
from longspan.core.errors import InputError

ENDINGS = ("done", "stopped", "failed")


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a command."""

    id: int
    "Counts up from 1."
    command: str
    "Its name on the command line, such as ask."
    started: datetime
    "UTC."
    finished: datetime | None
    "UTC; None while it runs, and for ever when it was killed."
    status: str
    "done, stopped (by Ctrl-C), failed or unfinished."
    settings: dict[str, object]
    "What it was asked to do."
    result: dict[str, object]
    "What came out; empty until it finished."

    @property
    def seconds(self) -> float | None:
        """Wall time from start to finish, None when it has not finished."""
        return (self.finished - self.started).total_seconds() if self.finished else None


@dataclass(frozen=True, slots=True)
class Ledger:
    """The runs in one sqlite file; every call opens and closes it, so threads and processes may share it."""

    path: Path

    def start(self, command: str, settings: Mapping[str, object]) -> int:
        """Add an unfinished run and return its id."""
        with self._open() as connection:
            added = connection.execute(
                "INSERT INTO runs (command, started, settings) VALUES (?, ?, ?)",
                (command, now(), json_text(settings)),
            )
            return int(added.lastrowid or 0)

    def finish(self, run: int, result: Mapping[str, object], *, status: str) -> None:
        """Write a run's end; an unknown id is an InputError."""
        if status not in ENDINGS:
            raise ValueError(f"run status {status!r}: use one of {', '.join(ENDINGS)}")
        with self._open() as connection:
            changed = connection.execute(
                "UPDATE runs SET finished = ?, status = ?, result = ? WHERE id = ?",
                (now(), status, json_text(result), run),
            )
            if changed.rowcount == 0:
                raise unknown(run, connection)

    def newest(self, limit: int) -> list[Run]:
        """Return up to `limit` runs, newest first."""
        if limit < 1:
            raise InputError(f"a limit of {limit} runs shows nothing: use 1 or more")
        if not self.path.exists():
            return []
        with self._open() as connection:
            rows = connection.execute("SELECT * FROM runs ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [as_run(row) for row in rows]

    def read(self, run: int) -> Run:
        """One run; an unknown id is an InputError."""
        if not self.path.exists():
            raise InputError(f"there is no run {run}: no run has been stored yet")
        with self._open() as connection:
            row = connection.execute("SELECT * FROM runs WHERE id = ?", (run,)).fetchone()
            if row is None:
                raise unknown(run, connection)
        return as_run(row)

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        with database.explained(self.path), closing(database.connect(self.path)) as connection, connection:
            yield connection


def as_run(row: sqlite3.Row) -> Run:
    """Turn a stored row into a value."""
    return Run(
        id=row["id"],
        command=row["command"],
        started=datetime.fromisoformat(row["started"]),
        finished=datetime.fromisoformat(row["finished"]) if row["finished"] else None,
        status=row["status"],
        settings=json.loads(row["settings"]),
        result=json.loads(row["result"]),
    )


def unknown(run: int, connection: sqlite3.Connection) -> InputError:
    """Make the error for a run that is not there, naming what is."""
    newest = connection.execute("SELECT max(id) FROM runs").fetchone()[0]
    known = f"the newest is {newest}: `longspan runs` lists them" if newest else "no run has been stored yet"
    return InputError(f"there is no run {run}; {known}")


def json_text(value: Mapping[str, object]) -> str:
    """Spell settings as JSON; paths and other values that JSON lacks become their text."""
    return json.dumps(dict(value), ensure_ascii=False, default=str)


def now() -> str:
    """The time in UTC, as stored."""
    return datetime.now(UTC).isoformat(timespec="milliseconds")
