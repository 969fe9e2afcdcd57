"""Rows on disk as they are made: a crash loses only the samples in flight, and two processes may share a run."""

from __future__ import annotations

import os
import socket
import sqlite3
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import psutil

from longspan.core.errors import InputError
from longspan.evals.row import Row

FILE = "rows.sqlite"
TABLES = """
CREATE TABLE IF NOT EXISTS rows (key TEXT PRIMARY KEY, row TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS claims (key TEXT PRIMARY KEY, owner TEXT NOT NULL, at REAL NOT NULL);
"""
ABANDONED = 3600.0
"""Seconds after which a claim of another machine is taken to be abandoned."""


@dataclass(frozen=True, slots=True)
class Results:
    """The rows of a run in a folder; every call is one transaction of its own."""

    folder: Path

    def claim(self, key: str) -> bool:
        """Take a sample to work on; False where it has a row or a living process is at it."""
        with self._open() as connection:
            if connection.execute("SELECT 1 FROM rows WHERE key = ?", (key,)).fetchone():
                return False
            held = connection.execute("SELECT owner, at FROM claims WHERE key = ?", (key,)).fetchone()
            if held is not None and held[0] != _me() and _alive(*held):
                return False
            connection.execute("INSERT OR REPLACE INTO claims VALUES (?, ?, ?)", (key, _me(), time.time()))
            return True

    def put(self, key: str, row: Row) -> None:
        """Store a finished row; a second one of the same key changes nothing."""
        with self._open() as connection:
            connection.execute("INSERT OR IGNORE INTO rows VALUES (?, ?)", (key, row.text()))
            connection.execute("DELETE FROM claims WHERE key = ?", (key,))

    def release(self, key: str) -> None:
        """Give a sample back unfinished."""
        with self._open() as connection:
            connection.execute("DELETE FROM claims WHERE key = ? AND owner = ?", (key, _me()))

    def keys(self) -> set[str]:
        """Keys of the finished rows."""
        with self._open() as connection:
            return {key for (key,) in connection.execute("SELECT key FROM rows")}

    def rows(self) -> list[Row]:
        """All finished rows, by task, length, method and number."""
        with self._open() as connection:
            found = [Row.read(text) for (text,) in connection.execute("SELECT row FROM rows")]
        return sorted(found, key=lambda row: (row.task, row.length, row.method, row.index, row.sample))

    @contextmanager
    def _open(self) -> Iterator[sqlite3.Connection]:
        path = self.folder / FILE
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with closing(sqlite3.connect(path, timeout=60, isolation_level=None)) as connection:
                connection.executescript(TABLES)
                connection.execute("BEGIN IMMEDIATE")
                with connection:
                    yield connection
        except (sqlite3.Error, OSError) as error:
            raise InputError(f"cannot use {path} ({error}): check the disk, or name another folder") from error


@cache
def _me() -> str:
    return f"{socket.gethostname()} {os.getpid()} {psutil.Process().create_time():.2f}"


def _alive(owner: str, at: float) -> bool:
    """Whether the process of a claim still runs; of another machine only the claim's age is known."""
    host, process, began = owner.rsplit(" ", 2)
    if host != socket.gethostname():
        return time.time() - at < ABANDONED
    try:
        return bool(abs(psutil.Process(int(process)).create_time() - float(began)) < 1)
    except psutil.NoSuchProcess:
        return False
