import sqlite3
import subprocess
import sys
from contextlib import closing
from datetime import UTC
from pathlib import Path

import pytest

import longspan
from longspan.archive import Archive, database
from longspan.core.errors import InputError

SOURCE = str(Path(longspan.__file__).parents[1])


def test_a_run_is_unfinished_until_it_ends(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    run = archive.start("ask", {"question": "Où?", "files": [Path("a.pdf")]})
    assert archive.run(run).status == "unfinished"
    assert archive.run(run).seconds is None
    archive.finish(run, {"answer": "là"}, status="stopped")
    stored = archive.run(run)
    assert (stored.status, stored.settings, stored.result) == (
        "stopped",
        {"question": "Où?", "files": ["a.pdf"]},
        {"answer": "là"},
    )
    assert stored.started.tzinfo is UTC
    assert stored.seconds is not None
    assert stored.seconds >= 0


def test_a_killed_process_leaves_an_unfinished_run(tmp_path: Path) -> None:
    code = (
        "import os, signal, sys, pathlib; from longspan.archive import Archive;"
        "Archive(pathlib.Path(sys.argv[1])).start('ask', {}); os.kill(os.getpid(), signal.SIGKILL)"
    )
    subprocess.run([sys.executable, "-c", code, str(tmp_path)], env={"PYTHONPATH": SOURCE}, check=False)
    assert [run.status for run in Archive(tmp_path).runs()] == ["unfinished"]


def test_the_newest_runs_come_first(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    assert archive.runs() == []
    ids = [archive.start("ask", {}) for _ in range(5)]
    assert [run.id for run in archive.runs(3)] == ids[:1:-1]


def test_an_unknown_run_names_the_newest(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    with pytest.raises(InputError, match="no run has been stored"):
        archive.run(1)
    run = archive.start("ask", {})
    with pytest.raises(InputError, match=f"no run 99; the newest is {run}"):
        archive.run(99)
    with pytest.raises(InputError, match="no run 99"):
        archive.finish(99, {})


def test_an_unknown_status_or_limit_is_refused(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    with pytest.raises(ValueError, match="done, stopped, failed"):
        archive.finish(archive.start("ask", {}), {}, status="great")
    with pytest.raises(InputError, match="1 or more"):
        archive.runs(0)


def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    file = tmp_path / "archive.sqlite"
    file.write_bytes(b"not a database, not even close" * 100)
    with pytest.raises(InputError, match=r"archive\.sqlite is damaged .* move it away"):
        Archive(tmp_path).start("ask", {})
    assert file.read_bytes().startswith(b"not a database")


def test_another_programs_database_is_left_alone(tmp_path: Path) -> None:
    with closing(sqlite3.connect(tmp_path / "archive.sqlite")) as other, other:
        other.execute("CREATE TABLE runs (name TEXT)")
    with pytest.raises(InputError, match="another program"):
        Archive(tmp_path).start("ask", {})


def test_a_newer_layout_is_left_alone(tmp_path: Path) -> None:
    Archive(tmp_path).start("ask", {})
    with closing(sqlite3.connect(tmp_path / "archive.sqlite")) as newer, newer:
        newer.execute("PRAGMA user_version = 99")
    with pytest.raises(InputError, match="layout 99 and this longspan reads layout 1"):
        Archive(tmp_path).runs()


def test_a_lock_that_stays_is_explained(tmp_path: Path) -> None:
    path = tmp_path / "archive.sqlite"
    Archive(tmp_path).start("ask", {})
    with closing(sqlite3.connect(path)) as holder:
        holder.execute("BEGIN IMMEDIATE")
        with (
            pytest.raises(InputError, match="in use by another process"),
            database.explained(path),
            closing(database.connect(path, busy=0.05)) as waiting,
        ):
            waiting.execute("INSERT INTO runs (command, started, settings) VALUES ('ask', '', '')")


def test_runs_are_read_while_another_process_writes(tmp_path: Path) -> None:
    archive = Archive(tmp_path)
    archive.start("ask", {})
    with closing(sqlite3.connect(tmp_path / "archive.sqlite")) as writer:
        writer.execute("BEGIN IMMEDIATE")
        assert len(archive.runs()) == 1
