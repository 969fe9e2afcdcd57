"""The `longspan` command: finds its sub-commands in files, and says what went wrong in one line.

Every module of this folder that defines `command` is a sub-command of its own name. Listing them imports none.
"""

from __future__ import annotations

import ast
import errno
import os
import sys
import traceback
from collections.abc import Sequence
from importlib import import_module
from pathlib import Path

import click

from longspan import __version__
from longspan.core.errors import InputError
from longspan.core.nearest import choices

FOLDER = Path(__file__).parent
BROKEN_PIPE, STOPPED = 128 + 13, 128 + 2
"""Exit codes of a program whose reader went away, and of one stopped by Ctrl-C."""


class Commands(click.Group):
    """A group whose commands are the modules of this folder."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Names of the modules that define a command."""
        return sorted(path.stem for path in FOLDER.glob("*.py") if _definition(path) is not None)

    def get_command(self, ctx: click.Context, cmd_name: str) -> click.Command | None:
        """Import a command; None when there is none of that name."""
        if cmd_name not in self.list_commands(ctx):
            return None
        command = import_module(f"longspan.cli.{cmd_name}").command
        assert isinstance(command, click.Command)
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """Find the command that is called; an unknown one is answered with the nearest."""
        if not args[0].startswith("-") and args[0] not in (known := self.list_commands(ctx)):
            ctx.fail(f"There is no command {args[0]!r}: {choices(args[0], known)}.")
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """List the commands with the first line of their help."""
        rows = [(name, _help(FOLDER / f"{name}.py")) for name in self.list_commands(ctx)]
        with formatter.section("Commands"):
            formatter.write_dl(rows)


@click.group("longspan", cls=Commands, invoke_without_command=True)
@click.version_option(__version__, prog_name="longspan", message="%(prog)s %(version)s")
@click.option("--debug", is_flag=True, help="Show the traceback of an error (may stand anywhere).")
@click.pass_context
def cli(ctx: click.Context, debug: bool) -> None:
    """Read, run, extend, train and measure language models on inputs far longer than their window."""
    if ctx.invoked_subcommand is None:
        click.echo(ctx.get_help())


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line and return the exit code: 0 done, 1 our fault, 2 a mistake to mend, 130 stopped."""
    return run(cli, sys.argv[1:] if arguments is None else arguments)


def run(group: click.Command, arguments: Sequence[str]) -> int:
    """Run a command, turning every exception into one line on standard error and an exit code."""
    words = list(arguments)
    debug = "--debug" in (words[: words.index("--")] if "--" in words else words)
    if debug:
        words.remove("--debug")
    try:
        result = group.main(words, prog_name="longspan", standalone_mode=False)
        sys.stdout.flush()
        return result if isinstance(result, int) else 0
    except Exception as error:
        if debug:
            traceback.print_exc()
        return _explain(error)
    except KeyboardInterrupt:
        return _stopped()


def _explain(error: Exception) -> int:
    """Say what went wrong and return the exit code."""
    if isinstance(error, click.exceptions.Exit):
        return error.exit_code
    if isinstance(error, click.Abort):
        return _stopped()
    if isinstance(error, click.ClickException):
        error.show()
        return error.exit_code
    if isinstance(error, BrokenPipeError) or (isinstance(error, OSError) and error.errno == errno.EPIPE):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return BROKEN_PIPE
    if isinstance(error, InputError):
        return _say(str(error), 2)
    if isinstance(error, OSError):
        return _say(_file_error(error), 2)
    reason = str(error).strip().partition("\n")[0]
    return _say(f"internal error: {type(error).__name__}: {reason} (run again with --debug to see where)", 1)


def _say(message: str, code: int) -> int:
    click.echo(f"longspan: {message}", err=True)
    return code


def _stopped() -> int:
    return _say("stopped; nothing lost", STOPPED)


def _file_error(error: OSError) -> str:
    if error.errno == errno.ENOSPC:
        place = f" ({error.filename})" if error.filename else ""
        return f"the disk is full{place}: free some space and run the same command again"
    where = f"{error.filename}: " if error.filename else ""
    return f"{where}{error.strerror or str(error) or type(error).__name__}"


def _definition(path: Path) -> ast.stmt | None:
    """The statement of a module that defines `command`."""
    if path.stem.startswith("_") or "command" not in (source := path.read_text(encoding="utf-8")):
        return None
    for node in ast.parse(source, str(path)).body:
        names = [node.name] if isinstance(node, ast.FunctionDef) else []
        names += [ast.unparse(target) for target in node.targets] if isinstance(node, ast.Assign) else []
        if "command" in names:
            return node
    return None


def _help(path: Path) -> str:
    """One line about a command: its `short_help`, else the first line of its docstring or of its module's."""
    node = _definition(path)
    for call in (c for c in ast.walk(node) if isinstance(c, ast.Call)) if node else ():
        for word in call.keywords:
            if word.arg == "short_help" and isinstance(word.value, ast.Constant):
                return str(word.value.value)
    text = ast.get_docstring(node) if isinstance(node, ast.FunctionDef) else None
    text = text or ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""
    return text.partition("\n")[0]
