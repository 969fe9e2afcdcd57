"""What benchmarks/memory.py found: a Markdown table, the table of the methods' pages, a picture.

    python benchmarks/memory_report.py memory-smollm2.jsonl --length 4096
    python benchmarks/memory_report.py memory-smollm2.jsonl --length 4096 --json docs/evidence/tables/memory.json \\
        --about "SmolLM2 135M, five texts of 4,096 tokens" --command "python benchmarks/memory.py quality ..."
    python benchmarks/memory_report.py memory-qwen.jsonl --length 8192 --picture docs/images/memory.png
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from found import Found
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from ways import every

from longspan.evals.statistics import paired

COLUMNS = {
    "bytes": "bytes",
    "needles": "needle agnostic",
    "key-value": "key_value agnostic",
    "perplexity": "perplexity",
    "needles, question known": "needle aware",
    "key-value, question known": "key_value aware",
    "prefill, tokens/s": "prefill",
    "decode, tokens/s": "decode",
    "peak": "peak",
}
"""What a column is headed by, and what it shows of a way; those of which nothing was found are left out.

Times of the full store stand in brackets.
"""


@dataclass(frozen=True)
class Row:
    """What was found of one way."""

    label: str
    method: str
    share: float | None
    """Of the bytes of all tokens, where they were counted."""
    right: Mapping[str, list[bool]]
    """Of each kind of question and whether it was known, as the journal names them."""
    losses: Mapping[str, list[float]]
    perplexity: float | None
    cost: Mapping[str, float]

    def accuracy(self, kind: str) -> float | None:
        """Percent of the questions of a kind that were answered."""
        return 100 * statistics.fmean(self.right[kind]) if self.right.get(kind) else None

    def cell(self, what: str) -> str:
        """A column's text; empty where nothing was found."""
        if what == "bytes":
            return f"{100 * self.share:.0f} %" if self.share else ""
        if what == "perplexity":
            return f"{self.perplexity:.2f}" if self.perplexity else ""
        if what in ("prefill", "decode"):
            return f"{self.cost[f'{what}_tok_s']:.1f} ({self.cost[f'{what}_times']:.2f})" if self.cost else ""
        if what == "peak":
            return f"{self.cost['peak'] / 2**20:,.0f} MiB" if self.cost else ""
        right, losses = self.right.get(what), self.losses.get(what)
        return f"{sum(right)}/{len(right)} ({statistics.fmean(losses):.2f})" if right and losses else ""


def rows(found: Mapping[str, Any], length: int) -> Iterator[Row]:
    """All ways of which something is known, in the order they are compared."""
    quality: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for key, value in found.items():
        if key.startswith("quality "):
            _, task, when, _, label = key.split(" ", 4)
            quality.setdefault(label, {}).setdefault(f"{task} {when}", []).append(value)
    bytes_of = {key.removeprefix("cost "): value["nbytes"] for key, value in found.items() if key.startswith("cost ")}
    bytes_of |= {
        label: statistics.fmean(each["nbytes"] for each in kinds["needle agnostic"])
        for label, kinds in quality.items()
        if "needle agnostic" in kinds
    }
    for label, _, method in every(length):
        kinds, cost = quality.get(label, {}), found.get(f"cost {label}", {})
        if kinds or cost:
            losses = [each["loss"] for each in kinds.get("needle agnostic", []) if "loss" in each]
            yield Row(
                label=label,
                method=method,
                share=bytes_of[label] / bytes_of["full"] if label in bytes_of else None,
                right={kind: [right for each in values for right in each["right"]] for kind, values in kinds.items()},
                losses={kind: [loss for each in values for loss in each["losses"]] for kind, values in kinds.items()},
                perplexity=math.exp(statistics.fmean(losses)) if losses else None,
                cost=cost,
            )


def shown(table: list[Row]) -> dict[str, str]:
    """The columns of which something was found."""
    return {name: what for name, what in COLUMNS.items() if any(row.cell(what) for row in table)}


def markdown(table: list[Row]) -> str:
    """The table for people."""
    columns = shown(table)
    lines = ["| way | " + " | ".join(columns) + " |", "|---" * (1 + len(columns)) + "|"]
    lines += ["| " + " | ".join([row.label, *map(row.cell, columns.values())]) + " |" for row in table]
    return "\n".join(lines)


