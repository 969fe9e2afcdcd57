"""Folders that appear whole or not at all, and that say when their content was damaged."""

import errno
import json
import os
import re
import shutil
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

from longspan.archive.digest import digest_of_file
from longspan.core.errors import InputError
from longspan.models.disk import claim

SEAL = "entry.json"
LOCK = ".lock"
STALE_SECONDS = 24 * 3600


def place(root: Path, kind: str, key: str) -> Path:
    """Where an entry of this kind and key lives; both are checked, so no key can point outside the store."""
    if not re.fullmatch(r"[a-z][a-z0-9_]{0,31}", kind) or kind == "partial":
        raise ValueError(f"archive kind {kind!r}: use a short lower-case word other than 'partial'")
    if not re.fullmatch(r"[0-9a-f]{64}", key):
        raise ValueError(f"archive key {key!r}: use a hex sha256, as digest_of gives it")
    return root / kind / key[:2] / key


def keys(root: Path, kind: str) -> list[str]:
    """Keys of the finished entries of a kind, in order."""
    found = (folder.name for folder in (root / kind).glob("??/*") if folder.is_dir())
    return sorted(key for key in found if re.fullmatch(r"[0-9a-f]{64}", key))


@contextmanager
def partial(root: Path) -> Iterator[Path]:
    """Give an empty folder on the store's own disk; what is left of it afterwards is removed.

    A locked file beside it says that its process lives, so that the next one can tell what a killed one left.
    """
    parent = root / "partial"
    try:
        parent.mkdir(parents=True, exist_ok=True)
        descriptor, lock = tempfile.mkstemp(dir=parent, suffix=LOCK)
        with suppress(OSError):  # some network disks lock nothing
            claim(descriptor)
        folder = Path(lock).with_suffix("")
        folder.mkdir()
    except OSError as error:
        raise InputError(
            f"cannot write to {root}: {error.strerror}. Make it writable, or set LONGSPAN_HOME to another folder."
        ) from error
    try:
        yield folder
    finally:
        shutil.rmtree(folder, ignore_errors=True)
        os.close(descriptor)
        Path(lock).unlink(missing_ok=True)


def seal(folder: Path) -> None:
    """Write down the digest of every file of a folder and bring all of it safely to disk."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    digests = {path.relative_to(folder).as_posix(): digest_of_file(path) for path in files}
    (folder / SEAL).write_text(json.dumps(digests), encoding="utf-8")
    for path in [*files, folder / SEAL, *(path for path in folder.rglob("*") if path.is_dir()), folder]:
        sync(path)


def intact(folder: Path) -> bool:
    """Whether every file that was sealed is still there with the same content."""
    try:
        digests = json.loads((folder / SEAL).read_text(encoding="utf-8"))
        return all(digest_of_file(folder / name) == digest for name, digest in digests.items())
    except (OSError, ValueError, AttributeError):
        return False


def publish(folder: Path, target: Path) -> None:
    """Move a sealed folder to its place in one step; an entry that is there already stays."""
    target.parent.mkdir(parents=True, exist_ok=True)
    try:
        os.replace(folder, target)
    except OSError as error:
        # Windows says "access denied" where others say "not empty".
        taken = error.errno in (errno.ENOTEMPTY, errno.EEXIST, errno.EACCES) and (target / SEAL).is_file()
        if not taken:
            raise
    sync(target.parent)


def remove(root: Path, target: Path) -> None:
    """Take an entry away in one step, so that no reader finds half of it."""
    with partial(root) as folder, suppress(FileNotFoundError):
        os.replace(target, folder / "removed")


def sweep(root: Path) -> None:
    """Remove what killed processes left behind: at once where their lock tells, else when it is older than a day."""
    for lock in (root / "partial").glob(f"*{LOCK}"):
        with suppress(OSError), lock.open("r+b") as file:
            if claim(file.fileno()):
                shutil.rmtree(lock.with_suffix(""), ignore_errors=True)
                lock.unlink()
    oldest = time.time() - STALE_SECONDS
    for folder in (path for path in (root / "partial").glob("*") if path.is_dir()):
        with suppress(FileNotFoundError):
            if max(path.stat().st_mtime for path in (folder, *folder.rglob("*"))) < oldest:
                shutil.rmtree(folder, ignore_errors=True)


def sync(path: Path) -> None:
    """Bring a file or folder to disk; Windows cannot do it for folders and does not need it."""
    if os.name == "nt" and path.is_dir():
        return
    handle = os.open(path, os.O_RDWR if os.name == "nt" else os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
