"""Open the archive's sqlite file, or say why it cannot be used."""

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from longspan.core.errors import InputError

APPLICATION = 0x6C6F6E67
"Marks a sqlite file as ours (the letters `long`)."
VERSION = 1
BUSY_SECONDS = 30.0
TABLES = """
CREATE TABLE runs (
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  command TEXT NOT NULL,
  started TEXT NOT NULL,
  finished TEXT,
  status TEXT NOT NULL DEFAULT 'unfinished',
  settings TEXT NOT NULL,
  result TEXT NOT NULL DEFAULT '{}'
)
"""


def connect(path: Path, *, busy: float = BUSY_SECONDS) -> sqlite3.Connection:
    """Open the database, made when absent; `busy` seconds are waited for other processes to finish writing."""
    path.parent.mkdir(parents=True, exist_ok=True)
    connection = sqlite3.connect(path, timeout=busy)
    try:
        connection.row_factory = sqlite3.Row
        ensure_schema(connection, path)
    except BaseException:
        connection.close()
        raise
    return connection


def ensure_schema(connection: sqlite3.Connection, path: Path) -> None:
    """Make the tables in an empty file and refuse one that is not ours or is newer than this program."""
    if _marks(connection) == (APPLICATION, VERSION):
        return
    connection.execute("BEGIN IMMEDIATE")
    marks = _marks(connection)
    with connection:
        if marks == (0, 0) and not connection.execute("SELECT 1 FROM sqlite_master").fetchone():
            connection.execute(TABLES)
            connection.execute(f"PRAGMA application_id = {APPLICATION}")
            connection.execute(f"PRAGMA user_version = {VERSION}")
        elif marks[0] != APPLICATION:
            raise InputError(f"{path} is a database of another program: move it away, or set LONGSPAN_HOME elsewhere")
        elif marks[1] != VERSION:
            raise InputError(
                f"{path} has layout {marks[1]} and this longspan reads layout {VERSION}: "
                "use the longspan that wrote it, or move the file away (the list of past runs starts afresh)"
            )
    connection.execute("PRAGMA journal_mode = WAL")


@contextmanager
def explained(path: Path) -> Iterator[None]:
    """Turn sqlite's and the disk's errors about this file into an InputError that says what to do."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        name = getattr(error, "sqlite_errorname", "")
        if name.startswith(("SQLITE_BUSY", "SQLITE_LOCKED")):
            raise InputError(f"{path} is in use by another process: wait until it is done and try again") from error
        if name.startswith(("SQLITE_CANTOPEN", "SQLITE_READONLY", "SQLITE_FULL", "SQLITE_IOERR")):
            raise InputError(f"cannot write {path} ({error}): check its disk and permissions") from error
        raise InputError(
            f"{path} is damaged ({error}): move it away and try again (the list of past runs starts afresh)"
        ) from error
    except OSError as error:
        raise InputError(f"cannot use {path}: {error.strerror}. Set LONGSPAN_HOME to a writable folder.") from error


def _marks(connection: sqlite3.Connection) -> tuple[int, int]:
    application = connection.execute("PRAGMA application_id").fetchone()[0]
    return int(application), int(connection.execute("PRAGMA user_version").fetchone()[0])
