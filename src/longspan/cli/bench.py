"""longspan bench: how fast, next to others, in one run."""

from __future__ import annotations

import json
import platform
from contextlib import ExitStack
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from longspan.bench.contest import BreakEven, Spread, Standing
    from longspan.bench.roofline import Roofline
    from longspan.bench.sides import Side
    from longspan.core.progress import Progress
    from longspan.models.model import Model


@click.command("bench", short_help="Time methods side by side with other programs.")
@click.argument("quantity", type=click.Choice(["prefill", "decode", "ttft", "all"]))
@click.option("--model", "-m", default="smollm2", show_default=True, help="A known name, a folder or a GGUF file.")
@click.option("--lengths", default="512,2k,8k", show_default=True, help="Tokens of the prompt, by commas.")
@click.option("--methods", multiple=True, help='Method strings by ";"; plain is always there.')
@click.option("--vs", default="transformers", show_default=True, help="transformers, llamacpp, kvpress[:PRESS:SHARE].")
@click.option("--repeats", default=3, show_default=True, type=click.IntRange(min=1), help="Turns of every side.")
@click.option("--steps", default=16, show_default=True, type=click.IntRange(min=1), help="Tokens written to time one.")
@click.option("--gguf", type=click.Path(path_type=Path), help="The model's file for llama.cpp.")
@click.option("--kvpress-python", default="", help="An interpreter that has kvpress.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto.")
@click.option("--dtype", default="auto", show_default=True, help="float32, bfloat16, float16, or auto.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of bench.json and the pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(quantity: str, as_json: bool, **options: Any) -> None:
    """Time reading a prompt (prefill), writing a token behind it (decode), or text to first token (ttft).

    All sides read the same text and take turns. The first of --vs is what the others are compared with:
    longspan bench all -m smollm2 --lengths 2k,8k --methods "kv=snapkv:budget=512"
    """
    from longspan.cli.console import bars
    from longspan.cli.recording import recorded

    settings = {name: list(value) if isinstance(value, tuple) else str(value or "") for name, value in options.items()}
    with recorded("bench", {"quantity": quantity, **settings}) as result, bars() as progress:
        result |= _bench(quantity, options, progress, quiet=as_json)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))


def _bench(quantity: str, options: dict[str, Any], progress: Progress, *, quiet: bool) -> dict[str, Any]:
    from longspan.bench import roofline
    from longspan.bench.contest import QUANTITIES, break_even, contest
    from longspan.cli.measuring import load, note, read_lengths

    lengths = read_lengths(options["lengths"])
    methods = _methods(options["methods"])
    model = load(str(options["model"]), options, progress)
    if lengths[-1] > model.window:
        note(f"{lengths[-1]:,} tokens are beyond the model's window of {model.window:,}: speed holds, replies do not")
    quantities = QUANTITIES if quantity == "all" else (quantity,)
    with ExitStack() as stack:
        sides = _sides(model, methods, options, lengths[-1] + options["steps"] + 1, stack)
        machine = _machine(model, sides)
        if not quiet:
            _say("\n".join(f"{name}: {value}" for name, value in machine.items()))
        bound = roofline.measure(model)
        standings = list(
            contest(
                sides,
                lengths,
                quantities=quantities,
                repeats=options["repeats"],
                steps=options["steps"],
                progress=progress,
            )
        )
    crossings = break_even(standings)
    result: dict[str, Any] = {"machine": machine, "standings": [asdict(each) for each in standings]}
    result["break_even"] = [asdict(each) for each in crossings]
    result["roofline"] = _bounds(bound, lengths)
    folder = options["out"] or Path(f"bench-{Path(model.name).name}")
    pictures = _write(folder, result, standings, crossings, bound)
    if not quiet:
        _show(standings, crossings, bound)
        _say(f"written: {', '.join(str(path) for path in pictures)}")
    return {**result, "folder": str(folder)}


def _methods(texts: tuple[str, ...]) -> list[str]:
    """Method strings, the model as it was trained first."""
    from longspan.cli.compare import named

    return list(dict.fromkeys(["", *named(texts)]))


