"""longspan bench: how fast, next to others, in one run."""

from __future__ import annotations

import json
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from collections.abc import Sequence

    from longspan.bench.contest import Plan, Spread
    from longspan.bench.outcome import Outcome
    from longspan.bench.peers import Asked
    from longspan.bench.sides import Side
    from longspan.core.progress import Progress
    from longspan.models.model import Model


@click.command("bench", short_help="Time methods side by side with other programs.")
@click.argument("quantity", type=click.Choice(["prefill", "decode", "ttft", "all"]))
@click.option("--model", "-m", default="smollm2", show_default=True, help="A name, a folder, a GGUF file; random:1b.")
@click.option("--lengths", default="512,2k,8k", show_default=True, help="Tokens of the prompt, by commas.")
@click.option("--methods", multiple=True, help="Method strings, by ; or given again; dense is always there.")
@click.option("--vs", default="transformers", show_default=True, help="transformers, llamacpp, kvpress[:PRESS:SHARE].")
@click.option("--repeats", default=4, show_default=True, type=click.IntRange(min=1), help="Turns of every side.")
@click.option("--steps", default=16, show_default=True, type=click.IntRange(min=1), help="Tokens written to time one.")
@click.option("--gguf", type=click.Path(path_type=Path), help="The model's file for llama.cpp.")
@click.option("--kvpress-python", default="", metavar="FILE", help="An interpreter that has kvpress.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto.")
@click.option("--dtype", default="auto", show_default=True, help="float32, w16a32, bfloat16, float16, or auto.")
@click.option("--out", type=click.Path(path_type=Path), help="Folder of bench.json and the pictures.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(quantity: str, as_json: bool, **options: Any) -> None:
    """Time reading a prompt (prefill), writing a token behind it (decode), or text to first token (ttft).

    All sides read the same text and take turns. Methods are compared with dense, the model as it was trained, and all
    of ours with those of --vs: longspan bench all -m smollm2 --lengths 2k,8k --methods "kv=snapkv:budget=512"
    """
    from longspan.cli.console import bars
    from longspan.cli.recording import recorded

    settings = {name: list(value) if isinstance(value, tuple) else str(value or "") for name, value in options.items()}
    with recorded("bench", {"quantity": quantity, **settings}) as result, bars() as progress:
        result |= _bench(quantity, options, progress, quiet=as_json)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))


def _bench(quantity: str, options: dict[str, Any], progress: Progress, *, quiet: bool) -> dict[str, Any]:
    from functools import partial

    from longspan.bench import peers, roofline
    from longspan.bench.contest import QUANTITIES, Plan, Standing, contest
    from longspan.bench.host import describe
    from longspan.bench.outcome import Outcome
    from longspan.bench.sides import prose
    from longspan.cli.measuring import note, read_lengths

    quantities = QUANTITIES if quantity == "all" else (quantity,)
    plan = Plan(read_lengths(options["lengths"]), quantities, options["repeats"], options["steps"])
    methods = _methods(options["methods"])
    asked = peers.read(options["vs"], gguf=options["gguf"] or Path(options["model"]), python=options["kvpress_python"])
    model = _model(str(options["model"]), options, progress)
    _check(model, asked, plan)
    for remark in (remarks := _remarks(model, methods, plan)):
        note(remark)
    folder = options["out"] or Path(f"bench-{Path(model.name).stem.replace(':', '-')}")
    with ExitStack() as stack:
        ours, others = _sides(model, methods, asked, plan, stack)
        machine = describe(model, others)
        if not quiet:
            _say("\n".join(f"{name}: {value}" for name, value in machine.items()))
        standings, new = list[Standing](), not folder.exists()
        outcome = Outcome(machine, plan, remarks, standings, roofline.measure(model))
        folder.mkdir(parents=True, exist_ok=True)
        try:
            standings.extend(contest(ours, others, partial(prose, model), plan, progress=progress))
        finally:
            written = outcome.write(folder) if standings else []
            if new and not written:
                folder.rmdir()
    if not quiet:
        _show(outcome)
        _say(f"written: {', '.join(str(path) for path in written)}")
    return {**outcome.plain(), "folder": str(folder)}


def _model(name: str, options: dict[str, Any], progress: Progress) -> Model:
    """A model by name, or one made with random weights."""
    from longspan.cli.measuring import load, note
    from longspan.models.shapes import PREFIX, shaped

    if not name.startswith(PREFIX):
        return load(name, options, progress)
    model = shaped(name, device=options["device"], dtype=options["dtype"])
    note(f"{model.describe()}, random weights")
    return model


