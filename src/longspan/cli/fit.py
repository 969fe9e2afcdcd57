"""longspan fit: will a model hold so many tokens here, and how."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any, cast

import click

if TYPE_CHECKING:
    from pathlib import Path

    from longspan.archive import Archive
    from longspan.core.progress import Progress
    from longspan.plan.concurrency import Service
    from longspan.plan.fit import Goal, Need, Plan
    from longspan.plan.shape import Shape
    from longspan.plan.speed import Speed
    from longspan.plan.trial import Outcome

CLOSE = 0.15
"""How far a peak may be from the promised one, as a share."""
UNITS = {"": 1, "k": 2**10, "m": 2**20, "g": 2**30, "t": 2**40}


@click.command("fit", short_help="Will a model hold so many tokens here, and how.")
@click.argument("model")
@click.option("--ctx", required=True, help="Tokens of a prompt and its reply together, such as 32k.")
@click.option("--reply", default=256, show_default=True, type=click.IntRange(min=1), help="Of these, the reply.")
@click.option("--batch", default=1, show_default=True, type=click.IntRange(min=1), help="Prompts at once.")
@click.option("--ram", default="", help="Main memory it may take, such as 4G; else what is free.")
@click.option("--vram", default="", help="Memory of the accelerator, such as 24G; else what is free on the one here.")
@click.option("--goal", default="quality", show_default=True, type=click.Choice(["quality", "speed"]))
@click.option("--users", is_flag=True, help="How many people fit at once, and what they wait for.")
@click.option("--link", default="20G", show_default=True, help="Bytes a second to the memory that users are moved to.")
@click.option("--run", "prove", is_flag=True, help="Run the plan and compare what it took.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(model: str, as_json: bool, **options: Any) -> None:
    """Say what MODEL takes to hold --ctx tokens in every way that longspan has, and which way to take.

    Bytes of weights, stored tokens and work, the peak, and seconds by a short self-test of this machine:
    longspan fit smollm2 --ctx 32k --ram 4G --run
    """
    from longspan.cli.console import bars
    from longspan.cli.recording import recorded

    with recorded("fit", {"model": model, **options}) as result, bars() as progress:
        result |= _fit(model, options, progress, quiet=as_json)
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    if result.get("close") is False:
        click.get_current_context().exit(1)


def size(name: str, text: str) -> int:
    """Bytes of a text such as 4G or 512M; InputError for anything else.

    >>> size("--ram", "4G"), size("--ram", "1.5k")
    (4294967296, 1536)
    """
    from longspan.core.errors import InputError

    number, unit = text.strip().lower().removesuffix("b").removesuffix("i"), ""
    if number and number[-1] in UNITS:
        number, unit = number[:-1], number[-1]
    try:
        count = int(float(number) * UNITS[unit])
    except (ValueError, OverflowError):
        count = 0
    if count <= 0:
        raise InputError(f"{name} {text!r} is no amount of memory: write for instance 4G or 512M")
    return count


def _fit(name: str, options: dict[str, Any], progress: Progress, *, quiet: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from longspan.archive import Archive
    from longspan.cli.measuring import note, read_lengths
    from longspan.core.errors import InputError
    from longspan.models import ensure
    from longspan.plan.concurrency import serve
    from longspan.plan.fit import Need, choose, plans
    from longspan.plan.trial import base

    lengths = read_lengths(options["ctx"])
    if len(lengths) > 1:
        raise InputError(f"--ctx {options['ctx']!r} names {len(lengths)} lengths: give one")
    ram, vram = _memory(options)
    need = Need(lengths[0], options["reply"], options["batch"], ram, vram)
    folder, archive = ensure(name, progress=progress, notify=note), Archive()
    shapes, speeds = _shapes(folder, need, archive, progress)
    table = plans(shapes, need, base=base(archive), speeds=speeds)
    result: dict[str, Any] = {"model": name, "need": asdict(need), "plans": [asdict(each) for each in table]}
    try:
        chosen = choose(table, cast("Goal", options["goal"]))
    except InputError:
        _table(table, None)
        raise
    result["chosen"] = asdict(chosen)
    if not quiet:
        _table(table, chosen)
        _how(name, chosen)
    if options["users"]:
        speed = speeds.get(chosen.dtype)
        if speed is None:
            raise InputError("--users needs the model's speed, and it is too large to be loaded here")
        room, link = need.vram or need.ram, size("--link", options["link"])
        served = serve(shapes[chosen.dtype], speed, tokens=need.tokens, room=room, link=link)
        result["users"] = asdict(served)
        if not quiet:
            _users(served)
    return result | (_prove(folder, need, chosen, quiet=quiet) if options["prove"] else {})


def _memory(options: dict[str, Any]) -> tuple[int, int]:
    """Bytes of main memory and of an accelerator that may be taken."""
    from longspan.models.precision import pick_device
    from longspan.plan.machine import here

    device = pick_device().type
    machine = here(device)
    ram = size("--ram", options["ram"]) if options["ram"] else machine.available + machine.held
    vram = size("--vram", options["vram"]) if options["vram"] else machine.accelerator_free
    return ram, vram


def _shapes(
    folder: Path, need: Need, archive: Archive, progress: Progress
) -> tuple[dict[str, Shape], dict[str, Speed]]:
    """The model's sizes by precision, the one that suits this machine first, and its speed in that where it loads."""
    from longspan.cli.measuring import note
    from longspan.models.model import Model
    from longspan.models.precision import PRECISIONS, pick_device, pick_precision
    from longspan.plan.machine import here
    from longspan.plan.shape import Shape
    from longspan.plan.speed import calibrate

    device = pick_device()
    first = pick_precision(device, folder).name
    names = dict.fromkeys([first, "bfloat16"])
    shapes = {name: Shape.read(folder, PRECISIONS[name]) for name in names}
    if shapes[first].weight_bytes * 1.2 > here(device.type).room:
        note("the model is too large to be loaded here, so its speed is not known")
        return shapes, {}
    model = Model.load(folder)
    return shapes, {first: calibrate(model, shapes[first], archive, progress=progress)}


