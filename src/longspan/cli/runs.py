"""longspan runs: what was done before, and everything about one run."""

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from longspan.archive import Run


@click.command("runs", short_help="List past runs, or show one.")
@click.argument("run_id", metavar="[ID]", type=click.IntRange(1, 2**62), required=False)
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
@click.option(
    "--limit", type=click.IntRange(1, 2**62), default=20, show_default=True, help="How many of the newest runs."
)
def command(run_id: int | None, as_json: bool, limit: int) -> None:
    """List past runs, newest first; with an ID show everything about that one."""
    from longspan.archive import Archive

    archive = Archive()
    if run_id is not None:
        run = archive.run(run_id)
        if as_json:
            click.echo(json.dumps(record(run), ensure_ascii=False, indent=2))
        else:
            show_one(run)
        return
    runs = archive.runs(limit)
    if as_json:
        click.echo(json.dumps([record(run) for run in runs], ensure_ascii=False, indent=2))
    elif runs:
        show_table(runs)
    else:
        click.echo("No runs yet.")


def record(run: "Run") -> dict[str, object]:
    """Return a run as JSON can hold it; times are UTC."""
    return {
        "id": run.id,
        "command": run.command,
        "started": run.started.isoformat(),
        "finished": run.finished.isoformat() if run.finished else None,
        "seconds": run.seconds,
        "status": run.status,
        "settings": run.settings,
        "result": run.result,
    }


def show_table(runs: "list[Run]") -> None:
    """Print one line per run."""
    from rich import box
    from rich.console import Console
    from rich.table import Table

    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for title in ("id", "when", "command", "question", "files", "model", "route", "seconds", "status"):
        table.add_column(title, justify="right" if title in ("id", "seconds") else "left", overflow="fold")
    for run in runs:
        table.add_row(*cells(run))
    Console(highlight=False, markup=False).print(table)


def cells(run: "Run") -> list[str]:
    """Return a run's row of the table; the time is the reader's own."""
    seconds = f"{run.seconds:.1f}" if run.seconds is not None else ""
    route = run.result.get("route", run.settings.get("route", ""))
    return [
        str(run.id),
        run.started.astimezone().strftime("%Y-%m-%d %H:%M"),
        run.command,
        short(run.settings.get("question", ""), 48),
        short(run.settings.get("files", ""), 32),
        short(run.settings.get("model", ""), 24),
        str(route),
        seconds,
        run.status,
    ]


def show_one(run: "Run") -> None:
    """Print everything about a run."""
    from rich.console import Console
    from rich.text import Text

    console = Console(highlight=False, markup=False)
    for name, value in record(run).items():
        console.print(Text(f"{name}: ", "bold"), end="")
        console.print(Text(value if isinstance(value, str) else json.dumps(value, ensure_ascii=False, indent=2)))


def short(value: object, width: int) -> str:
    """One line of at most `width` characters; a list becomes its parts with commas."""
    text = ", ".join(map(str, value)) if isinstance(value, list) else str(value)
    line = " ".join(text.split())
    return line if len(line) <= width else line[: width - 1] + "…"
