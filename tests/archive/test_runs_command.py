import json
import subprocess
import sys
from pathlib import Path

import pytest
from click.testing import CliRunner, Result

import longspan
from longspan.archive import Archive
from longspan.cli.runs import command
from longspan.core.errors import InputError

SOURCE = str(Path(longspan.__file__).parents[1])


@pytest.fixture
def archive(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Archive:
    monkeypatch.setenv("LONGSPAN_HOME", str(tmp_path))
    monkeypatch.setenv("COLUMNS", "200")
    return Archive()


def call(*arguments: str) -> Result:
    return CliRunner().invoke(command, arguments, catch_exceptions=False)


def test_the_table_shows_what_was_asked_and_how_it_went(archive: Archive) -> None:
    settings = {
        "question": "What does\n gather do? [red]",
        "files": ["a.py", "b.py"],
        "model": "smollm2",
        "route": "auto",
    }
    archive.finish(archive.start("ask", settings), {"route": "retrieve"})
    archive.start("ask", {"question": "Why? " * 100})
    shown = call()
    assert shown.exit_code == 0
    newest, oldest = [line for line in shown.output.splitlines() if " ask " in line]
    for part in ("1", "What does gather do? [red]", "a.py, b.py", "smollm2", "retrieve", "0.0", "done"):
        assert part in oldest
    assert "…" in newest
    assert "unfinished" in newest


def test_one_run_is_shown_whole(archive: Archive) -> None:
    run = archive.start("ask", {"question": "Why? " * 100})
    archive.finish(run, {"answer": "Because."})
    assert "Because." in call(str(run)).output
    stored = json.loads(call(str(run), "--json").output)
    assert stored["settings"]["question"] == "Why? " * 100
    assert stored["status"] == "done"


def test_json_lists_the_newest_up_to_the_limit(archive: Archive) -> None:
    assert "No runs yet" in call().output
    assert json.loads(call("--json").output) == []
    for _ in range(3):
        archive.start("ask", {})
    assert [run["id"] for run in json.loads(call("--json", "--limit", "2").output)] == [3, 2]


def test_an_unknown_run_is_an_input_error(archive: Archive) -> None:
    with pytest.raises(InputError, match="no run 7"):
        call("7")
    assert call("seven").exit_code == 2


def test_the_command_imports_nothing_heavy() -> None:
    code = "import sys, longspan.cli.runs; print({'torch', 'rich', 'numpy', 'sqlite3'} & set(sys.modules))"
    done = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, env={"PYTHONPATH": SOURCE}, check=True
    )
    assert done.stdout.strip() == "set()"
