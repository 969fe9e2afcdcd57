"""longspan tasks: what can be measured."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from longspan.evals.task import Task


JUDGED = "(judged): needs a judge's verdict on each reply, so that longspan score alone takes it."


@click.command("tasks", short_help="List what can be measured, or explain one task.")
@click.argument("name", required=False)
@click.option("--ability", default="", help="Only tasks of this ability.")
@click.option("--json", "as_json", is_flag=True, help="Print JSON.")
def command(name: str | None, ability: str, as_json: bool) -> None:
    """List the tasks of an ability, or all; with NAME (or a pattern such as ruler/*) those of that name."""
    from longspan.core.errors import InputError
    from longspan.core.nearest import choices
    from longspan.evals.catalog import everything, select

    chosen = {key: task for key, task in everything().items() if not name or key in select([name])}
    abilities = {task.card.ability for task in chosen.values()}
    if ability and ability not in abilities:
        raise InputError(f"no task here is about {ability!r}: {choices(ability, abilities)}")
    chosen = {key: task for key, task in chosen.items() if ability in ("", task.card.ability)}
    if as_json:
        click.echo(json.dumps([record(key, task) for key, task in chosen.items()], ensure_ascii=False, indent=2))
    elif len(chosen) == 1:
        _explain(*chosen.popitem())
    else:
        _table(chosen)


def record(name: str, task: Task) -> dict[str, object]:
    """A task as JSON has it."""
    rule = task.rule
    return {
        "name": name,
        **asdict(task.card),
        "rule": rule.name,
        "rule_origin": rule.origin,
        "scale": rule.scale,
        "lower": rule.lower,
    }


def _table(chosen: dict[str, Task]) -> None:
    from rich.table import Table

    from longspan.cli.console import out

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("name", "ability", "what the model has to do", "scope", "diffusion", "tokens", "data"):
        table.add_column(title, overflow="fold", no_wrap=title in ("name", "ability"))
    for name, task in chosen.items():
        card = task.card
        about = f"{card.about} (judged)" if card.judged else card.about
        table.add_row(name, card.ability, about, card.scope, card.diffusion, _range(task), card.source)
    out().print(table)
    if any(task.card.judged for task in chosen.values()):
        out().print(JUDGED)
    out().print(f"{len(chosen)} tasks. longspan tasks NAME explains one, longspan samples NAME shows samples.")


def _explain(name: str, task: Task) -> None:
    from longspan.cli.console import out

    card, rule = task.card, task.rule
    lines = {
        "task": name,
        "about": card.about,
        "ability": card.ability,
        "scope": f"{card.scope} (how much of the input an answer needs)",
        "diffusion": f"{card.diffusion} (how hard that is to find)",
        "length": _range(task) + (f"; reply up to {card.tokens:,}" if card.tokens else ""),
        "rule": f"{rule.name} ({rule.origin}), " + ("lower is better" if rule.lower else f"full score {rule.scale:g}"),
        "judged": "needs a judge's verdict on each reply: longspan score alone" if card.judged else "",
        "data": f"{card.source}; {card.licence}",
        "paper": card.paper,
    }
    for title, text in lines.items():
        if text:
            out().print(f"{title:10} {text}", markup=False, soft_wrap=True)


def _range(task: Task) -> str:
    card = task.card
    if hasattr(task, "load"):
        return "as its files"
    return f"{card.shortest:,} to {card.longest:,}" if card.longest else f"{card.shortest:,} and more"
