"""What `measure` and `compare` share: options to a manifest, subjects, the run, and the table."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from longspan.core.progress import Progress
    from longspan.evals.cost import Purse
    from longspan.evals.haystack import Haystack
    from longspan.evals.manifest import Manifest
    from longspan.evals.row import Row
    from longspan.evals.run import Brake
    from longspan.evals.session import Session
    from longspan.evals.subject import Subject
    from longspan.evals.summary import Cell
    from longspan.models.model import Model

Option = Callable[[Callable[..., None]], Callable[..., None]]
OPTIONS: tuple[Option, ...] = (
    click.option("--tasks", default="core", show_default=True, help="Suites, names or patterns (ruler/*), by commas."),
    click.option("--lengths", default="1k,2k,4k,8k", show_default=True, help="Tokens of prompt and reply, by commas."),
    click.option("--samples", default=20, show_default=True, type=click.IntRange(min=1), help="Per task and length."),
    click.option("--seed", default=0, show_default=True, help="Other samples."),
    click.option("--docs", default="", help="Your own documents: tasks are made of them (core becomes docs)."),
    click.option("--asker", default="", help="A model that writes questions about --docs; they are asked too."),
    click.option("--haystack", default="", help="Text to hide things in; else this Python's own reference."),
    click.option("--data", default="", help="Folder of official benchmark files."),
    click.option(
        "--cut", type=click.Choice(["middle", "left", "right"]), help="Cut what does not fit; else refuse it."
    ),
    click.option("--agnostic", is_flag=True, help="Read contexts before the question is known (query-agnostic)."),
    click.option("--out", type=click.Path(path_type=Path), help="Folder of the results."),
    click.option("--resume", is_flag=True, help="Go on with the run in that folder."),
    click.option("--parallel", default=8, show_default=True, type=click.IntRange(min=1), help="Calls to a server."),
    click.option("--ray", default="", metavar="ADDRESS", help="Fan out over a Ray cluster; local starts one here."),
    click.option("--workers", default=0, help="Ray workers, each with the model; 0: one per machine."),
    click.option("--window", default=0, help="A server's window in tokens, where it does not tell."),
    click.option("--prices", type=click.Path(path_type=Path), help="JSON: model to price per million tokens."),
    click.option("--max-cost", type=float, help="Stop before the calls cost more."),
    click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto."),
    click.option("--dtype", default="auto", show_default=True, help="float32, w16a32, bfloat16, float16, or auto."),
    click.option("--json", "as_json", is_flag=True, help="Print one JSON object."),
)


def shared(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command the options of a run."""
    for option in reversed(OPTIONS):
        command = option(command)
    return command


def read_lengths(text: str) -> tuple[int, ...]:
    """Lengths of a list such as `1k,2k,32768`, rising; InputError for anything else."""
    from longspan.core.errors import InputError
    from longspan.core.setting import read

    try:
        lengths = {int(str(read(word.strip(), int))) for word in text.split(",") if word.strip()}
    except ValueError as error:
        raise InputError(f"--lengths {error}") from None
    if not lengths or min(lengths) < 1:
        raise InputError(f"--lengths {text!r} holds no length: write for instance 1k,2k,4k")
    return tuple(sorted(lengths))


def manifest_of(model: str, methods: Sequence[str], options: dict[str, Any], haystack: Haystack) -> Manifest:
    """What a command line asks for."""
    from longspan.core.errors import InputError
    from longspan.evals.manifest import Manifest
    from longspan.evals.questions import NAME
    from longspan.evals.run import Source, check_judged
    from longspan.evals.subject import versions
    from longspan.evals.suites import expand

    if options["asker"] and not options["docs"]:
        raise InputError("--asker writes questions about your own documents: name them with --docs")
    tasks = expand("docs" if options["docs"] and options["tasks"] == "core" else options["tasks"])
    made = Manifest(
        model=model,
        methods=tuple(methods),
        tasks=tuple(tasks),
        asker=options["asker"],
        lengths=read_lengths(options["lengths"]),
        samples=options["samples"],
        seed=options["seed"],
        cut=options["cut"] or "",
        agnostic=options["agnostic"],
        docs=options["docs"],
        text=haystack.name,
        data=options["data"],
        versions=versions(),
    )
    check_judged(Source(made, haystack))
    return replace(made, tasks=(*tasks, NAME)) if made.asker else made


