"""longspan cache: documents that a model has read once and need not read again."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

if TYPE_CHECKING:
    from longspan.archive.cache import Cache
    from longspan.archive.cached import Cached
    from longspan.models.method import Method
    from longspan.models.model import Model

NAMES = 3
"""Documents of a reading that are named in a table."""


@click.group("cache", short_help="Read documents once, ask about them for ever.")
def command() -> None:
    """Keep what a model has read of documents, so that `longspan ask` starts at the question.

    What is kept belongs to one model, precision and method, and is proved before it is used: the logits that follow
    it are those that followed the reading.
    """


@command.command("add")
@click.argument("files", metavar="FILE_OR_DIR...", nargs=-1, required=True)
@click.option(
    "--model", "-m", default="smollm2", show_default=True, help="A known name, a folder, a GGUF file, a hub id."
)
@click.option("--method", default="", help='How the model runs, such as "rope=yarn:factor=2".')
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto.")
@click.option("--dtype", default="auto", show_default=True, help="float32, w16a32, bfloat16, float16, or auto.")
@click.option("--json", "as_json", is_flag=True, help="Print one JSON object.")
def add(files: tuple[str, ...], as_json: bool, **options: str) -> None:
    """Have a model read documents and keep what it has read.

    Several files are read together and in this order, as `longspan ask` reads them: ask with the same ones. A text
    longer than the model's window is streamed, as `longspan ask --route stream` does.
    """
    from longspan.archive import Archive
    from longspan.cli.console import bars
    from longspan.cli.recording import recorded

    archive = Archive()
    with recorded("cache add", {"files": list(files), **options}) as result, bars() as progress:
        from longspan.archive.cache import Cache
        from longspan.documents import read
        from longspan.models.method import Method
        from longspan.workflows.prompt import beginning, named

        method, cache = Method.parse(options["method"]), Cache(archive)
        documents = read(list(files), progress=progress).documents
        model = _load(options["model"], options["device"], options["dtype"], progress)
        tokens = beginning(model, documents)
        method, chunk = _way(model, method, len(tokens), archive.root)
        cached, new = cache.add(model, method, tokens, named(documents), chunk=chunk, progress=progress)
        result |= {**_json(cached, cache), "new": new}
    if as_json:
        click.echo(json.dumps(result, ensure_ascii=False, indent=2))
    else:
        what = f"{cached.tokens:,} tokens of {_names(cached)}"
        size = _size(result["bytes"])
        click.echo(f"{cached.key[:12]}  {what}, {size}, {'proved' if new else 'stored before'}")


@command.command("ls")
@click.option("--json", "as_json", is_flag=True, help="Print a JSON list.")
def ls(as_json: bool) -> None:
    """List what is kept, newest first."""
    cache = _cache()
    good, bad = cache.readings()
    if as_json:
        damaged = [{"key": key, "error": reason} for key, reason in bad.items()]
        click.echo(json.dumps([*(_json(cached, cache) for cached in good), *damaged], ensure_ascii=False, indent=2))
        return
    if good:
        _table(good, cache)
    elif not bad:
        click.echo("Nothing is kept yet: longspan cache add FILE")
    for key, reason in bad.items():
        click.echo(f"{key[:12]}  cannot be used: {reason}")


@command.command("verify")
@click.argument("keys", metavar="[KEY]...", nargs=-1)
@click.option("--model", "-m", default="", help="The model that read it, where it is not one of `longspan models`.")
@click.option("--device", default="auto", show_default=True, help="cpu, cuda, mps, or auto.")
def verify(keys: tuple[str, ...], model: str, device: str) -> None:
    """Check files to the last byte and prove them: go on from them and compare the logits. Without KEY: all."""
    from longspan.core.errors import InputError

    cache = _cache()
    good, bad = cache.readings()
    wanted = [cache.key(begun) for begun in keys] or [*(cached.key for cached in good), *bad]
    by_key, models, failed = {cached.key: cached for cached in good}, _Models(model, device), 0
    for key in wanted:
        try:
            if key in bad:
                raise InputError(bad[key])
            off = cache.verify(key, models.of(by_key[key]))
            said = "proved: every logit is equal" if off == 0 else f"proved: the farthest logit is off by {off:.2g}"
        except InputError as error:
            said, failed = f"NOT proved: {error}", failed + 1
        click.echo(f"{key[:12]}  {said}")
    if failed:
        raise InputError(f"{failed} of {len(wanted)} stored readings are not proved; nothing was removed")


@command.command("rm")
@click.argument("keys", metavar="KEY...", nargs=-1)
@click.option("--all", "everything", is_flag=True, help="All of them.")
@click.option(
    "--limit", metavar="GB", type=click.FloatRange(min=0), help="The least recently used, until the rest takes this."
)
def rm(keys: tuple[str, ...], everything: bool, limit: float | None) -> None:
    """Remove what is kept of documents; the first characters of a key will do."""
    from longspan.core.errors import InputError

    cache = _cache()
    if [bool(keys), everything, limit is not None].count(True) != 1:
        raise InputError("say what to remove: a KEY of `longspan cache ls`, or --limit GB, or --all")
    for key in [cache.key(begun) for begun in keys] or cache.beyond(0 if limit is None else int(limit * 1e9)):
        cache.remove(key)
        click.echo(f"{key[:12]}  removed")


@command.command("export")
@click.argument("key", metavar="KEY")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def export(key: str, file: Path) -> None:
    """Copy what is kept to a file, for another machine with the same model."""
    cache = _cache()
    click.echo(cache.give(cache.key(key), file))


@command.command("import")
@click.argument("file", metavar="FILE", type=click.Path(path_type=Path))
def import_(file: Path) -> None:
    """Take in a file that `longspan cache export` wrote. It is proved when it is first used.

    Such a file is as good as who made it: stored tokens cannot be read, so nobody sees what they say.
    """
    cached, new = _cache().take(file)
    what = f"{cached.tokens:,} tokens of {_names(cached)}, read by {cached.model} in {cached.dtype}"
    click.echo(f"{cached.key[:12]}  {what}{'' if new else ', stored before'}")


class _Models:
    """Loads the model of each reading, one at a time."""

    def __init__(self, named: str, device: str) -> None:
        self._named = named
        self._device = device
        self._loaded: tuple[Path, str, Model] | None = None

    def of(self, cached: Cached) -> Model:
        from longspan.cli.console import bars

        folder = self._folder(cached)
        if self._loaded is None or self._loaded[:2] != (folder, cached.dtype):
            with bars() as progress:
                self._loaded = folder, cached.dtype, _load(str(folder), self._device, cached.dtype, progress)
        return self._loaded[2]

    def _folder(self, cached: Cached) -> Path:
        from longspan.core.errors import InputError
        from longspan.models import ensure, shelf
        from longspan.models.digest import digest

        if self._named:
            return ensure(self._named, notify=_note)
        here = [model.path for model in shelf() if digest(model.path) == cached.weights]
        if not here:
            raise InputError(f"its model, {cached.model} ({cached.weights[:12]}), is not here: name it with --model")
        return here[0]


def _cache() -> Cache:
    from longspan.archive import Archive
    from longspan.archive.cache import Cache

    return Cache(Archive())


def _load(name: str, device: str, dtype: str, progress: Any) -> Model:
    from longspan.models import ensure
    from longspan.models.model import Model

    model = Model.load(ensure(name, progress=progress, notify=_note), device=device, dtype=dtype)
    _note(model.describe())
    return model


def _way(model: Model, method: Method, tokens: int, root: Path) -> tuple[Method, int]:
    """How `longspan ask` would read so many tokens, and how many at a time.

    Refuses before anything is read what the model cannot see or the disk cannot hold.
    """
    from longspan.core.errors import InputError
    from longspan.kv.offload.rest import temporary
    from longspan.models.disk import free, no_room
    from longspan.models.method import Method
    from longspan.models.session import CHUNK
    from longspan.plan.machine import here
    from longspan.plan.routes import streamed
    from longspan.plan.shape import Shape

    plain, long, needed = method == Method(), tokens >= model.window, Shape.of(model).kv_bytes(tokens)
    size = f"the text has {tokens:,} tokens and the window of {model.name} holds {model.window:,} with the question"
    if long and not plain and not method.extends:
        raise InputError(f"{size}: leave --method out, then it is streamed, or take less text or a larger window")
    if plain and free(root) < needed:
        raise no_room(root, needed)
    if not long:
        return method, CHUNK
    way = streamed(model.window, here(str(model.device)))
    if not plain:
        return method, way.chunk
    if way.tier == "disk" and free(temporary()) < needed:
        raise InputError(
            f"about {needed:,} bytes are needed in {temporary()} while the text is read, and {free(temporary()):,} are "
            "free: make room, or set TMPDIR to a folder on a larger disk"
        )
    _note(f"{size}: it is streamed, and every token sees {way.seen:,} at most")
    return Method.parse(way.method), way.chunk


def _table(good: list[Cached], cache: Cache) -> None:
    from rich.table import Table

    from longspan.cli.console import out

    drawn = Table(box=None, pad_edge=False)
    for title in ("key", "documents", "tokens", "size", "model", "precision", "method", "made (UTC)"):
        drawn.add_column(title, justify="right" if title in ("tokens", "size") else "left", overflow="fold")
    for cached in good:
        size, made = _size(_bytes(cached, cache)), cached.made[:16].replace("T", " ")
        row = (_names(cached), f"{cached.tokens:,}", size, cached.model, cached.dtype, cached.method or "plain", made)
        drawn.add_row(cached.key[:12], *row)
    out().print(drawn, markup=False)
    out().print(f"{_size(sum(_bytes(cached, cache) for cached in good))} in all")


def _json(cached: Cached, cache: Cache) -> dict[str, Any]:
    from dataclasses import asdict

    return {**asdict(cached), "bytes": _bytes(cached, cache), "path": str(cache.path(cached.key))}


def _bytes(cached: Cached, cache: Cache) -> int:
    return cache.path(cached.key).stat().st_size


def _names(cached: Cached) -> str:
    more = len(cached.files) - NAMES
    return ", ".join(cached.files[:NAMES]) + (f" and {more:,} more" if more > 0 else "")


def _note(text: str) -> None:
    from longspan.cli.console import err

    err().print(text, style="dim", markup=False, soft_wrap=True)


def _size(count: int) -> str:
    from longspan.cli.console import amount

    return amount(count, "bytes")
