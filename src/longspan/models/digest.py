"""Which weights exactly: digests of files and of whole models, remembered while the files stay as they are."""

import hashlib
import json
import os
from pathlib import Path

from longspan.core.errors import InputError
from longspan.core.home import home
from longspan.core.progress import Progress, silent

BLOCK = 1 << 20


def file_digest(path: Path, *, progress: Progress = silent) -> str:
    """Return the sha256 of a file, read again only after its size or time of change differs."""
    path = path.resolve()
    state = path.stat()
    stamp = [state.st_size, state.st_mtime_ns]
    memory = home() / "models" / "digests" / f"{hashlib.sha256(os.fsencode(path)).hexdigest()[:32]}.json"
    try:
        known = json.loads(memory.read_text("utf-8"))
        if known["stamp"] == stamp:
            return str(known["sha256"])
    except (OSError, ValueError, KeyError, TypeError):
        pass  # not remembered, or not readable: both mean reading the file
    found = hash_file(path, progress=progress)
    remember(memory, {"path": str(path), "stamp": stamp, "sha256": found})
    return found


def hash_file(path: Path, *, progress: Progress = silent) -> str:
    """Return the sha256 of a file by reading all of it."""
    total, done = path.stat().st_size, 0
    digest = hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(BLOCK):
            digest.update(block)
            done += len(block)
            progress(f"check {path.name}", done, total, "bytes")
    return digest.hexdigest()


def remember(memory: Path, value: dict[str, object]) -> None:
    """Write a small JSON file whole or not at all; a place that cannot be written costs time, nothing else."""
    own = memory.with_suffix(f".{os.getpid()}")
    try:
        memory.parent.mkdir(parents=True, exist_ok=True)
        own.write_text(json.dumps(value), "utf-8")
        os.replace(own, memory)
    except OSError:
        own.unlink(missing_ok=True)


def digest(model: Path, *, progress: Progress = silent) -> str:
    """Return the sha256 that names a model: its config.json and every safetensors file, names and contents.

    Raises InputError when the folder holds no config.json.
    """
    if not (model / "config.json").is_file():
        raise InputError(f"{model} is no model folder: config.json is missing")
    whole = hashlib.sha256()
    for path in (model / "config.json", *sorted(model.glob("*.safetensors"))):
        whole.update(f"{path.name} {file_digest(path, progress=progress)}\n".encode())
    return whole.hexdigest()
