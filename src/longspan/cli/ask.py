"""longspan ask: answer a question from files, however long."""

from __future__ import annotations

import json
from contextlib import AbstractContextManager, nullcontext
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from longspan.core.progress import Progress
    from longspan.models.encoding import Encoding
    from longspan.models.model import Model
    from longspan.plan.routes import Route
    from longspan.workflows.ask import Answer, Ask
    from longspan.workflows.evidence import Evidence

SHOWN = 3
"""Passages of evidence printed in full; --json has all."""


@click.command("ask", short_help="Answer a question from files, however long.")
@click.argument("words", metavar='FILE_OR_DIR... "QUESTION"', nargs=-1, required=True)
@click.option(
    "--model", "-m", default="smollm2", show_default=True, help="A known name, a folder, a GGUF file, a hub id."
)
@click.option("--route", default="auto", show_default=True, help="auto, full, retrieve or stream.")
@click.option("--method", default="", help='How the model runs, such as "kv=snapkv:budget=1024".')
@click.option(
    "--embed-method", default="", help='How long passages are embedded, such as "embed=grouped"; else in windows.'
)
@click.option(
    "--passage-words", default=100, show_default=True, type=click.IntRange(min=1), help="Words of a passage searched."
)
@click.option("--max-tokens", default=200, show_default=True, type=click.IntRange(min=1), help="Tokens of the answer.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto.")
@click.option("--dtype", default="auto", show_default=True, help="float32, w16a32, bfloat16, float16, or auto.")
@click.option("--dry-run", is_flag=True, help="Show the routes and what they cost, answer nothing.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def command(words: tuple[str, ...], as_json: bool, dry_run: bool, **options: Any) -> None:
    """Answer QUESTION from files, directories or - (standard input).

    Reads text, Markdown, HTML, PDF, EPUB, DOCX and code. Shows first what each way of reading costs on this machine;
    the answer comes with the passages it rests on, and every quote in it is looked up in the source.
    """
    from longspan.archive import Archive
    from longspan.cli.console import bars
    from longspan.cli.recording import recorded
    from longspan.core.errors import InputError

    if len(words) < 2:
        raise InputError('name at least one file and then the question: longspan ask book.pdf "Who ...?"')
    *files, question = words
    settings = {"question": question, "files": files, **options}
    noted: AbstractContextManager[dict[str, Any]] = nullcontext({}) if dry_run else recorded("ask", settings)
    with noted as result, bars() as progress:
        result |= _ask(files, question, options, archive=Archive(), progress=progress, show=(dry_run, as_json))
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))


def _ask(
    files: list[str],
    question: str,
    options: dict[str, Any],
    *,
    archive: Any,
    progress: Progress,
    show: tuple[bool, bool],
) -> dict[str, object]:
    """Plan, print the plan, and unless it is a dry run answer and print the answer; return all of it."""
    from dataclasses import asdict, replace

    from longspan.documents import read
    from longspan.models.encoding import Encoding
    from longspan.models.method import Method
    from longspan.plan.machine import here
    from longspan.plan.shape import Shape
    from longspan.plan.speed import calibrate
    from longspan.workflows.ask import Ask, Settings, said

    dry_run, quiet = show
    Method.parse(options["method"])
    encoding = Encoding.parse(options["embed_method"])
    reading = read(files, progress=progress)
    for skipped in reading.skipped[:5]:
        _note(f"skipped {skipped}")
    if len(reading.skipped) > 5:
        _note(f"skipped {len(reading.skipped) - 5:,} more files and parts")
    named = {name: options[name] for name in ("route", "method", "max_tokens", "passage_words")}
    question, wanted = said(question), Settings(**named)
    model, effective = _model(options, progress)
    asked = Ask(model, reading.documents, question, replace(wanted, effective=effective))
    shape = Shape.of(model)
    speed = calibrate(model, shape, archive, progress=progress)
    machine = here(str(model.device))
    stored = asked.stored(archive, machine)
    table = asked.routes(shape, speed, machine, stored=stored)
    route, why = asked.choose(table, stored=stored)
    _plan(asked, table, route, why)
    planned = {"routes": [_route(each) for each in table], "chosen": route.name, "why": why}
    if dry_run:
        return {"question": question, "document_tokens": asked.document_tokens, "plan": planned}
    encoder = _encoder(encoding, progress) if route.name == "retrieve" else None
    answer = _answer(asked, route, archive, progress, encoder=encoder, quiet=quiet)
    if not quiet:
        _show(answer)
    settings = asdict(asked.settings) | {"embed_method": options["embed_method"]}
    return _json(question, files, model, answer) | {"settings": settings, "plan": planned}


def _model(options: dict[str, Any], progress: Progress) -> tuple[Model, int]:
    """The model, and up to how many tokens it is known to find things."""
    from longspan.models import ensure
    from longspan.models.catalog import find
    from longspan.models.model import Model

    folder = ensure(options["model"], progress=progress, notify=_note)
    model = Model.load(folder, device=options["device"], dtype=options["dtype"])
    _note(model.describe())
    known = find(options["model"])
    return model, known.effective if known else 0


def _answer(asked: Ask, route: Route, archive: Any, progress: Progress, *, encoder: Any, quiet: bool) -> Answer:
    from longspan.cli.console import out
    from longspan.workflows.ask import Listener

    streams = not quiet and out().is_terminal

    def write(text: str) -> None:
        out().print(text, end="", markup=False, soft_wrap=True)

    answer = asked.answer(
        route, archive=archive, encoder=encoder, listener=Listener(progress, write if streams else None, _note)
    )
    if not quiet:
        out().print("" if streams else answer.text, markup=False, soft_wrap=True)
    return answer