def begin(
    manifest: Manifest, text: Haystack, folder: Path, options: dict[str, Any], *, again: Path | None, progress: Progress
) -> Session:
    """Start or enter a run in its folder, with the questions that a model writes about the documents."""
    from longspan.evals import questions
    from longspan.evals.run import Source
    from longspan.evals.session import Session

    if not manifest.asker:
        session = Session(folder, manifest, Source(manifest, text))
        _start(session, options)
        return session
    known = [path for path in (folder, again.parent if again else folder) if (path / questions.FILE).is_file()]
    if known:
        items = questions.load(known[0] / questions.FILE)
    else:
        lm = open_subjects(
            replace(manifest, model=manifest.asker, methods=("",), cut="left"), options, _brake(progress)
        )
        items = questions.write(lm[0].lm, text, manifest.samples, seed=manifest.seed, progress=progress)
    session = Session(folder, manifest, Source(manifest, text, {questions.NAME: questions.Questions(tuple(items))}))
    _start(session, options)
    questions.save(folder, items)
    return session


def _start(session: Session, options: dict[str, Any]) -> None:
    if done := session.start(resume=options["resume"]):
        note(f"{done:,} samples are finished already")


def _brake(progress: Progress) -> Brake:
    from longspan.evals.run import Brake

    return Brake(progress)


def hay(docs: str, path: str, progress: Progress) -> Haystack:
    """The text to hide things in: of files where some are named."""
    from longspan.documents import read
    from longspan.evals.haystack import Haystack, library

    if not (named := docs or path):
        return library()
    reading = read([named], progress=progress)
    return Haystack.of("\n\n".join(document.text for document in reading.documents), name=Path(named).name)


def replayed(manifest: Manifest, options: dict[str, Any]) -> dict[str, Any]:
    """The options with the device and precision of a manifest, where none were asked for."""
    device, _, dtype = manifest.device.partition(" ")
    known = {"device": device, "dtype": dtype}
    return options | {name: value for name, value in known.items() if value and options[name] == "auto"}


def open_subjects(manifest: Manifest, options: dict[str, Any], brake: Brake) -> list[Subject]:
    """The model with each method, or the server's; lengths that cannot fit are refused here."""
    from longspan.core.errors import InputError
    from longspan.evals.run import check_lengths
    from longspan.evals.subject import ENDPOINT, local, remote
    from longspan.models.method import Method

    parsed = [(text, Method.parse(text)) for text in manifest.methods]
    if manifest.model.startswith(ENDPOINT):
        import asyncio

        from longspan.lm.http import connect
        from longspan.lm.server import Wire

        if manifest.agnostic:
            raise InputError(f"--agnostic is about stored tokens on this machine; {manifest.model} is a server's")
        if manifest.methods != ("",):
            raise InputError(f"methods change how a model on this machine runs; {manifest.model} is a server's")
        parallel = options["parallel"]
        lm = asyncio.run(connect(manifest.model, window=options["window"], wire=Wire(parallel=parallel, stream=False)))
        check_lengths(manifest, lm.window)
        return [remote(lm, parallel=parallel)]
    model = load(manifest.model, options, brake.progress)
    subjects = [local(model, method, spelled=text, name=manifest.model, progress=brake) for text, method in parsed]
    check_lengths(manifest, min(subject.lm.window for subject in subjects))
    return subjects


def load(name: str, options: dict[str, Any], progress: Progress) -> Model:
    """A model by name, got first where it is not here."""
    from longspan.models import ensure
    from longspan.models.model import Model

    model = Model.load(ensure(name, progress=progress, notify=note), device=options["device"], dtype=options["dtype"])
    note(model.describe())
    return model


