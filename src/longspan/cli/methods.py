"""longspan methods: what is in here."""

from __future__ import annotations

import ast
import json
from collections.abc import Sequence
from dataclasses import asdict
from itertools import groupby

import click

from longspan.core.discover import SEAMS, Entry, Field, entries, seam
from longspan.core.errors import InputError
from longspan.core.nearest import choices
from longspan.core.setting import write


@click.command()
@click.argument("name", required=False)
@click.option("--seam", "only", metavar="SEAM", help=f"Only those of one seam: {', '.join(row.key for row in SEAMS)}.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON: a list of methods.")
def command(name: str | None, only: str | None, as_json: bool) -> None:
    """List the methods, or explain one."""
    chosen = choose(name, only)
    if as_json:
        click.echo(json.dumps([asdict(entry) for entry in chosen], indent=2, ensure_ascii=False))
    elif name:
        for entry in chosen:
            _explain(entry)
    else:
        _table(chosen)


def choose(name: str | None, only: str | None) -> list[Entry]:
    """Return the methods of a name and a seam; raises InputError with the nearest match."""
    keys = [row.key for row in SEAMS]
    if only and only not in keys:
        raise InputError(f"unknown seam {only!r}: {choices(only, keys)}")
    inside = [entry for entry in entries() if only in (None, entry.seam)]
    if name is None:
        return inside
    wanted = name.lower().replace("-", "_")
    chosen = [entry for entry in inside if wanted in (entry.name, entry.title.lower().replace("-", "_"))]
    if not chosen:
        raise InputError(f"unknown method {name!r}: {choices(wanted, (entry.name for entry in inside))}")
    return chosen


def usage(entry: Entry) -> str:
    """Write a method string that uses a method, with all its fields."""
    fields = [f"{field.name}={typed}" for field in entry.fields if (typed := _typed(field))]
    row = seam(entry.seam)
    name = entry.name
    if row.part_of and not row.host:
        guests = [
            other.name for other in entries() if seam(other.seam).part_of == row.part_of and seam(other.seam).host
        ]
        name, fields = next(iter(guests), "NAME"), [f"{row.key}={entry.name}", *fields]
    return ":".join(filter(None, [f"{row.part_of or row.key}={name}", ",".join(fields)]))


def _typed(field: Field) -> str:
    """A field's default as it is typed on the command line; empty when it cannot be."""
    if field.default is None:
        return next((e.name for e in entries() if e.seam == field.name), f"<{field.annotation}>")
    try:
        return write(ast.literal_eval(field.default))
    except ValueError:
        made, _, settings = field.default.rpartition(".")[2].partition("(")
        names = (e.name for e in entries() if (e.seam, e.class_name) == (field.name, made))
        return next(names, "") if settings == ")" else ""


def _table(chosen: Sequence[Entry]) -> None:
    from rich.table import Table

    from longspan.cli.console import out

    for key, group in groupby(chosen, key=lambda entry: entry.seam):
        table = Table(title=f"{key}: {seam(key).meaning}", title_justify="left", box=None, padding=(0, 2, 0, 0))
        for title in ("name", "what it does", "paper"):
            table.add_column(title, overflow="fold", no_wrap=title == "name")
        for entry in group:
            table.add_row(entry.name, entry.summary, entry.paper.removeprefix("https://"))
        out().print(table, "")
    out().print("longspan methods NAME explains one, with its settings.")


def _explain(entry: Entry) -> None:
    from rich.table import Table
    from rich.text import Text

    from longspan.cli.console import out

    row = seam(entry.seam)
    hosts = [e for e in entries() if row.host and (e.seam, e.name) == (row.part_of, row.host)]
    lines = [
        f"{entry.title}: {entry.summary}",
        f"Seam: {row.key} ({row.meaning})",
        f"Class: {entry.module}.{entry.class_name}",
        *([f"Paper: {entry.paper}"] if entry.paper else []),
        *(f"Also: {text}" for text in entry.also),
        *([f"Differs from the paper: {entry.deviations}"] if entry.deviations else []),
        *(
            f"Takes the settings of {e.name} too: {', '.join(f.name for f in e.fields if f.name != row.key)}"
            for e in hosts
        ),
    ]
    for line in lines:
        out().print(Text(line), soft_wrap=True)
    if entry.fields:
        table = Table(box=None, padding=(0, 2, 0, 0))
        for title in ("setting", "default", "meaning"):
            table.add_column(title, overflow="fold")
        for field in entry.fields:
            table.add_row(field.name, Text(field.default or "(must be given)"), Text(field.meaning))
        out().print("", table, sep="\n")
    out().print(Text(f'\nWrite: {row.option} "{usage(entry)}"\n'), soft_wrap=True)