def _encoder(encoding: Encoding, progress: Progress) -> Any:
    """The sentence encoder; without one, passages are found by their words alone, and that is said."""
    from longspan.core.errors import InputError
    from longspan.models import ensure
    from longspan.models.encoder import SentenceEncoder

    try:
        return SentenceEncoder(ensure("minilm", progress=progress, notify=_note), encoding)
    except InputError as error:
        _note(f"searching by words only, without meaning: {error}")
        return None


def _plan(asked: Ask, table: list[Route], chosen: Route, why: str) -> None:
    from rich.table import Table

    from longspan.cli.console import err

    drawn = Table(box=None, pad_edge=False)
    for title in ("", "route", "tokens read", "KV", "peak memory", "time", "why"):
        drawn.add_column(title, justify="left" if title in ("", "route", "why") else "right", overflow="fold")
    for route in table:
        mark = ">" if route is chosen else ("" if route.fits else "x")
        drawn.add_row(
            mark,
            route.name,
            f"{route.prompt_tokens:,}",
            _size(route.kv_bytes),
            _size(route.peak_bytes),
            _time(route.seconds),
            route.reason,
        )
    err().print(drawn)
    effective = f", finds things up to {asked.settings.effective:,}" if asked.settings.effective else ""
    _note(f"{asked.document_tokens:,} tokens of text; window {asked.model.window:,}{effective}")
    if asked.settings.method:
        _note("KV, memory and time above are those without --method")
    _note(f"route {chosen.name}: {why}")


def _show(answer: Answer) -> None:
    from longspan.cli.console import out

    if answer.finish == "length":
        _note(f"the answer was ended by --max-tokens after {answer.reply_tokens} tokens")
    for quote in answer.quotes:
        out().print(f'{"verified" if quote.verified else "NOT in the text"}: "{quote.text}"', markup=False)
    out().print("\nEvidence" if answer.evidence else "\nNo evidence was found.", markup=False)
    for number, passage in enumerate(answer.evidence[:SHOWN], 1):
        out().print(f"[{number}] {_place(passage)}  score {passage.score:.3f}", markup=False, soft_wrap=True)
        out().print("    " + " ".join(passage.text.split()), markup=False, soft_wrap=True)
    if len(answer.evidence) > SHOWN:
        out().print(f"and {len(answer.evidence) - SHOWN} more passages (--json shows all)", markup=False)
    if answer.chosen:
        _note(f"the model read {len(answer.chosen):,} stretches of the text (--json shows them)")
    searched = f"searched in {_time(answer.search_seconds)}; " if answer.search_seconds else ""
    stored = f" and {answer.cached_tokens:,} taken from the cache" if answer.cached_tokens else ""
    _note(
        f"{answer.route.name}: {searched}{answer.prompt_tokens - answer.cached_tokens:,} tokens read{stored}, "
        f"first text after {_time(answer.first_seconds)}, {answer.reply_tokens} written in "
        f"{_time(answer.seconds)} (predicted {_time(answer.route.seconds)}); KV {_size(answer.kv_bytes)} "
        f"(predicted {_size(answer.route.kv_bytes)}); peak memory {_size(answer.peak_bytes)} "
        f"(predicted {_size(answer.route.peak_bytes)} for the model)"
    )


def _place(passage: Evidence) -> str:
    page = f", page {passage.page}" if passage.page is not None else ""
    return f"{passage.file}{page}, characters {passage.start:,}-{passage.end:,}"


def _json(question: str, files: list[str], model: Model, answer: Answer) -> dict[str, object]:
    import platform
    from dataclasses import asdict
    from importlib.metadata import version

    from longspan import __version__
    from longspan.models.digest import digest

    return {
        "question": question,
        "answer": answer.text,
        "finish": answer.finish,
        "route": answer.route.name,
        "method": answer.method,
        "files": files,
        "tokens": {
            "documents": answer.document_tokens,
            "prompt": answer.prompt_tokens,
            "cached": answer.cached_tokens,
            "reply": answer.reply_tokens,
        },
        "evidence": [asdict(passage) for passage in answer.evidence],
        "chosen": [asdict(stretch) for stretch in answer.chosen],
        "quotes": [{**asdict(quote), "verified": quote.verified} for quote in answer.quotes],
        "predicted": {"seconds": answer.route.seconds, "kv": answer.route.kv_bytes, "peak": answer.route.peak_bytes},
        "actual": {
            "seconds": answer.seconds,
            "first_seconds": answer.first_seconds,
            "search_seconds": answer.search_seconds,
            "kv": answer.kv_bytes,
            "peak": answer.peak_bytes,
        },
        "model": {
            "name": model.name,
            "digest": digest(model.folder),
            "dtype": model.dtype,
            "device": str(model.device),
        },
        "versions": {
            "longspan": __version__,
            "torch": version("torch"),
            "transformers": version("transformers"),
            "python": platform.python_version(),
        },
    }


def _route(route: Route) -> dict[str, object]:
    from dataclasses import asdict

    return asdict(route)


def _note(text: str) -> None:
    from longspan.cli.console import err

    err().print(text, style="dim", markup=False, soft_wrap=True)


def _size(count: int) -> str:
    return f"{count / 2**30:.1f} GiB" if count >= 2**30 else f"{count / 2**20:.0f} MiB"


def _time(seconds: float) -> str:
    minutes, rest = divmod(round(seconds), 60)
    return f"{minutes} min {rest:02} s" if minutes else f"{seconds:.1f} s"
