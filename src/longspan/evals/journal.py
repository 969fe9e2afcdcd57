"""What was found so far, on disk as it is found: long work that stops goes on from there."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longspan.core.errors import InputError


@dataclass(frozen=True, slots=True)
class Journal:
    """Values by key in one sqlite file; every call is one transaction of its own."""

    path: Path

    def get(self, key: str) -> Any:
        """The value of a key; None without one."""
        with self._open() as connection:
            row = connection.execute("SELECT value FROM found WHERE key = ?", (key,)).fetchone()
        return json.loads(row[0]) if row else None

    def put(self, key: str, value: Any) -> None:
        """Keep a value for ever; a second one of the same key changes nothing."""
        with self._open() as connection:
            connection.execute("INSERT OR IGNORE INTO found VALUES (?, ?)", (key, json.dumps(value)))

    def __len__(self) -> int:
        with self._open() as connection:
            return int(connection.execute("SELECT count(*) FROM found").fetchone()[0])

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(self.path, timeout=60)) as connection, connection:
                connection.execute("CREATE TABLE IF NOT EXISTS found (key TEXT PRIMARY KEY, value TEXT NOT NULL)")
                yield connection
        except (sqlite3.Error, OSError) as error:
            raise InputError(f"cannot use {self.path} ({error}): check the disk, or name another folder") from error