def _methods(texts: tuple[str, ...]) -> list[str]:
    """Method strings, the model as it was trained first."""
    from longspan.cli.compare import named

    return list(dict.fromkeys(["", *named(texts)]))


def _check(model: Model, asked: Sequence[Asked], plan: Plan) -> None:
    """InputError for a length beyond the memory that is free."""
    from longspan.bench import memory
    from longspan.plan.machine import here
    from longspan.plan.shape import Shape

    shape, tokens = Shape.of(model), plan.lengths[-1] + plan.written + 1
    held = {each.kind: each.held(shape, tokens) for each in asked}
    memory.check(shape, tokens, held, here(str(model.device)).room)


def _remarks(model: Model, methods: Sequence[str], plan: Plan) -> list[str]:
    """What a person should know of what was asked."""
    from longspan.models.method import Method

    remarks, longest = [], plan.lengths[-1]
    if longest > model.window:
        beyond = f"{longest:,} tokens are beyond the model's window of {model.window:,}"
        remarks.append(f"{beyond}: speed holds, replies do not")
    if plan.repeats == 1:
        remarks.append("one turn shows no spread: take more --repeats before believing who is faster")
    bare = [method for method in methods if getattr(Method.parse(method).pattern, "recipe", None) == ""]
    estimate = (
        "names no recipe: every head follows the built-in estimate; longspan.pattern.search finds this model's own"
    )
    return remarks + [f"{method} {estimate}" for method in bare]


def _sides(
    model: Model, methods: Sequence[str], asked: Sequence[Asked], plan: Plan, stack: ExitStack
) -> tuple[list[Side], list[Side]]:
    """Ours, dense first, and the peers, all to be closed with the stack."""
    from longspan.bench.sides import Longspan

    ours: list[Side] = [Longspan(model, method) for method in methods]
    others: list[Side] = []
    for each in ours:
        stack.callback(each.close)
    for peer in asked:
        others.append(peer.open(model, plan.lengths[-1] + plan.written + 1))
        stack.callback(others[-1].close)
    return ours, others


def _show(outcome: Outcome) -> None:
    from rich.table import Table

    from longspan.bench.sides import DENSE
    from longspan.cli.console import out
    from longspan.evals.report.charts import short

    rivals = sorted({rival for each in outcome.standings for rival in each.ratios}, key=lambda name: name != DENSE)
    table = Table(box=None, padding=(0, 2, 0, 0))
    for title in (*(f"x {rival}" for rival in rivals), "", "length", "side", "tokens/s", "time", "roofline", "stored"):
        table.add_column(title, justify="left" if title in ("", "side") else "right", overflow="fold")
    for each in sorted(outcome.standings, key=lambda each: outcome.plan.quantities.index(each.quantity)):
        least = outcome.bound.step(each.length) if each.quantity == "decode" else outcome.bound.read(each.length)
        table.add_row(
            *(_ratio(each.ratios[rival]) if rival in each.ratios else "" for rival in rivals),
            each.quantity,
            short(each.length),
            each.side,
            f"{each.per_second.median:,.{0 if each.per_second.median >= 100 else 1}f}",
            _seconds(each.seconds),
            f"{100 * least / each.seconds.median:.0f} %",
            f"{each.stored_bytes / 2**20:.1f} MiB" if each.stored_bytes else "",
        )
    out().print(table)
    _say("above 1 is faster; in brackets the lowest and highest of the turns")
    for verdict in outcome.headlines:
        _say(str(verdict))
    _say(
        f"roofline: what {outcome.bound.bandwidth / 1e9:.1f} GB/s of memory and {outcome.bound.rate / 1e9:,.0f} "
        "GFLOP/s, measured here, allow where all tokens are stored and read; a method that does less may pass it"
    )


def _ratio(spread: Spread) -> str:
    return f"{spread.median:.2f} ({spread.low:.2f}-{spread.high:.2f})"


def _seconds(spread: Spread) -> str:
    """Of at least one second in seconds, else in thousandths."""
    unit, name = (1, "s") if spread.median >= 1 else (1000, "ms")
    middle, low, high = (
        f"{unit * value:,.{1 if unit * value >= 10 else 2}f}" for value in (spread.median, spread.low, spread.high)
    )
    return f"{middle} {name} ({low}-{high})"


def _say(text: str) -> None:
    from longspan.cli.console import out

    out().print(text, markup=False, soft_wrap=True)
