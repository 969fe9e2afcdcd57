"""longspan score: score predictions made anywhere."""

from __future__ import annotations

import json
from dataclasses import asdict
from pathlib import Path

import click


@click.command("score", short_help="Score predictions made anywhere, by a benchmark's own rules.")
@click.argument("task")
@click.option(
    "--predictions",
    required=True,
    type=click.Path(path_type=Path),
    help="A JSON object a line, as the benchmark has.",
)
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(task: str, predictions: Path, as_json: bool) -> None:
    """Score predictions of TASK, such as infinitebench/kv_retrieval, longbench/hotpotqa or l-eval/coursera."""
    from longspan.core.errors import InputError
    from longspan.core.nearest import choices
    from longspan.evals.catalog import published
    from longspan.evals.score import score_file

    known = published()
    if task not in known:
        raise InputError(f"no benchmark task {task!r}: {choices(task, known)}")
    found = score_file(task, known[task], predictions)
    if as_json:
        click.echo(json.dumps(asdict(found), indent=2))
        return
    mark = " (fewer than 10 samples: an impression, not a measurement)" if found.few else ""
    worth = f"{found.score:.2f}, lower is better" if found.lower else f"{found.score:.2f} of {found.scale:g}"
    click.echo(f"{task}: {worth}, n {found.n}{mark}")
    for part, score in found.parts.items():
        click.echo(f"  {part}: {score:.2f}")
    click.echo(f"95 % interval of the mean {found.interval.low:.2f} to {found.interval.high:.2f}")
    click.echo(f"rule {found.rule}, from {found.origin}")
