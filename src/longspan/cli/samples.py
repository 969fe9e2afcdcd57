"""longspan samples: look at what is asked."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from longspan.evals.task import Sample

SHOWN = 900
"""Characters of a context that are printed from either end."""


@click.command("samples", short_help="Look at samples of a task.")
@click.argument("task")
@click.option("--length", default="1k", show_default=True, help="Tokens of prompt and reply.")
@click.option("-n", "number", default=1, show_default=True, type=click.IntRange(min=1), help="How many.")
@click.option("--seed", default=0, show_default=True, help="Other samples.")
@click.option("--model", "-m", default="smollm2", show_default=True, help="Whose tokenizer counts the tokens.")
@click.option("--haystack", default="", help="Text to hide things in; else this Python's own reference.")
@click.option("--data", default="", help="Folder of official benchmark files.")
@click.option("--full", is_flag=True, help="Print contexts whole.")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON object per line.")
def command(task: str, length: str, number: int, seed: int, full: bool, as_json: bool, **options: str) -> None:
    """Print samples of TASK: what comes before the context, the context, the question, and the references."""
    from longspan.cli.console import bars

    with bars() as progress:
        from longspan.cli import measuring
        from longspan.evals.catalog import find
        from longspan.evals.manifest import Manifest
        from longspan.evals.run import Source
        from longspan.evals.subject import local
        from longspan.models.method import Method

        find(task)
        hay = measuring.hay("", options["haystack"], progress)
        model = measuring.load(options["model"], {"device": "cpu", "dtype": "auto"}, progress)
        subject = local(model, Method(), spelled="", name=options["model"], progress=progress)
        wanted = Manifest(
            model=options["model"],
            tasks=(task,),
            lengths=measuring.read_lengths(length),
            samples=number,
            seed=seed,
            data=options["data"],
        )
        source = Source(wanted, hay)
        made = [source.sample(job, subject) for job in source.jobs()]
    for sample in made:
        if as_json:
            click.echo(json.dumps(asdict(sample), ensure_ascii=False))
        else:
            _show(sample, subject.count(sample.prompt, sample.start), full)


def _show(sample: Sample, tokens: int, full: bool) -> None:
    text = sample.context
    if not full and len(text) > 2 * SHOWN:
        text = f"{text[:SHOWN]}\n[... {len(text) - 2 * SHOWN:,} characters ...]\n{text[-SHOWN:]}"
    depth = "" if sample.depth is None else f", evidence at {100 * sample.depth:.0f} %"
    click.echo(f"--- {sample.task} {sample.id}: {tokens:,} tokens and {sample.max_tokens:,} of reply{depth}")
    click.echo(f"{sample.before}{text}{sample.after}")
    if sample.start:
        click.echo(f"[the reply begins] {sample.start}")
    for first, last in sample.spans:
        click.echo(f"[evidence, characters {first:,} to {last:,}] {sample.context[first:last]}")
    for answer in sample.answers:
        click.echo(f"[reference] {answer}")