def _sides(model: Model, methods: list[str], options: dict[str, Any], room: int, stack: ExitStack) -> list[Side]:
    """Everybody who takes part, to be closed with the stack; those of --vs first."""
    import torch

    from longspan.bench.peers import KVPress, LlamaCpp
    from longspan.bench.sides import Longspan, Transformers
    from longspan.core.errors import InputError

    sides: list[Side] = []
    for word in filter(None, (word.strip() for word in options["vs"].split(","))):
        name, _, rest = word.partition(":")
        if name not in ("transformers", "llamacpp", "kvpress"):
            raise InputError(f"--vs {word!r} is nobody: there are transformers, llamacpp, kvpress")
        if name == "transformers":
            side: Side = Transformers(model)
        elif name == "llamacpp":
            file = options["gguf"] or Path(options["model"])
            side = LlamaCpp(file, room, torch.get_num_threads(), gpu=model.device.type != "cpu")
        else:
            side = KVPress(model, options["kvpress_python"], rest)
        stack.callback(side.close)
        sides.append(side)
    for method in methods:
        side = Longspan(model, method)
        stack.callback(side.close)
        sides.append(side)
    names = [side.name for side in sides]
    if len(set(names)) < len(names):
        raise InputError(f"--vs and --methods name the same twice: {', '.join(names)}")
    return sides


def _machine(model: Model, sides: list[Side]) -> dict[str, str]:
    """Hardware, threads, precision and versions."""
    from importlib.metadata import version

    import torch

    from longspan import __version__
    from longspan.bench.peers import KVPress
    from longspan.plan.machine import here

    machine = here(str(model.device))
    processor = f"{machine.accelerator} on {machine.processor}" if machine.accelerator else machine.processor
    said = {
        "model": model.describe(),
        "hardware": f"{processor}, {machine.cores} cores, {machine.memory / 2**30:.0f} GiB",
        "threads": str(torch.get_num_threads()),
        "dtype": model.dtype,
        "versions": f"longspan {__version__}, torch {torch.__version__}, transformers {version('transformers')}, "
        f"Python {platform.python_version()}",
    }
    if any(side.name.startswith("llamacpp") for side in sides):
        said["llama.cpp"] = f"llama-cpp-python {version('llama-cpp-python')}"
    for side in sides:
        if isinstance(side, KVPress):
            said[side.name] = ", ".join(f"{name} {number}" for name, number in side.versions.items())
    return said


def _bounds(bound: Roofline, lengths: tuple[int, ...]) -> dict[str, Any]:
    return {
        "bytes_per_second": bound.bandwidth,
        "operations_per_second": bound.rate,
        "least_seconds": [
            {"length": length, "prefill": bound.read(length), "decode": bound.step(length)} for length in lengths
        ],
    }


def _write(
    folder: Path, result: dict[str, Any], standings: list[Standing], crossings: list[BreakEven], bound: Roofline
) -> list[Path]:
    """Figures as JSON and a picture per quantity."""
    from longspan.bench.picture import paint
    from longspan.evals.report.charts import draw

    folder.mkdir(parents=True, exist_ok=True)
    (folder / "bench.json").write_text(json.dumps(result, ensure_ascii=False, indent=1), encoding="utf-8")
    quantities = list(dict.fromkeys(each.quantity for each in standings))
    for quantity in quantities:
        draw(quantity, folder, paint(quantity, standings, crossings, bound))
    return [folder / "bench.json", *(folder / f"{quantity}.png" for quantity in quantities)]


def _show(standings: list[Standing], crossings: list[BreakEven], bound: Roofline) -> None:
    from rich.table import Table

    from longspan.cli.console import out
    from longspan.evals.report.charts import short

    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in ("ratio", "", "length", "side", "tokens/s", "seconds", "of roofline", "stored"):
        table.add_column(title, justify="left" if title in ("", "side") else "right", overflow="fold")
    for each in standings:
        least = bound.step(each.length) if each.quantity == "decode" else bound.read(each.length)
        table.add_row(
            f"{each.ratio.median:.2f}x ({each.ratio.low:.2f}-{each.ratio.high:.2f})",
            each.quantity,
            short(each.length),
            each.side,
            _spread(each.per_second),
            _spread(each.seconds),
            f"{100 * least / each.seconds.median:.0f} %",
            f"{each.stored_bytes / 2**20:.1f} MiB" if each.stored_bytes else "",
        )
    out().print(table)
    _say(f"ratios are to {standings[0].side}: above 1 is faster; in brackets the lowest and highest of the turns")
    for each in crossings:
        verb = "overtakes from" if each.faster_beyond else "is faster only up to"
        _say(f"{each.quantity}: {each.side} {verb} about {each.length:,.0f} tokens")
    _say(
        f"roofline: {bound.bandwidth / 1e9:.1f} GB/s of memory, {bound.rate / 1e9:,.0f} GFLOP/s, measured here; a "
        "method that stores or reads less may pass it"
    )


def _spread(spread: Spread) -> str:
    return f"{spread.median:,.4g} ({spread.low:,.4g}-{spread.high:,.4g})"


def _say(text: str) -> None:
    from longspan.cli.console import out

    out().print(text, markup=False, soft_wrap=True)
