"""What `extend` does around its work: a folder to work in, and the tables it prints."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from longspan.core.progress import Progress
    from longspan.evals.extension.run import Work
    from longspan.evals.search.genetic import Evolution


def begun(name: str, options: dict[str, Any], evolution: Evolution | None, progress: Progress) -> Work:
    """Load the model and the text, and make or enter the folder of the run."""
    from longspan.cli import measuring
    from longspan.core.errors import InputError
    from longspan.evals.extension.plan import Plan, lengths_of
    from longspan.evals.extension.run import Work
    from longspan.evals.subject import ENDPOINT, versions
    from longspan.models.digest import digest

    if name.startswith(ENDPOINT):
        raise InputError(f"{name} is a server's: extend works on a model on this machine")
    length = _length(options["length"])
    hay = measuring.hay(options["docs"], "", progress)
    model = measuring.load(name, options, progress)
    lengths = measuring.read_lengths(options["lengths"]) if options["lengths"] else lengths_of(model.window, length)
    searched = {**asdict(evolution), "piecewise": int(options["piecewise"])} if evolution else {}
    plan = Plan(
        model=name,
        digest=digest(model.folder, progress=progress),
        method=", ".join(options["methods"]),
        length=length,
        window=model.window,
        lengths=lengths,
        documents=options["documents"],
        needles=options["needles"],
        seed=options["seed"],
        text=hay.name,
        search=searched,
        device=f"{model.device.type} {model.dtype}",
        versions=versions(),
    )
    folder = options["out"] or _folder(replace(plan, device="", versions={}))
    plan.start(folder, resume=options["resume"])
    return Work(model, hay, plan, folder, progress)


def print_result(result: dict[str, Any]) -> None:
    """Print what was measured, which method was chosen and why, and what was exported."""
    from longspan.cli.console import out

    if "standings" in result:
        _table("perplexity of the last tokens", result["standings"], _perplexity)
        _table("needles found, of 100, and loss on a token of their values", result["standings"], _needles)
        _table("seconds to read a piece, and MiB stored of it", result["standings"], _cost)
        _against(result["standings"], result["length"])
        for method, why in result["verdicts"].items():
            out().print(f"{method}: {why or 'helps'}", markup=False, soft_wrap=True)
        said = f"chosen: {result['method']}, because {result['why']}" if result["method"] else "nothing helps"
        out().print(said, markup=False, soft_wrap=True)
    if recipe := result.get("recipe"):
        out().print(
            f"searched {recipe['measured']}: as trained {recipe['trained']:.4f}, at the start {recipe['before']:.4f}, "
            f"found {recipe['after']:.4f}\nrecipe: {result['folder']}/recipe.json; use it as "
            f'--method "$(cat {result["folder"]}/method.txt)"',
            markup=False,
            soft_wrap=True,
        )
    for made in result["exports"]:
        _print_export(made)
    if "report" in result:
        out().print(f"report: {result['report']}", markup=False, soft_wrap=True)


def _print_export(made: dict[str, Any]) -> None:
    from longspan.cli.console import out

    proof = made["proof"]
    beyond = "not run" if proof["beyond"] is None else f"{proof['beyond']:.1e}"
    lines = [
        f"{made['engine']}: {made['folder']} (logits differ by at most {proof['within']:.1e} within the window, "
        f"{beyond} beyond)",
        f"  {made['command']}",
        *(f"  note: {note}" for note in made["notes"]),
    ]
    for line in lines:
        out().print(line, markup=False, soft_wrap=True)


def _table(title: str, standings: Sequence[dict[str, Any]], cell: Any) -> None:
    from rich.table import Table

    from longspan.cli.console import out
    from longspan.evals.report.charts import short

    table = Table(title=title, title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("method", overflow="fold")
    for each in standings[0]["cells"]:
        table.add_column(short(each["length"]), justify="right")
    for each in standings:
        table.add_row(each["method"] or "as trained", *(cell(found) for found in each["cells"]))
    out().print(table)


def _against(standings: Sequence[dict[str, Any]], length: int) -> None:
    """What short texts lose, and how sure the gains beyond the window are."""
    import math

    from rich.table import Table

    from longspan.cli.console import out
    from longspan.evals.report.charts import short

    table = Table(title="against the model as trained", title_justify="left", box=None, padding=(0, 2, 0, 0))
    table.add_column("method", overflow="fold")
    for title in (
        "perplexity within",
        "agreement within",
        f"perplexity at {short(length)}",
        "p",
        "loss on needles beyond",
        "p",
    ):
        table.add_column(title, justify="right")
    for each in standings[1:]:
        agreed = [f"{100 * cell['agreement']:.0f}" for cell in each["cells"] if cell["agreement"] is not None]
        table.add_row(
            each["method"],
            f"{100 * math.expm1(each['short']):+.1f} %",
            f"{', '.join(agreed)} %",
            f"{100 * math.expm1(each['loss']['difference']):+.1f} %",
            f"{each['loss']['p']:.3f}",
            f"{each['needles']['difference']:+.2f}",
            f"{each['needles']['p']:.3f}",
        )
    out().print(table)


def _perplexity(cell: dict[str, Any]) -> str:
    bounds = cell["interval"]
    return f"{_number(cell['perplexity'])} ({_number(bounds['low'])}-{_number(bounds['high'])})"


def _number(perplexity: float) -> str:
    return f"{perplexity:,.0f}" if perplexity >= 100 else f"{perplexity:.3g}"


def _needles(cell: dict[str, Any]) -> str:
    bounds = cell["found_interval"]
    return (
        f"{100 * cell['found']:.0f} ({100 * bounds['low']:.0f}-{100 * bounds['high']:.0f}) {cell['needle_loss']:.2f}"
        if cell["needles"]
        else ""
    )


def _cost(cell: dict[str, Any]) -> str:
    return f"{cell['seconds']:.3g} s {cell['nbytes'] / 2**20:.3g}"


def _length(text: str) -> int:
    from longspan.core.errors import InputError
    from longspan.core.setting import read

    try:
        return int(str(read(text, int)))
    except ValueError as error:
        raise InputError(f"--to {error}") from None


def _folder(plan: Any) -> Path:
    """A folder here named after what is asked."""
    from longspan.archive import digest_of

    name = re.sub(r"[^A-Za-z0-9.-]+", "-", plan.model.rstrip("/").rpartition("/")[2]).strip("-")
    return Path(f"extend-{name or 'model'}-{digest_of(str(plan))[:6]}")
