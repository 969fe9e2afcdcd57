"""longspan compare: methods against one another on the same samples."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longspan.cli.measuring import shared

if TYPE_CHECKING:
    from longspan.core.progress import Progress


@click.command("compare", short_help="Compare methods on the same samples.")
@click.argument("model", required=False)
@click.option("--methods", multiple=True, help="Method strings, by ; or given again; names alone by commas too.")
@click.option("--manifest", type=click.Path(path_type=Path), help="Make the run of this file again.")
@shared
def command(model: str | None, methods: tuple[str, ...], manifest: Path | None, as_json: bool, **options: Any) -> None:
    """Run MODEL with several methods on the same samples; the first is what the others are compared with.

    Writes scores with paired tests, and pictures of quality against memory and time. `plain` is the model as it was
    trained: longspan compare smollm2 --methods "plain; kv=snapkv:budget=512; kv=streaming_llm"
    """
    from longspan.cli.console import bars
    from longspan.cli.recording import recorded
    from longspan.core.errors import InputError

    if (model is None) == (manifest is None):
        raise InputError("name a model and --methods, or a manifest with --manifest FILE: one of the two")
    settings = {"model": model, "methods": list(methods), "manifest": str(manifest or "")}
    with recorded("compare", settings) as result, bars() as progress:
        result |= _compare(model, methods, manifest, options, progress)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        _show(result["standings"], result["report"])


def split(texts: tuple[str, ...]) -> list[str]:
    """Method strings of what was typed; InputError for fewer than two, or two that are the same."""
    from longspan.core.errors import InputError

    found = named(texts)
    if len(found) < 2 or len(set(found)) < len(found):
        raise InputError('name at least two different methods: --methods "plain; kv=snapkv:budget=512"')
    return found


def named(texts: tuple[str, ...]) -> list[str]:
    """Method strings of what was typed, names alone made whole; InputError for a method that is none."""
    from longspan.core.discover import entries, seam
    from longspan.models.method import Method

    words = [word.strip() for text in texts for word in text.split(";" if "=" in text or ";" in text else ",")]
    found = []
    for word in filter(None, words):
        homes = [entry for entry in entries() if entry.name == word and word != "plain"]
        key = seam(homes[0].seam) if homes else None
        text = f"{key.part_of or key.key}={word}" if key else word
        found.append("" if word in ("plain", "dense", "full", "as trained") else text)
        Method.parse(found[-1])
    return found


def _compare(
    model: str | None, methods: tuple[str, ...], again: Path | None, options: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    from longspan.cli import measuring
    from longspan.evals.comparison import compare
    from longspan.evals.manifest import Manifest
    from longspan.evals.report.page import write_comparison
    from longspan.evals.run import Brake

    recorded, outcome = Manifest.read(again) if again else (None, "")
    hay = measuring.hay(recorded.docs if recorded else options["docs"], options["haystack"], progress)
    wanted = recorded or measuring.manifest_of(str(model), split(methods), options, hay)
    brake = Brake(progress)
    subjects = measuring.open_subjects(wanted, measuring.replayed(wanted, options), brake)
    wanted = replace(wanted, digest=subjects[0].digest, device=subjects[0].device)
    folder = measuring.folder_of(wanted, options["out"], "again" if recorded else "compare")
    session = measuring.begin(wanted, hay, folder, options, again=again, progress=progress)
    purse = measuring.purse_of(wanted, options, session.results.rows())
    with measuring.stoppable(folder):
        measuring.ask_all(session, subjects, brake, purse, options)
    rows, made = session.finish()
    standings = compare(rows, wanted.methods)
    report = write_comparison(folder, wanted, standings)
    result = {"folder": str(folder), "report": str(report), "standings": [asdict(each) for each in standings]}
    return {**result, "outcome": made, **({"same": made == outcome} if outcome else {})}


def _show(standings: list[dict[str, Any]], report: str) -> None:
    from rich.table import Table

    from longspan.cli.console import out
    from longspan.evals.report.charts import short

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("length", "method", "score", "against the first", "p", "seconds", "first text", "stored", ""):
        table.add_column(title, justify="left" if title in ("method", "") else "right", overflow="fold")
    first = standings[0]["method"] if standings else ""
    for each in standings:
        against, bounds = each["method"] != first, each["interval"]
        table.add_row(
            short(each["length"]),
            each["method"] or "as trained",
            f"{100 * each['score']:.1f} ({100 * bounds['low']:.0f}-{100 * bounds['high']:.0f})",
            f"{100 * each['difference']:+.1f}" if against else "",
            f"{each['p']:.3f}" if against else "",
            f"{each['seconds']:.2f}",
            f"{each['first_seconds']:.2f}" if each["first_seconds"] else "",
            f"{each['kv_bytes'] / 2**20:.1f} MiB" if each["kv_bytes"] else "",
            "not beaten" if each["best"] else "",
        )
    out().print(table)
    out().print(f"report: {report}", markup=False, soft_wrap=True)
