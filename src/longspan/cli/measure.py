"""longspan measure: how long inputs may really be."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from longspan.cli.measuring import shared

if TYPE_CHECKING:
    from longspan.core.progress import Progress
    from longspan.evals.row import Row
    from longspan.evals.session import Session


@click.command("measure", short_help="Measure how long inputs may really be.")
@click.argument("model", required=False)
@click.option("--method", default="", help='How the model runs, such as "rope=yarn:factor=2".')
@click.option("--manifest", type=click.Path(path_type=Path), help="Make the run of this file again.")
@shared
def command(model: str | None, method: str, manifest: Path | None, as_json: bool, **options: Any) -> None:
    """Ask MODEL samples of growing length and say up to where it holds.

    MODEL is a known name, a folder, a GGUF file, a hub id, or a server's address (http://host:port/v1#name). Writes a
    report, pictures, every row, and a manifest that makes the run again. Prompts that do not fit are refused and
    counted, never cut unless --cut says so.
    """
    from longspan.cli.console import bars
    from longspan.cli.recording import recorded

    settings = {"model": model, "method": method, "manifest": str(manifest or ""), **_plain(options)}
    with recorded("measure", settings) as result, bars() as progress:
        result |= _measure(model, method, manifest, options, progress)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        _show(result)
    if result.get("same") is False:
        raise click.exceptions.Exit(1)


def _measure(
    model: str | None, method: str, again: Path | None, options: dict[str, Any], progress: Progress
) -> dict[str, Any]:
    from longspan.cli import measuring
    from longspan.core.errors import InputError
    from longspan.evals.manifest import Manifest
    from longspan.evals.run import Brake

    recorded, outcome = Manifest.read(again) if again else (None, "")
    if (model is None) == (recorded is None):
        raise InputError("name a model, or a manifest with --manifest FILE: one of the two")
    hay = measuring.hay(recorded.docs if recorded else options["docs"], options["haystack"], progress)
    wanted = recorded or measuring.manifest_of(str(model), [method], options, hay)
    if wanted.text != hay.name:
        raise InputError(f"the run was made with the text {wanted.text}, not {hay.name}: name that with --haystack")
    brake = Brake(progress)
    subjects = measuring.open_subjects(wanted, measuring.replayed(wanted, options), brake)
    subject = subjects[0]
    if recorded and recorded.digest not in ("", subject.digest):
        raise InputError(
            f"the run was made with weights {recorded.digest[:16]}, and {wanted.model} has {subject.digest[:16]}: "
            "get those weights"
        )
    wanted = replace(wanted, digest=subject.digest, device=subject.device)
    folder = measuring.folder_of(wanted, options["out"], "measure" if not recorded else "again")
    session = measuring.begin(wanted, hay, folder, options, again=again, progress=progress)
    purse = measuring.purse_of(wanted, options, session.results.rows())
    try:
        with measuring.stoppable(folder):
            measuring.ask_all(session, subjects, brake, purse, options)
    finally:
        result = _finish(session, purse.spent if purse else 0.0)
    return result | ({"same": result["outcome"] == outcome} if outcome else {})


def _finish(session: Session, money: float) -> dict[str, Any]:
    """Write everything and gather what is printed."""
    from longspan.evals.report.page import write
    from longspan.evals.summary import by_ability, by_task, costs, effective, overall

    rows, outcome = session.finish()
    report = write(session.folder, session.manifest, rows, money=money)
    return {
        "report": str(report),
        "folder": str(session.folder),
        "model": session.manifest.model,
        "method": session.manifest.methods[0],
        "effective": [asdict(each) for each in effective(rows)],
        "tasks": [asdict(cell) for cell in by_task(rows)],
        "abilities": [asdict(cell) for cell in by_ability(rows)],
        "all": [asdict(cell) for cell in overall(rows)],
        "costs": [asdict(cost) for cost in costs(rows)],
        "over": _count(rows, "over"),
        "money": money,
        "outcome": outcome,
    }


def _count(rows: list[Row], status: str) -> int:
    return sum(row.status == status for row in rows)


def _show(result: dict[str, Any]) -> None:
    from longspan.cli.console import out
    from longspan.cli.measuring import print_scores
    from longspan.evals.statistics import Interval
    from longspan.evals.summary import Cell

    def cells(name: str) -> list[Cell]:
        return [Cell(**{**each, "interval": Interval(**each["interval"])}) for each in result[name]]

    print_scores(cells("tasks"), cells("all"))
    for rule in result["effective"]:
        more = "at least " if rule["length"] == rule["longest"] else ""
        said = f"{more}{rule['length']:,} tokens" if rule["length"] else "none of the lengths asked"
        out().print(
            f"effective length, {rule['rule']}: {said} "
            f"(by the score alone {_tokens(rule['point'])}; redrawn samples give {_tokens(rule['low'])} to "
            f"{_tokens(rule['high'])})",
            markup=False,
            soft_wrap=True,
        )
    if result["over"]:
        out().print(f"{result['over']} samples did not fit the window and were refused", markup=False)
    if "same" in result:
        out().print(
            "the same to the byte as the run of the manifest"
            if result["same"]
            else "NOT the same as the run of the manifest: compare predictions.jsonl of both",
            markup=False,
        )
    out().print(f"report: {result['report']}", markup=False, soft_wrap=True)


def _tokens(length: int) -> str:
    return f"{length:,}" if length else "none"


def _plain(options: dict[str, Any]) -> dict[str, Any]:
    return {name: str(value) if isinstance(value, Path) else value for name, value in options.items()}
