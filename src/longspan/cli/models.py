"""longspan models: what is on this machine, and what could be."""

import json
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from longspan.models import Shelved
    from longspan.models.catalog import Known


@click.command("models", short_help="List the models that are here and those that can be pulled.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(as_json: bool) -> None:
    """List the models that are here (window, parameters, bytes on disk, KV bytes per 1k tokens) and those to pull."""
    from longspan.models import shelf
    from longspan.models.catalog import KNOWN

    here = shelf()
    names = {model.name for model in here}
    away = [known for known in KNOWN.values() if known.name not in names]
    if as_json:
        rows = [row(model) for model in here] + [absent(known) for known in away]
        click.echo(json.dumps(rows, ensure_ascii=False, indent=2))
    else:
        show(here, away)


def row(model: "Shelved") -> dict[str, object]:
    """Return a model that is here as JSON can hold it."""
    return {
        "name": model.name,
        "here": True,
        "path": str(model.path),
        "window": model.window,
        "parameters": model.parameters,
        "bytes": model.nbytes,
        "kv_bytes_per_1k": model.kv_bytes_per_1k,
        "licence": model.licence,
    }


def absent(known: "Known") -> dict[str, object]:
    """Return a model that can be pulled as JSON can hold it, with the same keys."""
    return {
        "name": known.name,
        "here": False,
        "path": None,
        "window": known.window,
        "parameters": known.parameters,
        "bytes": None,
        "kv_bytes_per_1k": None,
        "licence": known.licence,
    }


def show(here: "list[Shelved]", away: "list[Known]") -> None:
    """Draw the models that are here as a table, and name the others below."""
    from rich.table import Table

    from longspan.cli.console import out

    table = Table(box=None, pad_edge=False)
    table.add_column("model", overflow="fold")
    for title in ("window", "weights", "on disk", "KV per 1k"):
        table.add_column(title, justify="right", no_wrap=True)
    table.add_column("licence")
    for model in here:
        stored = megabytes(model.kv_bytes_per_1k) if model.kv_bytes_per_1k else "none"
        weights, size = millions(model.parameters), megabytes(model.nbytes)
        table.add_row(model.name, f"{model.window:,}", weights, size, stored, model.licence)
    if here:
        out().print(table)
    else:
        out().print("No model is here yet.")
    if away:
        out().print("\nTo be had with longspan pull NAME:")
    for known in away:
        about = f"{known.summary}; window {known.window:,}, {millions(known.parameters)} weights, {known.licence}"
        out().print(f"  {known.name}: {about}", soft_wrap=True, markup=False)


def megabytes(count: int) -> str:
    """Write bytes in MB.

    >>> megabytes(23_592_960)
    '23.6 MB'
    """
    return f"{count / 1e6:,.1f} MB"


def millions(count: int) -> str:
    """Write a number of weights in millions.

    >>> millions(134_515_008)
    '134.5 M'
    """
    return f"{count / 1e6:,.1f} M"
