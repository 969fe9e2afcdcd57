"""A directory as files worth reading: .gitignore respected, nothing outside touched, omissions with their reason."""

import os
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PurePath
from stat import S_ISREG
from typing import TYPE_CHECKING

from longspan.documents.content import Limits
from longspan.documents.document import Skipped

if TYPE_CHECKING:
    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore.spec import GitIgnoreSpecPattern

_HISTORY = frozenset({".git", ".hg", ".svn", ".bzr", ".jj", "CVS", "_darcs"})
_LOCKS = frozenset(
    {"package-lock.json", "npm-shrinkwrap.json", "pnpm-lock.yaml", "go.sum", "bun.lockb", "packages.lock.json"}
)
_LONG_LINES = 500  # characters a line on average: no person writes source code like that
_MAX_IGNORE_BYTES = 1_000_000


@dataclass(frozen=True, slots=True)
class File:
    """A file to read."""

    path: str
    """Name shown to the user, as in `Document.path`."""
    location: Path | None
    """Where it is; None for standard input."""
    named: bool
    """Whether the user named the file itself, so that failing to read it is an error."""


@dataclass(frozen=True, slots=True)
class _Folder:
    location: str
    inside: PurePath
    rules: tuple[tuple[PurePath, "GitIgnoreSpec"], ...]


def walk(root: Path, *, limits: Limits) -> Iterator[File | Skipped]:
    """Files below a directory and what is left out, each folder's files before its subfolders; follows no link."""
    bounds = os.path.realpath(root)
    left = [_Folder(os.fspath(root), PurePath(), ())]
    while left:
        folder = left.pop()
        try:
            with os.scandir(folder.location) as listing:
                entries = sorted((entry for entry in listing if entry.name not in _HISTORY), key=_natural)
        except OSError as error:
            yield Skipped(_shown(root, folder.inside) + "/", f"cannot be opened ({error.strerror})")
            continue
        rules = folder.rules + _ignore_rules(folder, entries)
        below: list[_Folder] = []
        for entry in entries:
            inside = folder.inside / entry.name
            reason = _unwanted(entry, inside, rules=rules, bounds=bounds, limits=limits)
            directory = entry.is_dir(follow_symlinks=False)
            if reason:
                yield Skipped(_shown(root, inside) + "/" * directory, reason)
            elif directory:
                below.append(_Folder(entry.path, inside, rules))
            elif reason is None:
                yield File(_shown(root, inside), Path(entry.path), named=False)
        left += reversed(below)


def looks_minified(text: str) -> bool:
    """Whether source code was written by a program to save bytes."""
    return len(text) > _LONG_LINES * (text.count("\n") + 1)


def _natural(entry: "os.DirEntry[str]") -> tuple[list[str | int], str]:
    """Sort key that puts chapter 2 before chapter 10."""
    parts = re.split(r"([0-9]+)", entry.name.casefold())
    return [int(part) if odd % 2 else part for odd, part in enumerate(parts)], entry.name


def _shown(root: Path, inside: PurePath) -> str:
    name = (root / inside).as_posix()
    return name.encode("utf-8", "backslashreplace").decode("utf-8")


def _ignore_rules(folder: _Folder, entries: "list[os.DirEntry[str]]") -> tuple[tuple[PurePath, "GitIgnoreSpec"], ...]:
    """Rules of the folder's own .gitignore; a link is not read, as in git, since it may lead anywhere."""
    from pathspec import GitIgnoreSpec
    from pathspec.patterns.gitignore import GitIgnorePatternError

    for entry in entries:
        if entry.name == ".gitignore" and entry.is_file(follow_symlinks=False):
            patterns: list[GitIgnoreSpecPattern] = []
            for line in _lines(entry):
                try:
                    patterns += GitIgnoreSpec.from_lines([line]).patterns
                except GitIgnorePatternError:
                    continue  # git passes over a line that is no pattern
            return ((folder.inside, GitIgnoreSpec(patterns)),)
    return ()


def _lines(entry: "os.DirEntry[str]") -> list[str]:
    try:
        with open(entry.path, "rb") as file:
            return os.fsdecode(file.read(_MAX_IGNORE_BYTES)).splitlines()
    except OSError:
        return []


def _unwanted(
    entry: "os.DirEntry[str]",
    inside: PurePath,
    *,
    rules: tuple[tuple[PurePath, "GitIgnoreSpec"], ...],
    bounds: str,
    limits: Limits,
) -> str | None:
    """Why an entry is left out, "" where there is nothing to say, None when it is wanted."""
    if entry.is_symlink():
        return _link_reason(entry.path, bounds)
    if entry.is_dir(follow_symlinks=False):
        if entry.name == "__pycache__":
            return "holds compiled code"
        if entry.name == "node_modules" or os.path.lexists(os.path.join(entry.path, "pyvenv.cfg")):
            return "holds installed packages: name it to read it"
        return "is ignored by .gitignore" if _ignored(f"{inside.as_posix()}/", rules) else None
    if _ignored(inside.as_posix(), rules):
        return "is ignored by .gitignore"
    return _file_reason(entry, limits)


def _link_reason(path: str, bounds: str) -> str:
    """A link to a place within the directory needs no word: what it leads to is read under its own name."""
    target = os.path.realpath(path)
    if not Path(target).is_relative_to(bounds):
        return "is a link that leads outside the named directory"
    return "" if os.path.exists(target) else "is a link that leads nowhere"


def _file_reason(entry: "os.DirEntry[str]", limits: Limits) -> str | None:
    name = entry.name.lower()
    try:
        status = entry.stat(follow_symlinks=False)
    except OSError as error:
        return f"cannot be opened ({error.strerror})"
    if not S_ISREG(status.st_mode):
        return "is not a regular file"
    if name in _LOCKS or name.endswith((".lock", ".lockfile")):
        return "is a lock file: name it to read it"
    if name.endswith((".min.js", ".min.css", ".min.mjs", ".js.map", ".css.map")):
        return "is minified: name it to read it"
    if status.st_size > limits.max_bytes:
        return f"has {status.st_size:,} bytes, more than the limit of {limits.max_bytes:,}"
    return None


def _ignored(name: str, rules: tuple[tuple[PurePath, "GitIgnoreSpec"], ...]) -> bool:
    """Whether git would ignore a path: the deepest .gitignore that speaks of it decides."""
    for base, spec in reversed(rules):
        decision = spec.check_file(name if base == PurePath() else name[len(base.as_posix()) + 1 :]).include
        if decision is not None:
            return decision
    return False