def families(found: Mapping[str, Any]) -> Iterator[str]:
    """RULER's tasks: each method beside the full store on the very same samples, then task by task."""
    runs: dict[str, dict[tuple[str, str], dict[str, float]]] = {}
    for key, value in found.items():
        if key.startswith("family "):
            _, task, index, method = key.split(" ", 3)
            runs.setdefault(method, {})[task.removeprefix("ruler/"), index] = value
    if not runs:
        return
    best = sorted(runs, key=lambda method: -statistics.fmean(value["score"] for value in runs[method].values()))
    runs = {method: runs[method] for method in best}
    yield "| method | bytes | samples | mean | of full | difference and its 95 % interval |"
    yield "|---" * 6 + "|"
    for method, run in runs.items():
        own, whole = ([100 * each[sample]["score"] for sample in run] for each in (run, runs[""]))
        held, room = (statistics.fmean(each[sample]["nbytes"] for sample in run) for each in (run, runs[""]))
        seen = paired(whole, own)
        gap = f"{seen.difference:+.1f} ({seen.interval.low:+.1f} to {seen.interval.high:+.1f})" if method else ""
        mean, share = statistics.fmean(own), statistics.fmean(own) / statistics.fmean(whole)
        name = f"`{method}`" if method else "full"
        yield f"| {name} | {100 * held / room:.1f} % | {len(run)} | {mean:.1f} | {100 * share:.0f} % | {gap} |"
    tasks = sorted({task for task, _ in runs[""]})
    yield "\n| method | " + " | ".join(task.removeprefix("niah_") for task in tasks) + " |"
    yield "|---" * (1 + len(tasks)) + "|"
    for method, run in runs.items():
        each = [[100 * value["score"] for (name, _), value in run.items() if name == task] for task in tasks]
        cells = [f"{statistics.fmean(values):.0f}" if values else "" for values in each]
        yield f"| {f'`{method}`' if method else 'full'} | " + " | ".join(cells) + " |"


def picture(table: list[Row], path: Path, title: str) -> None:
    """Answers over bytes: every way a dot, and by name those that no other beats in both."""
    kinds = [
        name for name in ("needles", "key-value") if COLUMNS[name] in {kind for row in table for kind in row.right}
    ]
    figure = Figure(figsize=(5.2 * len(kinds), 4.6), layout="constrained")
    for axes, name in zip(figure.subplots(1, len(kinds), squeeze=False)[0], kinds, strict=True):
        _dots(axes, table, COLUMNS[name])
        axes.set(xlabel="bytes held, % of all tokens", ylabel=f"{name} answered, %", ylim=(-4, 112))
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=110)


def _dots(axes: Axes, table: list[Row], kind: str) -> None:
    known = [(row, row.share, row.accuracy(kind)) for row in table]
    dots = [(100 * share, right, row.label) for row, share, right in known if share is not None and right is not None]
    axes.scatter([x for x, _, _ in dots], [y for _, y, _ in dots], s=16, color="0.7")
    best, line = -1.0, []
    for x, y, label in sorted(dots, key=lambda dot: (dot[0], -dot[1])):
        if y > best and y > 0:
            best = y
            line.append((x, y))
            axes.annotate(label, (x, y), (3, 3), textcoords="offset points", fontsize=7)
    axes.plot([x for x, _ in line], [y for _, y in line], drawstyle="steps-post", marker="o", markersize=4)
    axes.set_xscale("log", base=2)
    axes.set_xticks([6.25, 12.5, 25, 50, 100], ["6", "12.5", "25", "50", "100"])
    axes.grid(alpha=0.3)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("found", type=Path, help="what benchmarks/memory.py was given as --out")
    parser.add_argument("--length", type=int, default=4096, help="that it was given")
    parser.add_argument("--json", type=Path, help="write the table of the methods' pages")
    parser.add_argument("--about", default="", help="what was measured, for that table and as the picture's title")
    parser.add_argument("--command", default="", help="what gives these figures, for that table")
    parser.add_argument("--picture", type=Path, help="write a picture of answers over bytes")
    asked = parser.parse_args()
    found = Found(asked.found).values
    table = list(rows(found, asked.length))
    if asked.json:
        columns = shown(table)
        cells = [{"method": row.method, "cells": [row.cell(what) for what in columns.values()]} for row in table]
        whole = {"about": asked.about, "command": asked.command, "columns": list(columns), "rows": cells}
        asked.json.write_text(json.dumps(whole, indent=1) + "\n", "utf-8")
    if asked.picture:
        picture(table, asked.picture, asked.about)
    if not asked.json and not asked.picture:
        print(*([markdown(table)] if table else []), *families(found), sep="\n")


if __name__ == "__main__":
    main()