def _table(table: list[Plan], chosen: Plan | None) -> None:
    from rich.table import Table

    from longspan.cli.console import out

    drawn = Table(box=None, pad_edge=False)
    for title in (
        "",
        "way",
        "gives up",
        "precision",
        "weights",
        "stored",
        "elsewhere",
        "work",
        "peak",
        "read",
        "a token",
        "",
    ):
        drawn.add_column(title, justify="left" if title in ("", "way", "gives up", "precision") else "right")
    for plan in table:
        drawn.add_row(
            ">" if plan is chosen else ("" if plan.fits else "x"),
            plan.way,
            plan.gives_up,
            plan.dtype,
            *(_size(count) for count in (plan.weights, plan.kv)),
            _size(plan.away) if plan.away else "",
            *(_size(count) for count in (plan.work, plan.peak)),
            f"{plan.prefill_seconds:.1f} s" if plan.prefill_seconds else "",
            f"{1000 * plan.decode_seconds:.0f} ms" if plan.decode_seconds else "",
            "" if plan.fits else plan.reason,
        )
    out().print(drawn)


def _how(name: str, plan: Plan) -> None:
    from longspan.cli.console import out

    method = f' --method "{plan.method}"' if plan.method else ""
    peak = f"peak {_size(plan.peak)}: weights {_size(plan.weights)}, stored tokens {_size(plan.kv)}"
    out().print(f"\n{peak}, work {_size(plan.work)}, Python and libraries {_size(plan.base)}", markup=False)
    out().print(f'take: longspan ask FILE "..." -m {name}{method} --dtype {plan.dtype}', markup=False, soft_wrap=True)


def _users(served: Service) -> None:
    from longspan.cli.console import out

    out().print(
        f"users: {served.users} with {served.tokens:,} tokens each ({_size(served.user_bytes)}); a new one waits "
        f"{served.prefill_seconds:.1f} s; a token takes {1000 * served.decode_seconds:.0f} ms alone and "
        f"{1000 * served.together_seconds:.0f} ms when all write; changing users takes {served.switch_seconds:.2f} s",
        markup=False,
        soft_wrap=True,
    )


def _prove(folder: Path, need: Need, plan: Plan, *, quiet: bool) -> dict[str, Any]:
    from dataclasses import asdict

    from longspan.cli.console import out
    from longspan.models.precision import pick_device
    from longspan.plan.trial import Trial, run

    device = pick_device().type
    outcome = run(
        Trial(
            str(folder), plan.dtype, device, plan.method, need.tokens - need.reply, need.reply, need.batch, plan.chunk
        )
    )
    close = abs(outcome.peak / plan.peak - 1) <= CLOSE
    if not quiet:
        out().print(_verdict(plan, outcome, close), markup=False, soft_wrap=True)
    return {"outcome": asdict(outcome), "close": close}


def _verdict(plan: Plan, outcome: Outcome, close: bool) -> str:
    said = "within" if close else "NOT within"
    return (
        f"ran: peak {_size(outcome.peak)} for {_size(plan.peak)} promised ({outcome.peak / plan.peak:.2f}, {said} "
        f"{100 * CLOSE:.0f} %); stored tokens {_size(outcome.kv)} for {_size(plan.kv)}; read in "
        f"{outcome.prefill_seconds:.1f} s for {plan.prefill_seconds:.1f} s, a token in "
        f"{1000 * outcome.decode_seconds:.0f} ms for {1000 * plan.decode_seconds:.0f} ms"
    )


def _size(count: int) -> str:
    return f"{count / 2**30:.2f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"
