"""Room on the disk, one writer at a time, and writes that are whole or absent."""

import errno
import os
import shutil
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from longspan.core.errors import InputError
from longspan.models.notify import Notify, unheard

FULL = {errno.ENOSPC, errno.EDQUOT}
"""What the system says when a disk or a quota is full."""


def free(folder: Path) -> int:
    """Return the free bytes of the disk a folder lies on, or will lie on."""
    return shutil.disk_usage(next(place for place in (folder, *folder.parents) if place.exists())).free


def no_room(folder: Path, needed: int) -> InputError:
    """Return the error that says how many bytes are needed and free where `folder` lies."""
    return InputError(
        f"not enough room on the disk: about {needed:,} bytes are needed at {folder} and {free(folder):,} are free. "
        "Make room, or set LONGSPAN_HOME to a folder on a larger disk, and run it again"
    )


def require(folder: Path, needed: int) -> None:
    """Raise InputError when the disk of `folder` has less room than needed; bytes already in it count."""
    folder.mkdir(parents=True, exist_ok=True)
    missing = needed - occupied(folder)
    if free(folder) < missing:
        raise no_room(folder, missing)


@contextmanager
def room(folder: Path, needed: int) -> Iterator[None]:
    """Turn a disk that fills up within the work into the InputError that says what is needed."""
    try:
        yield
    except OSError as error:
        if error.errno not in FULL:
            raise
        raise no_room(folder, needed - occupied(folder)) from error


def occupied(folder: Path) -> int:
    """Return the bytes of all files below a folder that may change meanwhile."""
    total = 0
    for path, _, names in os.walk(folder):
        for name in names:
            try:
                total += os.lstat(os.path.join(path, name)).st_size
            except FileNotFoundError:
                continue
    return total


def settle(folder: Path, place: Path) -> None:
    """Make a finished folder appear at `place` in one step, its bytes safe on the disk before."""
    for path in (each for each in folder.rglob("*") if each.is_file()):
        with path.open("rb+") as file:
            os.fsync(file.fileno())
    if place.exists():
        shutil.rmtree(place)
    os.replace(folder, place)


def claim(descriptor: int) -> bool:
    """Try to lock an open file for this process; the system frees it when the process ends, however it ends."""
    try:
        if sys.platform == "win32":
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)
        else:
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except (BlockingIOError, PermissionError):
        return False
    return True


@contextmanager
def only_one(lock: Path, *, notify: Notify = unheard) -> Iterator[None]:
    """Let one process at a time in; the others wait and say so once."""
    lock.parent.mkdir(parents=True, exist_ok=True)
    with lock.open("ab") as file:
        told = False
        while not claim(file.fileno()):
            if not told:
                notify(f"another process is at work on {lock.stem}: waiting for it")
            told = True
            time.sleep(0.2)
        yield
