"""The report of a run: one HTML file that needs no network."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from longspan.evals.comparison import Standing
from longspan.evals.extension.choice import Choice
from longspan.evals.extension.plan import Plan
from longspan.evals.extension.standing import Standing as Extended
from longspan.evals.manifest import Manifest
from longspan.evals.report import charts, curves
from longspan.evals.row import Row
from longspan.evals.search.recipe import Recipe
from longspan.evals.summary import by_ability, by_depth, by_task, costs, effective, overall

FILE = "report.html"
STORED, MIB = "MiB of stored tokens, keys and values", 2**20
FAILURES = 12
"""Replies with the lowest scores that the page shows."""


@dataclass(frozen=True, slots=True)
class Picture:
    """A drawing and what it shows."""

    title: str
    svg: str


def write(folder: Path, manifest: Manifest, rows: Sequence[Row], *, money: float = 0.0) -> Path:
    """Write report.html and its pictures as PNG files into a run's folder."""
    return _render(folder, "report.html.j2", **facts(folder, manifest, rows), money=money)


def write_comparison(folder: Path, manifest: Manifest, standings: Sequence[Standing]) -> Path:
    """Write the report of a comparison of methods, and its pictures."""
    pictures = [
        Picture("Quality and time", _trade(folder, "quality_by_seconds", standings, "seconds", "seconds a sample")),
    ]
    if any(each.kv_bytes for each in standings):
        pictures += [
            Picture("Quality and memory", _trade(folder, "quality_by_bytes", standings, "kv_bytes", STORED, MIB))
        ]
    return _render(folder, "comparison.html.j2", manifest=manifest, standings=standings, pictures=pictures)


def _trade(folder: Path, name: str, standings: Sequence[Standing], cost: str, title: str, unit: int = 1) -> str:
    return charts.draw(name, folder, charts.paint_trade(standings, cost, title, unit=unit), size=(6.4, 4.4))


def _render(folder: Path, template: str, **said: Any) -> Path:
    from jinja2 import Environment, PackageLoader

    environment = Environment(
        loader=PackageLoader("longspan.evals.report", "."), autoescape=True, trim_blocks=True, lstrip_blocks=True
    )
    environment.filters["short"] = charts.short
    path = folder / FILE
    path.write_text(environment.get_template(template).render(**said), encoding="utf-8")
    return path


def write_extension(
    folder: Path, plan: Plan, standings: Sequence[Extended], choice: Choice, recipe: Recipe | None = None
) -> Path:
    """Write the report of methods that extend a model's window, and its pictures."""
    painted = {
        "perplexity": ("Perplexity by length", curves.paint_perplexity(standings, plan.window)),
        "needles": ("Needles found by length", curves.paint_needles(standings, plan.window)),
    }
    pictures = [Picture(title, charts.draw(name, folder, paint)) for name, (title, paint) in painted.items()]
    return _render(
        folder,
        "extension.html.j2",
        plan=plan,
        standings=standings,
        choice=choice,
        recipe=recipe,
        pictures=pictures,
        lengths=plan.lengths,
    )


def facts(folder: Path, manifest: Manifest, rows: Sequence[Row]) -> dict[str, Any]:
    """Everything the page says; draws its pictures into the folder."""
    tasks, total, rules = by_task(rows), overall(rows), effective(rows)
    lengths = sorted({cell.length for cell in tasks})
    scored = [row for row in rows if row.score is not None]
    return {
        "manifest": manifest,
        "rows": rows,
        "effective": rules,
        "lengths": lengths,
        "tasks": {name: {cell.length: cell for cell in tasks if cell.name == name} for name in manifest.tasks},
        "total": {cell.length: cell for cell in total},
        "costs": costs(rows),
        "over": sum(row.status == "over" for row in rows),
        "cut": sum(bool(row.cut) for row in rows),
        "few": any(cell.few for cell in tasks),
        "failures": sorted((row for row in scored if row.score == 0), key=lambda row: (row.length, row.task))[
            :FAILURES
        ],
        "pictures": list(_pictures(folder, rows)),
    }


def _pictures(folder: Path, rows: Sequence[Row]) -> list[Picture]:
    tasks, total, taken = by_task(rows), overall(rows), costs(rows)
    abilities = [cell for cell in by_ability(rows) if cell.length]
    depths = by_depth(rows)
    made = []
    if total:
        svg = charts.draw("score_by_length", folder, charts.paint_lengths(tasks, total, effective(rows)))
        made.append(Picture("Score by length", svg))
    if depths:
        lengths = sorted({length for _, length in depths})
        svg = charts.draw("depth_by_length", folder, charts.paint_heatmap(depths, lengths), size=(5.4, 3.9))
        made.append(Picture("Where the evidence lies: depth by length", svg))
    if abilities:
        svg = charts.draw("abilities", folder, charts.paint_abilities(abilities))
        made.append(Picture("Abilities", svg))
    if len(taken) > 1:
        svg = charts.draw("cost", folder, charts.paint_costs(taken), size=(5.4, 3.2))
        made.append(Picture("Seconds a sample", svg))
    return made