def ask_all(
    session: Session, subjects: list[Subject], brake: Brake, purse: Purse | None, options: dict[str, Any]
) -> None:
    """Ask every subject what has no row yet, here or on a Ray cluster."""
    from longspan.core.errors import InputError

    if not options["ray"]:
        session.ask(subjects, brake=brake, purse=purse)
        return
    if purse is not None:
        raise InputError("--prices and --ray do not go together: a limit cannot be kept on many machines")
    try:
        from longspan.evals.adapters.ray import run
    except ImportError as error:
        raise InputError(f"--ray needs Ray ({error}): pip install 'longspan[ray]'") from error
    for number, subject in enumerate(subjects):
        run(
            session.source,
            partial(_opened, session.manifest, options, number),
            session.results,
            method=subject.method,
            address=options["ray"],
            workers=options["workers"],
            progress=brake.progress,
        )


def _opened(manifest: Manifest, options: dict[str, Any], number: int) -> Subject:
    """A subject in a worker's own process."""
    from longspan.evals.run import Brake

    return open_subjects(manifest, options, Brake())[number]


@contextmanager
def stoppable(folder: Path) -> Iterator[None]:
    """Say where the finished samples are when a run is stopped."""
    try:
        yield
    except KeyboardInterrupt:
        note(f"stopped; finished samples are kept in {folder}: the same command with --resume goes on")
        raise


def folder_of(manifest: Manifest, out: Path | None, verb: str) -> Path:
    """Where results go: as named, else a folder here named after what is asked."""
    from longspan.archive import digest_of

    if out is not None:
        return out
    asked = digest_of(*(str(each) for each in (manifest.tasks, manifest.lengths, manifest.samples, manifest.seed)))
    what = digest_of(asked, *manifest.methods, manifest.text, manifest.cut, str(manifest.agnostic))[:6]
    name = re.sub(r"[^A-Za-z0-9.-]+", "-", manifest.model.rstrip("/").rpartition("/")[2]).strip("-")
    return Path(f"{verb}-{name or 'model'}-{what}")


def purse_of(manifest: Manifest, options: dict[str, Any], rows: Sequence[Row]) -> Purse | None:
    """What may be spent, and what earlier parts of the run spent; None without a price file."""
    from longspan.core.errors import InputError
    from longspan.evals.cost import Purse, read_price

    if options["prices"] is None:
        if options["max_cost"] is not None:
            raise InputError("--max-cost needs --prices FILE: nothing else says what a call costs")
        return None
    price = read_price(options["prices"], manifest.model)
    spent = sum(price.of(row.tokens, row.reply_tokens, row.cached_tokens) for row in rows if row.status == "scored")
    return Purse(price, options["max_cost"], spent)


def print_scores(cells: Sequence[Cell], total: Sequence[Cell]) -> None:
    """Print a table of tasks by lengths, with the mean of all in the last line."""
    from rich.table import Table

    from longspan.cli.console import out
    from longspan.evals.report.charts import short

    lengths = sorted({cell.length for cell in cells})
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("task")
    for length in lengths:
        table.add_column(short(length), justify="right")
    for name in dict.fromkeys([*(cell.name for cell in cells), *(cell.name for cell in total)]):
        found = {cell.length: cell for cell in (*cells, *total) if cell.name == name}
        table.add_row(name, *(_cell(found[length]) if length in found else "" for length in lengths))
    out().print(table)
    if any(cell.few for cell in cells):
        out().print("* fewer than 10 samples: an impression, not a measurement", markup=False)


def note(text: str) -> None:
    """Say something on standard error."""
    from longspan.cli.console import err

    err().print(text, style="dim", markup=False, soft_wrap=True)


def _cell(cell: Cell) -> str:
    if not cell.n:
        return f"{cell.over} over" if cell.over else ""
    mark = "*" if cell.few else ""
    over = f", {cell.over} over" if cell.over else ""
    return f"{100 * cell.score:.1f}{mark} ({100 * cell.interval.low:.0f}-{100 * cell.interval.high:.0f}{over})"
