"""The command line answers every mistake in one line with the right exit code, and starts light."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
import time

import click
import pytest

import longspan
from longspan.cli.main import FOLDER, cli, main, run
from longspan.core.errors import InputError

SOURCE = FOLDER.parents[1]


def failing(error: BaseException) -> click.Command:
    @click.command()
    def command() -> None:
        raise error

    return command


def test_the_version_is_that_of_the_package(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out == f"longspan {longspan.__version__}\n"


def test_no_arguments_show_the_help_with_every_command(capsys):
    assert main([]) == 0
    text = capsys.readouterr().out
    assert "Commands:" in text
    for name in cli.list_commands(click.Context(cli)):
        assert f"\n  {name} " in text


def test_files_of_the_folder_that_define_no_command_are_not_listed():
    names = cli.list_commands(click.Context(cli))
    assert "methods" in names
    assert not {"main", "console", "__init__"} & set(names)


def test_every_command_loads_and_has_one_line_of_help():
    context = click.Context(cli)
    for name in cli.list_commands(context):
        command = cli.get_command(context, name)
        assert command is not None
        assert command.get_short_help_str()


def test_an_unknown_command_is_answered_with_the_nearest(capsys):
    assert main(["metods"]) == 2
    assert "There is no command 'metods': did you mean 'methods'?" in capsys.readouterr().err


def test_an_unknown_option_is_a_usage_error(capsys):
    assert main(["methods", "--nonsense"]) == 2
    assert "--nonsense" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("error", "code", "line"),
    [
        (InputError("too long"), 2, "too long"),
        (KeyboardInterrupt(), 130, "stopped; nothing lost"),
        (click.Abort(), 130, "stopped; nothing lost"),
        (FileNotFoundError(errno.ENOENT, "No such file", "a.txt"), 2, "a.txt: No such file"),
        (OSError(errno.ENOSPC, "No space", "m.bin"), 2, "the disk is full (m.bin): free some space"),
        (ValueError("odd\nsecond line"), 1, "internal error: ValueError: odd (run again with --debug"),
    ],
)
def test_an_error_is_one_line_and_an_exit_code(capsys, error, code, line):
    assert run(failing(error), []) == code
    printed = capsys.readouterr()
    assert printed.err.lstrip("\n").startswith(f"longspan: {line}")
    assert printed.err.strip().count("\n") == 0
    assert printed.out == ""


def test_debug_shows_the_traceback_wherever_it_stands(capsys):
    @click.group()
    def group() -> None:
        pass

    group.add_command(failing(InputError("too long")), "fail")
    for words in (["--debug", "fail"], ["fail", "--debug"]):
        assert run(group, words) == 2
        text = capsys.readouterr().err
        assert "Traceback" in text
        assert text.endswith("longspan: too long\n")


def test_debug_after_two_dashes_is_an_argument(capsys):
    @click.command()
    @click.argument("words", nargs=-1)
    def command(words: tuple[str, ...]) -> None:
        click.echo(words)

    assert run(command, ["--", "--debug"]) == 0
    assert capsys.readouterr().out == "('--debug',)\n"


def python(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-W", "error", *arguments], cwd=SOURCE, capture_output=True, text=True, check=False
    )


@pytest.mark.parametrize("words", [["--help"], ["methods"], ["methods", "--json"]])
def test_looking_around_imports_neither_torch_nor_transformers(words):
    code = (
        "import sys; from longspan.cli.main import main; code = main(sys.argv[1:]);"
        "print(code, sorted({'torch', 'transformers', 'numpy'} & set(sys.modules)), file=sys.stderr)"
    )
    began = time.perf_counter()
    done = python("-c", code, *words)
    print(f"longspan {' '.join(words)}: {time.perf_counter() - began:.2f} s")
    assert done.stderr == "0 []\n"


def test_it_runs_as_a_module():
    done = python("-m", "longspan", "methods", "--json")
    assert done.returncode == 0
    assert isinstance(json.loads(done.stdout), list)


def test_a_reader_that_goes_away_is_no_error():
    read, write = os.pipe()
    os.close(read)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "longspan", "--help"], cwd=SOURCE, stdout=write, stderr=subprocess.PIPE, check=False
        )
    finally:
        os.close(write)
    assert done.stderr == b""
    assert done.returncode in (1, 141)
